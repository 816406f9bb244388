"""`judge`: is a learned method worth it, against everything cheaper, at the same budget?"""

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

import orjson

from sim.cli.sweeping import RETRIED, executor, report_messages
from sim.cli.tables import print_table
from sim.errors import UserError
from sim.executors.inline import Inline
from sim.job import Job
from sim.judge.page import headline, page
from sim.judge.plan import LEARN, Question, Tag, learn_jobs, question, ruler_job
from sim.judge.planted import RIGHT
from sim.judge.scorecard import Scorecard, scorecard
from sim.registry import find_scenario
from sim.report.render import render
from sim.report.scales import written
from sim.store import Store
from sim.sweep import make

#: The suite of problems whose right verdict is known.
PLANTED = "planted"
_STATUS = {True: 0, False: 1, None: 3}


def judge(given: Namespace) -> int:
    """Status 0: worth it, 1: not, 3: not decided, 2: bad input. Of the planted suite 0 if every verdict is right."""
    if given.problem == PLANTED:
        return _planted(given)
    store = Store(given.results)
    card = _judged(_asked(given, given.problem), given, store)
    told = card.json()
    report = _write(card, told, given.results)
    report_messages(store)
    if given.json:
        print(orjson.dumps(told).decode())
    else:
        _show(card)
        for name, why in card.crashed.items():
            print(f"crashed: {name}: {why}")
        print(f"{card.verdict.word}: {headline(card)}")
        for reason in card.verdict.reasons:
            print(f"  {reason}")
        print(f"flags: {', '.join(card.flags) or 'none'}. Report: {report}")
    return _STATUS[card.verdict.justified]


def _asked(given: Namespace, problem: str) -> Question:
    return question(problem, given.method, given.against, given.budget, given.repeat or 5, given.seed)


def _judged(asked: Question, given: Namespace, store: Store) -> Scorecard:
    """Make the runs and the scorecard. Raises `UserError` if the ruler or the candidate cannot be run."""
    ruler, learned = ruler_job(asked), learn_jobs(asked)
    jobs = list({job.key: job for job in (ruler, *learned.values())}.values())
    run = partial(executor, find_scenario(LEARN), given.workers, given.results)
    make(jobs, store, run, RETRIED if given.retry else (), given.again)
    records = {record.key: record for record in store.records([job.key for job in jobs])}
    made = {tag: records[job.key] for tag, job in learned.items()}
    first = made[Tag(asked.candidate, "", 0)]
    again = _reproduced(learned[Tag(asked.candidate, "", 0)], store, given.results) if first.status == "ok" else None
    return scorecard(asked, store, records[ruler.key], made, again)


def _reproduced(job: Job, store: Store, results: Path) -> bool:
    """A18: the candidate's first run, made again here, has the digest of the stored one."""
    (finished,) = Inline(results / "cache").execute([job], lambda *_: None)
    return store.digests([job.key])[job.key] == finished.digest


def _write(card: Scorecard, told: dict[str, object], results: Path) -> Path:
    name = f"judge-{card.question.problem.name}-{card.question.candidate}"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{name}.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    report = results / f"{name}.html"
    report.write_text(render(page(card)), encoding="utf-8")
    return report


def _show(card: Scorecard) -> None:
    header = ["method", "family", "IQM", "95 %", "P(judged better)", "95 %", "AUC", "agent CPU"]
    rows = []
    for name in sorted(card.methods, key=lambda name: -card.methods[name]["A2_iqm"]):
        told = card.methods[name]
        better = [_two(told["A2_poi"]), _range(told["A2_poi_ci"])] if "A2_poi" in told else ["judged", ""]
        rows.append(
            [name, told["family"], _two(told["A2_iqm"]), _range(told["A2_iqm_ci"]), *better, _two(told["A3_auc"]),
             f"{written(told['agent_seconds'], 2)} s"]
        )  # fmt: skip
    asked = card.question
    title = f"{asked.problem.name}: {asked.budget} evaluations each, {asked.seeds} seeds, oracle {card.oracle}"
    print_table(title, header, rows)


def _two(value: float) -> str:
    return f"{value:.3f}"


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


def _planted(given: Namespace) -> int:
    """All planted problems: does each get the verdict that it must get?"""
    if given.method:
        raise UserError("the planted suite judges the method each problem names; leave --method out")
    store, rows, wrong = Store(given.results), [], 0
    for problem, right in RIGHT.items():
        card = _judged(_asked(given, problem), given, store)
        _write(card, card.json(), given.results)
        wrong += card.verdict.word != right
        rows.append([problem, right, card.verdict.word, card.verdict.method, ", ".join(card.flags)])
    report_messages(store)
    if given.json:
        print(
            orjson.dumps(
                [dict(zip(("problem", "right", "verdict", "method", "flags"), r, strict=True)) for r in rows]
            ).decode()
        )
    else:
        print_table("planted problems", ["problem", "right", "verdict", "method", "flags"], rows)
        print(f"{len(rows) - wrong} of {len(rows)} verdicts are right", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0
