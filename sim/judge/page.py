"""The scorecard as a page: the verdict and its reasons, scores, learning curves, and every metric with its rule."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sim.judge.methods import FAMILIES, methods_of
from sim.judge.scorecard import QUOTABLE, Scorecard
from sim.report.bars import bars
from sim.report.charts import Axis, curve
from sim.report.page import Cell, Column, Page, Picture, Swatch, Table
from sim.report.palette import colours
from sim.report.scales import written

#: Colours go by family, as there are eight hues; the judged method's first. It is marked by word.
_COLOURS = (FAMILIES[-1], *FAMILIES[:-1])
#: Learning curves drawn: the candidate, and the best of every family up to so many.
_LINES = 6

#: Metric -> what it says, in words.
_ABOUT: Mapping[str, str] = {
    "A1_sota_ratio": "how many times better than the best cheap method (geometric mean of values)",
    "A1_ci": "its 95 % interval",
    "A5_train_seconds": "CPU seconds of training, method and simulator (measured)",
    "A5_gain_seconds": "CPU seconds that one use of it is worth over the best cheap method",
    "A5_break_even": "uses until training has paid back",
    "A5_peak_rss": "peak bytes of memory while it trained (measured)",
    "A5_energy": "joules of training",
    "A5_tuning_evaluations": "evaluations of each instance spent on it beforehand",
    "A6_p50": "median decision in seconds (measured)",
    "A6_p99": "99th percentile of decisions in seconds (measured)",
    "A6_cold": "first decision in seconds (measured)",
    "A6_model_bytes": "bytes of the deployed rule (measured)",
    "A6_flop": "floating-point operations of a decision",
    "A6_of_interval": "median decision over the system's decision interval; above 1 it is too slow",
    "A7_failures": "share of seeds below uniform choice",
    "A8_hp_sens": "worst score over halved and doubled hyper-parameters, over the default's",
    "A10_zero_shot": "score on instances of families never met, no evaluation spent there",
    "A10_gap": "what is lost there",
    "A10_crossover": "evaluations with which a fresh search does as well there",
    "A11_r2_one": "out-of-fold R² of what is still to come, from the last step",
    "A11_r2_four": "the same from the last four steps; 0.05 more means partially observed",
    "A11_collisions": "observations that look the same and have different best choices",
    "A12_delay_index": "mean lag of a choice's effect, in steps",
    "A12_sparse": "share of steps that are rewarded",
    "A13_separate": "score of choosing every decision by itself; 0.98 or more is a bandit's problem",
    "A13_gamma": "what looking ahead brings the method",
    "A14_log10_plans": "decimal logarithm of the number of plans; 6 or less can be tried out",
    "A15_reuse": "whether the trained object serves more than one instance",
    "A16_entropy": "entropy of choices: 0 always the same, 1 uniform",
    "A16_agreement": "how often the heuristic would have chosen the same",
    "A16_tree": "how often a decision tree of depth 4 imitates it on other situations",
    "A17_fidelity": "rank correlation of model and reality (measured)",
    "A17_regret": "what the model's first choice loses in reality (measured)",
    "A18_reproduced": "whether a run made again gave the same digest",
}  # fmt: skip


def page(card: Scorecard) -> Page:
    """The page of a scorecard."""
    asked = card.question
    pictures = () if not card.scored else (_scores(card), _curves(card))
    return Page(
        title=f"Is {asked.candidate} worth it in {asked.problem.name}?",
        answer=(headline(card), *card.verdict.reasons, *_caveats(card)),
        facts={
            "Problem": f"{asked.problem.name}: {asked.problem.question}",
            "Candidate": f"{asked.candidate}: {methods_of(asked.problem)[asked.candidate].about}",
            "Budget": f"{asked.budget} evaluations of each instance, the same for all methods",
            "Seeds": str(asked.seeds),
            "Oracle": f"{card.oracle.replace('_', ' ')}; 0 is the mean of 1,000 uniform choices, 1 the oracle",
        },
        pictures=pictures,
        tables=(*((_methods(card), _spent(card)) if card.scored else ()), _metrics(card), _left_out(card)),
    )


def headline(card: Scorecard) -> str:
    """The verdict in one sentence."""
    candidate, instead = card.question.candidate, card.verdict.method
    words = {
        "rl_justified": f"{candidate} is worth it.",
        "unstable": f"{candidate} gains, but fails on too many seeds: unstable; use {instead}.",
        "inconclusive": f"Not decided: about {card.verdict.more_seeds} more seeds would tell."
        if card.verdict.more_seeds
        else "Not decided: a baseline that crashed is not beaten.",
        "flat": "There is nothing to gain: every choice is worth the same.",
    }
    advice = {
        "use_heuristic": "the rule that is there",
        "use_search": "a search",
        "use_bandit": "a bandit",
        "use_supervised": "supervised learning",
    }
    word = card.verdict.word
    return words.get(word) or f"{candidate} is not worth it; {advice[word]} does: {instead}."


def _caveats(card: Scorecard) -> tuple[str, ...]:
    said = {
        "partially_observed": "What is seen is not enough to decide (A11): more history explains more of the return.",
        "brute_force_possible": "All plans could be tried out (A14).",
        "search_not_policy": "What is trained serves a single instance (A15): it is a search, and ranked as one.",
        "slower_than_its_system": "A decision takes longer than the system has for it (A6).",
        "some_crashed": f"Crashed, and in no table: {', '.join(card.crashed)}.",
        "few_seeds": f"{card.question.seeds} seeds guide; for quotation take {QUOTABLE} or more.",
        "not_reproduced": "A run made again gave another digest (A18).",
        "some_flat": "Instances on which nothing can be gained are left out.",
    }
    return tuple(said[flag] for flag in card.flags)


def _scores(card: Scorecard) -> Picture:
    rows: list[dict[str, Any]] = []
    for name in _ranked(card):
        low, high = card.methods[name]["A2_iqm_ci"]
        mine = name == card.question.candidate
        rows.append(
            {
                "method": f"{name} (judged)" if mine else name,
                "score": card.methods[name]["A2_iqm"],
                "score_low": low,
                "score_high": high,
                "family": card.methods[name]["family"],
                "key": card.scored[name].keys[0],
            }
        )
    picture = bars(
        rows, "method", "score", title=f"Who comes closest to the oracle in {card.question.budget} evaluations?",
        alt="Interquartile mean score of every method with its interval.", measure="score (0 uniform, 1 oracle)",
        colour="family", declared=_COLOURS,
        caption="Interquartile mean over instances and seeds, with the 95 % stratified bootstrap interval.",
    )  # fmt: skip
    families = list(dict.fromkeys(str(row["family"]) for row in rows))
    key = tuple(Swatch(family, hue) for family, hue in colours(families, _COLOURS).items())
    return replace(picture, swatches=key)


def _curves(card: Scorecard) -> Picture:
    shown = _shown(card)
    rows: list[dict[str, Any]] = []
    for name in shown:
        scored = card.scored[name]
        seeds = scored.curve.mean(axis=0)
        low, high = np.quantile(seeds, [0.25, 0.75], axis=0)
        for index, evaluations in enumerate(scored.evaluations):
            rows.append(
                {"method": name, "evaluations": float(evaluations), "score": float(seeds[:, index].mean()),
                 "score_low": float(low[index]), "score_high": float(high[index]), "key": scored.keys[0]}
            )  # fmt: skip
    ends = (float(scored.evaluations[0]), float(scored.evaluations[-1]))
    rows += [{"method": "oracle", "evaluations": at, "score": 1.0, "label": "bound"} for at in ends]
    return curve(
        rows, Axis("evaluations", "evaluations of each instance", log=True), Axis("score", "score"),
        title="How fast do they get there?", alt="Mean score over evaluations, with the oracle at 1.", colour="method",
        caption=f"{card.question.candidate} and the best of every family; bands are the quartiles over seeds.",
        declared=tuple(shown),
    )  # fmt: skip


def _shown(card: Scorecard) -> list[str]:
    best: dict[str, str] = {}
    for name in _ranked(card):
        best.setdefault(card.methods[name]["family"], name)
    others = [name for name in best.values() if name != card.question.candidate]
    return [card.question.candidate, *others[: _LINES - 1]]


def _ranked(card: Scorecard) -> list[str]:
    return sorted(card.methods, key=lambda name: -card.methods[name]["A2_iqm"])


def _methods(card: Scorecard) -> Table:
    columns = (
        Column("method"), Column("family"), Column("IQM", "1", 3), Column("from", "1", 3), Column("to", "1", 3),
        Column("P(judged better)", "1", 2), Column("from", "1", 2), Column("to", "1", 2),
        Column("failures", "ratio", 2),
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for name in _ranked(card):
        told = card.methods[name]
        ends = told.get("A2_poi_ci", (None, None))
        rows.append(
            [name, told["family"], told["A2_iqm"], *told["A2_iqm_ci"], told.get("A2_poi"), *ends, told["A7_failures"]]
        )
    return Table(
        "Every method at the same budget", columns, rows,
        "IQM: A2. P: the probability that the judged method scores higher, and its 95 % interval.",
        keys=[card.scored[str(row[0])].keys[0] for row in rows],
    )  # fmt: skip


def _spent(card: Scorecard) -> Table:
    columns = (
        Column("method"), Column("AUC", "1", 3), Column("ERT(0.9)", "1", 3), Column("reached"),
        Column("evaluations", "1", 6), Column("before", "1", 6), Column("steps", "1", 6), Column("events", "1", 6),
        Column("own CPU", "time", 3), Column("model's CPU", "time", 3),
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for name in _ranked(card):
        told = card.methods[name]
        ert = told["A4_ert"]["0.9"]
        rows.append(
            [
                name, told["A3_auc"], ert["evaluations"] if ert["successes"] else None,
                f"{ert['successes']} of {ert['runs']}", told["evaluations"],
                told["tuning_evaluations"], told["steps"], told["events"],
                told["agent_seconds"], told["simulator_seconds"],
            ]
        )  # fmt: skip
    return Table(
        "How fast, and what was spent", columns, rows,
        "AUC: mean score over the budget (A3). ERT(0.9): evaluations until 90 % of the way to the oracle, and how many "
        "runs got there (A4). Evaluations, steps, events and CPU time (measured) are means per run over all instances; "
        "before: evaluations of each instance that were spent on it beforehand.",
    )  # fmt: skip


def _metrics(card: Scorecard) -> Table:
    told = {**card.structure, **card.candidate}
    about = [(name, told[name], said) for name, said in _ABOUT.items() if name in told]
    about += [(f"A9_robust {name}", value, "score under it, over the undisturbed one")
              for name, value in (told["A9_robust"] or {"": None}).items()]  # fmt: skip
    about += [(f"A8_each {name}", value, "score") for name, value in told.get("A8_each", {}).items()]
    about.sort(key=lambda row: int(row[0][1:].replace("_", " ").split()[0]))
    rows = [[_named(name), _value(value), _said(card, name.strip(), said)] for name, value, said in about]
    columns = (Column("metric"), Column(card.question.candidate), Column("what it says"))
    return Table("The judged method, metric by metric", columns, rows)


def _named(name: str) -> str:
    return name.replace("A9_robust ", "A9 ").replace("A8_each ", "A8 ").replace("_of_32", " of 32")


def _said(card: Scorecard, name: str, about: str) -> str:
    """What a metric says, and why it does not if it does not."""
    return f"{about}; none, as {card.notes[name]}" if name in card.notes else about


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return f"{_value(value[0])} to {_value(value[1])}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return written(float(value), 3)


def _left_out(card: Scorecard) -> Table:
    rows: Sequence[Sequence[Cell]] = [
        *([name, f"crashed: {why}"] for name, why in card.crashed.items()),
        *([name, why] for name, why in card.question.left_out.items()),
    ]
    return Table("Not compared", (Column("method"), Column("why")), rows)
