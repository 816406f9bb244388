"""`reproduce`: the numbers of a paper beside ours."""

from argparse import Namespace
from collections import Counter
from functools import partial

from sim.cli.sweeping import executor, report_messages
from sim.cli.tables import print_table
from sim.paper import Paper, paper_of
from sim.registry import find_scenario
from sim.report.page import Column, Page, Table
from sim.report.render import render
from sim.report.scales import written
from sim.reproduce import Judged, Verdict, asked, judged, unexplained
from sim.store import Store
from sim.sweep import make


def reproduce(given: Namespace) -> int:
    """Make the runs behind a paper's numbers; status 1 if one differs without a reason or a run failed."""
    scenario = find_scenario(given.target)
    paper = paper_of(scenario)
    questions = asked(scenario, given.target, paper)
    jobs = list({job.key: job for question in questions for job in question.jobs()}.values())
    store = Store(given.results)
    make(jobs, store, partial(executor, scenario, given.workers, given.results), again=given.again)
    report_messages(store)
    records = {record.key: record for record in store.records([job.key for job in jobs])}
    results = [judged(question, records) for question in questions]
    header = ["claim", "paper", "ours", "verdict"]
    print_table(paper.title, header, [[r.claim.name, _expected(r), _ours(r), r.verdict] for r in results])
    path = given.results / f"{scenario.name}-paper.html"
    path.write_text(render(page(scenario.name, paper, results)), encoding="utf-8")
    print(f"{scenario.name}: {_told(results)}. Page: {path}")
    failed = [record.key for record in records.values() if record.status != "ok"]
    for name in unexplained(results):
        print(f"no reason is given for what differs: {name}")
    return 1 if failed or unexplained(results) else 0


def page(name: str, paper: Paper, results: list[Judged]) -> Page:
    """One table: each number, ours, how it came to be, the verdict and its reason, the record behind it."""
    columns = ("claim", "paper", "ours", "verdict", "reason", "how", "where")
    rows = [
        [
            result.claim.name,
            _expected(result),
            _ours(result),
            result.verdict,
            result.reason,
            result.label + (f", {result.points[0]} of {result.points[1]} points" if result.points[1] > 1 else ""),
            result.claim.where,
        ]
        for result in results
    ]
    return Page(
        title=f"What of {paper.title} holds here?",
        answer=(f"Of {len(results)} numbers: {_told(results)}.", *filter(None, [" ".join(paper.about.split())])),
        facts={"Scenario": name, "Source": paper.source},
        tables=(
            Table(
                "Each number beside ours", tuple(Column(title) for title in columns), rows,
                "The record is the first of those behind a number; `windtunnel replay` makes it again.",
                keys=[result.keys[0] if result.keys else "" for result in results], limit=1000,
            ),
        ),
    )  # fmt: skip


def _told(results: list[Judged]) -> str:
    counts = Counter(result.verdict for result in results)
    plural: dict[Verdict, str] = {
        "holds": "hold",
        "differs": "differ",
        "cannot be checked here": "cannot be checked here",
    }
    return ", ".join(f"{counts[verdict]} {plural[verdict]}" for verdict in plural)


def _expected(result: Judged) -> str:
    sign = {"equal": "", "at_least": "≥ ", "at_most": "≤ "}[result.claim.expect]
    tolerance = f" ± {written(result.claim.tolerance)}" if result.claim.tolerance else ""
    return f"{sign}{written(result.claim.value)}{tolerance}"


def _ours(result: Judged) -> str:
    return "–" if result.ours is None else written(result.ours)
