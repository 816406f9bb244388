"""From records to the scorecard: metrics A1 to A18 of the dossier, and the verdict. Nothing is run here.

A number that does not apply is None, and `notes` says why under its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from sim.judge import statistics as st
from sim.judge.absent import Absent, apart
from sim.judge.candidate import candidate as judged
from sim.judge.plan import Question, Tag
from sim.judge.readings import Readings, Scored
from sim.judge.verdict import Evidence, Rival, Verdict, verdict
from sim.record import Record
from sim.rng import Streams
from sim.store import Store

#: Shares of the way to the oracle for which the expected running time is given.
TARGETS = (0.5, 0.75, 0.9, 0.95, 0.99)
#: Fewer seeds than this may guide, but should not be quoted (testbed dossier 1A).
QUOTABLE = 20


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything that is said about one question. `methods` and `candidate` are JSON-able.

    `notes` say why a metric is None (of a method's own: after the method's name), `crashed` how the runs of a method
    ended that is in no table.
    """

    question: Question
    oracle: str
    structure: Mapping[str, Any]
    methods: Mapping[str, Mapping[str, Any]]
    candidate: Mapping[str, Any]
    verdict: Verdict
    flags: tuple[str, ...]
    scored: Mapping[str, Scored]
    notes: Mapping[str, str] = field(default_factory=dict)
    crashed: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """For programs: infinite and absent numbers are null."""
        told = {
            "problem": self.question.problem.name,
            "candidate": self.question.candidate,
            "budget": self.question.budget,
            "seeds": self.question.seeds,
            "oracle_kind": self.oracle,
            "flags": list(self.flags),
            "structure": self.structure,
            "methods": self.methods,
            "left_out": self.question.left_out,
            "crashed": self.crashed,
            "notes": self.notes,
            "judge": {
                **self.candidate,
                "verdict": self.verdict.word,
                "justified": self.verdict.justified,
                "method": self.verdict.method,
                "more_seeds": self.verdict.more_seeds,
                "reasons": list(self.verdict.reasons),
            },
        }
        return _finite(told)  # type: ignore[no-any-return]


def _finite(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {str(key): _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not isfinite(tree) else tree


def scorecard(
    asked: Question, store: Store, ruler: Record, learned: Mapping[Tag, Record], reproduced: bool | None = None
) -> Scorecard:
    """The scorecard, from the ruler's record and those of all methods, however they ended.

    Raises `UserError` if the ruler or the candidate did not end well, or no cheap method did.
    """
    readings = Readings(asked, store, ruler, learned)
    generator = Streams(asked.seed, "judge bootstrap", 0)("resample").generator
    methods, notes = apart({name: _method(readings, name, generator) for name in readings.scored})
    structure, of_structure = apart(_structure(readings))
    told, of_candidate = apart(judged(readings, methods, reproduced, generator))
    notes |= of_structure | of_candidate
    found = verdict(_evidence(readings, methods, structure, told))
    flags = _flags(readings, structure, told)
    return Scorecard(
        asked, ruler.answer, structure, methods, told, found, flags, readings.scored, notes, readings.crashed
    )


def _structure(readings: Readings) -> dict[str, Any]:
    """A11 to A14 and A17, as the ruler has them."""
    ruler, problem = readings.ruler, readings.asked.problem

    def known(metric: str, why: str) -> Any:
        value = ruler.value(metric)
        return Absent(why) if value is None else value

    still = "an episode is one step" if problem.horizon == 1 else "what is still to come never varies"
    unreal = "model or reality never varies" if problem.real else "the problem has no real thing beside it"
    one, four = known("r2_one", still), known("r2_four", still)
    partially = one if isinstance(one, Absent) else four - max(one, 0.0) > 0.05
    return {
        "A11_r2_one": one,
        "A11_r2_four": four,
        "A11_partially_observed": partially,
        "A11_collisions": ruler.value("collisions"),
        "A12_delay_index": known("delay_index", "no other choice ever changed a reward"),
        "A12_sparse": ruler.value("sparse"),
        "A13_separate": known("separate", "nothing can be gained on any instance"),
        "A14_log10_plans": ruler.value("log10_plans"),
        "A17_fidelity": known("fidelity", unreal),
        "A17_regret": known("fidelity_regret", unreal),
    }


def _method(readings: Readings, name: str, generator: np.random.Generator) -> dict[str, Any]:
    """A1 to A4, A7 and the counters of one method; A2's probability is that the candidate beats it."""
    candidate, theirs = readings.asked.candidate, readings.scored[name]
    curves = theirs.curve.reshape(-1, theirs.curve.shape[-1])
    middle = theirs.curve.mean(axis=(0, 1))
    low, high = st.bootstrap(st.iqm, [theirs.scores], generator)
    t90 = st.ninety(theirs.evaluations, middle)
    told: dict[str, Any] = {
        "family": theirs.family,
        "A2_iqm": st.iqm(theirs.scores),
        "A2_iqm_ci": [low, high],
        "A2_optimality_gap": st.optimality_gap(theirs.scores),
        "A2_profile": {f"{t:g}": float(s) for t, s in zip(TARGETS, st.profile(theirs.scores, TARGETS), strict=True)},
        "A3_auc": st.area(theirs.evaluations, middle),
        "A3_t90": t90 if isfinite(t90) else Absent("its score in the end is below that of uniform choice"),
        "A3_plateau": st.plateau(theirs.evaluations, middle),
        "A4_ert": _running(theirs, readings.scored.get("random")),
        "A7_iqr": st.interquartile_range(theirs.scores),
        "A7_cvar25": st.worst_quarter(theirs.scores),
        "A7_failures": _failures(theirs),
        "A7_drawdown": float(np.mean([st.drawdown(curve) for curve in curves])),
        "A7_jitter": float(np.mean([st.jitter(curve) for curve in curves])),
        **readings.spent(name),
    }
    if name != candidate:
        ours = readings.scored[candidate]
        low, high = st.bootstrap(st.improvement, [ours.scores, theirs.scores], generator)
        told |= {"A2_poi": st.improvement(ours.scores, theirs.scores), "A2_poi_ci": [low, high]}
    return told


def _running(method: Scored, random: Scored | None) -> dict[str, Any]:
    """A4: evaluations until each target, of how many runs that reached it, and random search's over them.

    Without a success the evaluations are infinite; so is a ratio that is left out.
    """
    found: dict[str, Any] = {}
    for target in TARGETS:
        expected, successes, runs = _expected(method, target)
        found[f"{target:g}"] = {"evaluations": expected, "successes": successes, "runs": runs}
        if random is not None:
            base, _, _ = _expected(random, target)
            ratio = base / expected if isfinite(base) and isfinite(expected) else None
            found[f"{target:g}"]["times_random"] = ratio
    return found


def _expected(method: Scored, target: float) -> tuple[float, int, int]:
    curves = method.curve.reshape(-1, method.curve.shape[-1])
    hits = [st.first_hit(method.evaluations, curve, target) for curve in curves]
    return *st.expected_running_time(hits, [float(method.evaluations[-1])] * len(curves)), len(curves)


def _failures(method: Scored) -> float:
    """The share of seeds whose mean score over instances is below that of uniform choice."""
    return float((method.scores.mean(axis=0) < 0.0).mean())


def _evidence(
    readings: Readings, methods: Mapping[str, Mapping[str, Any]], structure: Mapping[str, Any], told: Mapping[str, Any]
) -> Evidence:
    asked = readings.asked
    if not readings.scored:
        return Evidence(asked.candidate, 0.0, {}, 0.0, None, None, None, 0.0, asked.seeds, flat=True)
    crashed = {name: why for name, why in readings.crashed.items() if readings.family(name) != "learned"}
    rivals = {
        name: Rival(
            readings.family(name), methods[name]["A2_iqm"], methods[name]["A2_poi"], *methods[name]["A2_poi_ci"]
        )
        for name in readings.cheap
    }
    return Evidence(
        asked.candidate, methods[asked.candidate]["A2_iqm"], rivals, methods[asked.candidate]["A7_failures"],
        structure["A13_separate"], structure["A12_delay_index"], told["A5_break_even"], asked.problem.lifetime_uses,
        asked.seeds, crashed=crashed,
    )  # fmt: skip


def _flags(readings: Readings, structure: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, ...]:
    """Words that a reader should not miss."""
    share = told["A6_of_interval"]
    flags = {
        "partially_observed": bool(structure["A11_partially_observed"]),
        "brute_force_possible": structure["A14_log10_plans"] <= 6.0,
        "some_flat": bool(readings.zeros.flat["train"].any()),
        "slower_than_its_system": share is not None and share > 1.0,
        "search_not_policy": not told["A15_reuse"],
        "some_crashed": bool(readings.crashed),
        "few_seeds": readings.asked.seeds < QUOTABLE,
        "not_reproduced": told["A18_reproduced"] is False,
    }
    return tuple(name for name, raised in flags.items() if raised)
