"""From an order of actions to what the run reports.

Of the first `tries` actions of each loop the fastest is kept: by the model, or by one half of the measurements while
the other half judges. Regret is the geometric mean over loops of the time of what was kept over that of the best
allowed action.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scenarios.neurovectorizer.actions import DEFAULT, NAMES
from scenarios.neurovectorizer.config import METRICS, NeuroVectorizerConfig
from scenarios.neurovectorizer.problem_set import LoopSet
from sim.scenario import Check, Outcome, Series

if TYPE_CHECKING:
    from scenarios.neurovectorizer.measured import Truth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def outcome(
    config: NeuroVectorizerConfig, asked: LoopSet, order: Ints, truths: "Sequence[Truth] | None", polly: Floats,
    known: Mapping[str, float | None], missing: str = "",
) -> Outcome:  # fmt: skip
    """Metrics, a row per loop, and what must hold.

    `polly` (loops,) is what Polly gains over the compiler's own choice, NaN where it is wrong, or empty if it was not
    asked for; `missing` says why nothing could be measured.
    """
    tries = len(NAMES) if config.policy == "brute_force" else config.tries
    modelled = np.where(asked.allowed, asked.cycles, np.inf)
    chosen = _fastest(order, modelled, tries)
    metrics: dict[str, float | None] = {
        **_figures(modelled, chosen, ""), "tried": float(min(tries, len(NAMES))), **known,
    }  # fmt: skip
    columns: dict[str, NDArray[np.generic]] = {
        "loop": np.array([k.name for k in asked.kernels]),
        "chosen": np.array([NAMES[k] for k in chosen]),
        "best": np.array([NAMES[k] for k in modelled.argmin(axis=1)]),
        "regret": modelled[np.arange(len(chosen)), chosen] / modelled.min(axis=1),
    }
    checks = [_legal_check(asked, chosen)]
    if truths is not None:
        more, real, check = _measured(asked, order, truths, tries)
        metrics |= more
        columns |= real
        checks.append(check)
    if len(polly):
        metrics["polly_speedup"] = _mean(polly[np.isfinite(polly)])
        columns["polly_speedup"] = polly
    why = missing if config.truth == "measured" and truths is None else "only with truth = measured"
    notes = {m.name: why for m in METRICS if metrics.get(m.name) is None}
    if truths is not None and not len(polly):
        notes["polly_speedup"] = "only with polly = true"
    return Outcome(metrics, {"loops": Series(columns)}, tuple(checks), notes)


def _fastest(order: Ints, times: Floats, tries: int) -> Ints:
    """Of each row's first `tries` actions the one with the least time."""
    first = order[:, :tries]
    return np.asarray(first[np.arange(len(first)), np.take_along_axis(times, first, axis=1).argmin(axis=1)])


def _figures(times: Floats, chosen: Ints, prefix: str) -> dict[str, float | None]:
    rows = np.arange(len(chosen))
    regret = times[rows, chosen] / times.min(axis=1)
    default = times[:, DEFAULT]
    found: dict[str, float | None] = {
        f"{prefix}regret": _mean(regret),
        f"{prefix}speedup": _mean(default / times[rows, chosen]),
        f"{prefix}headroom": _mean(default / times.min(axis=1)),
    }
    return found if prefix else {**found, "worst_regret": float(regret.max())}


def _mean(ratios: Floats) -> float:
    return float(np.exp(np.log(ratios).mean()))


def _measured(
    asked: LoopSet, order: Ints, truths: "Sequence[Truth]", tries: int
) -> tuple[dict[str, float | None], dict[str, NDArray[np.generic]], Check]:
    from scenarios.neurovectorizer.harness import tau

    select = np.array([np.where(t.usable & a, t.select, np.inf) for t, a in zip(truths, asked.allowed, strict=True)])
    judge = np.array([np.where(t.usable & a, t.judge, np.inf) for t, a in zip(truths, asked.allowed, strict=True)])
    chosen = _fastest(order, select, tries)
    wrong = np.array([t.wrong for t in truths])
    taken = wrong[np.arange(len(chosen)), chosen]
    trusted = [row for row, t in enumerate(truths) if t.trusted]
    pairs = [
        (truths[r].judge, asked.cycles[r])
        for r in trusted
        if np.nanmax(truths[r].judge) > 1.03 * np.nanmin(truths[r].judge)
    ]
    metrics: dict[str, float | None] = {
        **_figures(judge[trusted], chosen[trusted], "real_"),
        "model_tau": float(np.mean([tau(a, b) for a, b in pairs])) if pairs else None,
        "retest_tau": float(np.mean([t.retest for t in truths])),
        "wrong_chosen": float(taken.sum()),
        "wrong_actions": float(wrong.sum()),
        "honoured": float(np.mean([t.honoured.mean() for t in truths])),
    }
    best = judge.min(axis=1)
    columns: dict[str, NDArray[np.generic]] = {
        "real_chosen": np.array([NAMES[k] for k in chosen]),
        "real_best": np.array([NAMES[k] for k in judge.argmin(axis=1)]),
        "real_regret": judge[np.arange(len(chosen)), chosen] / best,
        "retest": np.array([t.retest for t in truths]),
        "wrong": wrong.sum(axis=1),
    }
    detail = f"{int(taken.sum())} of {len(taken)} choices compute something else"
    return metrics, columns, Check("no choice with wrong results", "fails" if taken.any() else "holds", detail)


def _legal_check(asked: LoopSet, chosen: Ints) -> Check:
    bad = ~asked.allowed[np.arange(len(chosen)), chosen]
    return Check("every choice allowed", "fails" if bad.any() else "holds", f"{int(bad.sum())} are not")
