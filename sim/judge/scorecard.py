"""From records to the scorecard: metrics A1 to A18 of the dossier, and the verdict. Nothing is run here.

A number that does not apply is None, and `notes` says why under its name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.judge import statistics as st
from sim.judge.learn import KINDS
from sim.judge.methods import Family, find_method
from sim.judge.plan import SEARCHES, Question, Tag
from sim.judge.problem import SPLITS, Split
from sim.judge.verdict import Evidence, Rival, Verdict, verdict
from sim.record import Record
from sim.rng import Streams
from sim.store import Store

Floats = NDArray[np.float64]
#: Shares of the way to the oracle for which the expected running time is given.
TARGETS = (0.5, 0.75, 0.9, 0.95, 0.99)
#: Fewer seeds than this may guide, but should not be quoted (testbed dossier 1A).
QUOTABLE = 20


@dataclass(frozen=True, slots=True)
class Scored:
    """A method's runs. `scores` has shape (instances, seeds), `curve` (instances, seeds, points).

    Values are in the problem's unit, scores normalised; flat instances are left out.
    """

    family: Family
    values: Floats
    scores: Floats
    evaluations: Floats
    curve: Floats
    spent: Mapping[str, float]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything that is said about one question. `methods` and `candidate` are JSON-able."""

    question: Question
    oracle: str
    structure: Mapping[str, Any]
    methods: Mapping[str, Mapping[str, Any]]
    candidate: Mapping[str, Any]
    verdict: Verdict
    flags: tuple[str, ...]
    scored: Mapping[str, Scored]

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


class _Ruler:
    """Zero and one per split and instance; known bests are raised by whatever any method found."""

    def __init__(self, asked: Question, store: Store, record: Record, learned: Mapping[Tag, Record]) -> None:
        columns = _columns(store, record, "ruler")
        self.uniform: dict[Split, Floats] = {}
        self.oracle: dict[Split, Floats] = {}
        for number, split in enumerate(SPLITS):
            rows = columns["split"] == number
            self.uniform[split], self.oracle[split] = columns["uniform"][rows], columns["oracle"][rows]
        if asked.problem.oracle == "best_known":
            self._raise(asked, store, learned)
        self.flat = {
            split: np.array([st.flat(u, o) for u, o in zip(self.uniform[split], self.oracle[split], strict=True)], bool)
            for split in SPLITS
        }

    def _raise(self, asked: Question, store: Store, learned: Mapping[Tag, Record]) -> None:
        sign = asked.problem.sign
        for record in learned.values():
            split: Split = record.config["split"]
            columns = _columns(store, record, "curve")
            for index, value in zip(columns["instance"].astype(int), columns["value"], strict=True):
                if sign * value > sign * self.oracle[split][index]:
                    self.oracle[split][index] = value

    def scores(self, split: Split, values: Floats) -> Floats:
        """Normalised scores of values, instances first; flat instances left out."""
        keep = ~self.flat[split]
        shape = (-1,) + (1,) * (values.ndim - 1)
        uniform, oracle = (part[split][keep].reshape(shape) for part in (self.uniform, self.oracle))
        return st.normalised(values[keep], uniform, oracle)


def _columns(store: Store, record: Record, name: str) -> Mapping[str, Floats]:
    series = store.series(record.key, name)
    assert series is not None, f"record {record.key} lacks its series {name}"
    return series.columns


def scorecard(
    asked: Question, store: Store, ruler: Record, learned: Mapping[Tag, Record], reproduced: bool | None = None
) -> Scorecard:
    """The scorecard, from the ruler's record and those of all methods."""
    rule = _Ruler(asked, store, ruler, learned)
    names = (asked.candidate, *asked.rivals)
    everything = bool(rule.flat["train"].all())
    structure = _structure(asked, ruler)
    scored = {} if everything else {name: _scored(asked, store, rule, learned, name, "") for name in names}
    generator = Streams(asked.seed, "judge bootstrap", 0)("resample").generator
    methods = {name: _method(asked, scored, name, generator) for name in scored}
    candidate = _candidate(asked, store, rule, learned, scored, methods, reproduced) if scored else {}
    found = verdict(_evidence(asked, scored, methods, structure, candidate))
    flags = _flags(asked, rule, structure, methods, candidate)
    return Scorecard(asked, ruler.answer, structure, methods, candidate, found, flags, scored)


def _structure(asked: Question, ruler: Record) -> dict[str, Any]:
    one, four = ruler.value("r2_one"), ruler.value("r2_four")
    return {
        "A11_r2_one": one,
        "A11_r2_four": four,
        "A11_partially_observed": None if one is None or four is None else four - max(one, 0.0) > 0.05,
        "A11_collisions": ruler.value("collisions"),
        "A12_delay_index": ruler.value("delay_index"),
        "A12_sparse": ruler.value("sparse"),
        "A13_separate": ruler.value("separate"),
        "A14_log10_plans": ruler.value("log10_plans"),
        "A17_fidelity": ruler.value("fidelity"),
        "A17_regret": ruler.value("fidelity_regret"),
    }


def _scored(
    asked: Question, store: Store, rule: _Ruler, learned: Mapping[Tag, Record], name: str, variant: str
) -> Scored:
    records = [learned[Tag(name, variant, replicate)] for replicate in range(asked.seeds)]
    split = records[0].config["split"]
    curves = []
    for record in records:
        columns = _columns(store, record, "curve")
        count = int(columns["instance"].max()) + 1
        evaluations = columns["evaluations"].reshape(-1, count)[:, 0]
        curves.append(columns["value"].reshape(-1, count).T)
    curve = np.stack(curves, axis=1)
    spent = {
        metric: float(np.mean([record.value(metric) or 0.0 for record in records]))
        for metric in ("evaluations", "steps", "events", "agent_seconds", "simulator_seconds")
    }
    scores = rule.scores(split, curve)
    family = find_method(asked.problem, name).family
    keys = tuple(record.key for record in records)
    return Scored(family, curve[~rule.flat[split], :, -1], scores[..., -1], evaluations, scores, spent, keys)


def _method(asked: Question, scored: Mapping[str, Scored], name: str, generator: np.random.Generator) -> dict[str, Any]:
    """A1 to A4, A7 and the counters of one method; A2's probability is that the candidate beats it."""
    ours, theirs = scored[asked.candidate], scored[name]
    curves = theirs.curve.reshape(-1, theirs.curve.shape[-1])
    middle = theirs.curve.mean(axis=(0, 1))
    spent = np.full(len(curves), theirs.evaluations[-1])
    reference = scored.get("random")
    running: dict[str, Any] = {}
    for target in TARGETS:
        hits = [st.first_hit(theirs.evaluations, curve, target) for curve in curves]
        expected, successes = st.expected_running_time(hits, spent.tolist())
        running[f"{target:g}"] = {"evaluations": expected, "successes": successes, "runs": len(curves)}
        if reference is not None:
            other = reference.curve.reshape(-1, reference.curve.shape[-1])
            base, _ = st.expected_running_time(
                [st.first_hit(reference.evaluations, curve, target) for curve in other], spent.tolist()
            )
            running[f"{target:g}"]["times_random"] = base / expected if isfinite(base) and isfinite(expected) else None
    low, high = st.bootstrap(st.iqm, [theirs.scores], generator)
    told: dict[str, Any] = {
        "family": theirs.family,
        "A2_iqm": st.iqm(theirs.scores),
        "A2_iqm_ci": [low, high],
        "A2_optimality_gap": st.optimality_gap(theirs.scores),
        "A2_profile": {f"{t:g}": float(s) for t, s in zip(TARGETS, st.profile(theirs.scores, TARGETS), strict=True)},
        "A3_auc": st.area(theirs.evaluations, middle),
        "A3_t90": st.ninety(theirs.evaluations, middle),
        "A3_plateau": st.plateau(theirs.evaluations, middle),
        "A4_ert": running,
        "A7_iqr": st.interquartile_range(theirs.scores),
        "A7_cvar25": st.worst_quarter(theirs.scores),
        "A7_failures": _failures(theirs),
        "A7_drawdown": float(np.mean([st.drawdown(curve) for curve in curves])),
        "A7_jitter": float(np.mean([st.jitter(curve) for curve in curves])),
        **theirs.spent,
    }
    if name != asked.candidate:
        poi = st.improvement(ours.scores, theirs.scores)
        low, high = st.bootstrap(st.improvement, [ours.scores, theirs.scores], generator)
        told |= {"A2_poi": poi, "A2_poi_ci": [low, high]}
    return told


def _failures(method: Scored) -> float:
    """The share of seeds whose mean score over instances is below that of uniform choice."""
    return float((method.scores.mean(axis=0) < 0.0).mean())


def _cheap(scored: Mapping[str, Scored]) -> list[str]:
    return [name for name, method in scored.items() if method.family != "learned"]


def _candidate(
    asked: Question, store: Store, rule: _Ruler, learned: Mapping[Tag, Record], scored: Mapping[str, Scored],
    methods: Mapping[str, Mapping[str, Any]], reproduced: bool | None,
) -> dict[str, Any]:  # fmt: skip
    """A1, A5, A6, A8 to A10, A13's second half, A15, A16 and A18 of the candidate."""
    name, problem = asked.candidate, asked.problem
    ours = scored[name]
    best = max((each for each in _cheap(scored) if each != name), key=lambda each: methods[each]["A2_iqm"])
    records = [learned[Tag(name, "", replicate)] for replicate in range(asked.seeds)]
    method = find_method(problem, name)
    train = ours.spent["agent_seconds"] + ours.spent["simulator_seconds"]
    gain = problem.sign * float(ours.values.mean() - scored[best].values.mean()) * problem.worth
    latency = _median(records, "decision_p50")
    interval = problem.decision_interval
    return {
        "A1_against": best,
        "A1_sota_ratio": st.ratio_of_means(problem.better, ours.values, scored[best].values),
        "A2_iqm": methods[name]["A2_iqm"],
        "A5_train_seconds": train,
        "A5_gain_seconds": gain,
        "A5_break_even": train / gain if gain > 0.0 else None,
        "A6_p50": latency,
        "A6_p99": _median(records, "decision_p99"),
        "A6_cold": _median(records, "decision_cold"),
        "A6_model_bytes": _median(records, "model_bytes"),
        "A6_of_interval": None if interval is None or latency is None else latency / interval,
        "A7_failures": methods[name]["A7_failures"],
        **_sensitivity(asked, store, rule, learned, ours),
        **_robustness(asked, store, rule, learned, records, ours),
        **_generalisation(asked, store, rule, learned, records, ours),
        "A15_reuse": method.reusable and len(problem.instances("train")) > 1,
        **_explained(store, records, problem.arms),
        "A18_reproduced": reproduced,
    }


def _median(records: Sequence[Record], metric: str) -> float | None:
    values = [value for record in records if (value := record.value(metric)) is not None]
    return float(np.median(values)) if values else None


def _variants(learned: Mapping[Tag, Record], name: str) -> list[str]:
    return list(dict.fromkeys(tag.variant for tag in learned if tag.method == name and tag.variant))


def _sensitivity(
    asked: Question, store: Store, rule: _Ruler, learned: Mapping[Tag, Record], ours: Scored
) -> dict[str, Any]:
    """A8: worst over halved and doubled hyper-parameters, over the default; A13: what looking ahead brings."""
    base = st.iqm(ours.scores)
    each = {
        variant: st.iqm(_scored(asked, store, rule, learned, asked.candidate, variant).scores)
        for variant in _variants(learned, asked.candidate)
        if " x " in variant
    }
    told: dict[str, Any] = {"A8_each": each, "A8_hp_sens": min(each.values()) / base if each and base > 0 else None}
    if "gamma = 0" in _variants(learned, asked.candidate):
        blind = _scored(asked, store, rule, learned, asked.candidate, "gamma = 0")
        generator = Streams(asked.seed, "judge bootstrap", 0)("gamma").generator
        told["A13_gamma"] = base - st.iqm(blind.scores)
        told["A13_gamma_ci"] = st.bootstrap(lambda a, b: st.iqm(a) - st.iqm(b), [ours.scores, blind.scores], generator)
    return told


def _final(store: Store, rule: _Ruler, records: Sequence[Record], kind: str, split: Split) -> float | None:
    """The mean score of final scores of a kind, over instances and seeds."""
    found = []
    for record in records:
        columns = _columns(store, record, "final")
        rows = columns["kind"] == KINDS.index(kind)
        count = int(rows.sum())
        if not count:
            return None
        values = columns["value"][rows]
        if len(values) < len(rule.uniform[split]):
            return None
        found.append(rule.scores(split, values[:, None]))
    return float(np.mean(found)) if found and found[0].size else None


def _robustness(
    asked: Question, store: Store, rule: _Ruler, learned: Mapping[Tag, Record], records: Sequence[Record], ours: Scored
) -> dict[str, Any]:
    """A9: scores under each disturbance over the undisturbed one."""
    nominal = float(ours.scores.mean())
    found = {
        "shifted": _final(store, rule, records, "shifted", "shifted"),
        "what_if": _final(store, rule, records, "what_if", "what_if"),
        "noise": _final(store, rule, records, "noise", "train"),
        "worst_of_32": _final(store, rule, records, "worst", "train"),
    }
    for variant in _variants(learned, asked.candidate):
        if variant.startswith("rewards"):
            found["late_rewards"] = float(_scored(asked, store, rule, learned, asked.candidate, variant).scores.mean())
    return {
        "A9_robust": {
            name: None if score is None or nominal <= 0.0 else score / nominal for name, score in found.items()
        }
    }


def _generalisation(
    asked: Question, store: Store, rule: _Ruler, learned: Mapping[Tag, Record], records: Sequence[Record], ours: Scored
) -> dict[str, Any]:
    """A10: what is lost on instances of families never met, and how soon a search started there does as well."""
    zero_shot = _final(store, rule, records, "held_out", "held_out")
    if zero_shot is None:
        return {"A10_zero_shot": None, "A10_gap": None, "A10_crossover": None}
    crossover = {}
    for name in SEARCHES:
        if Tag(name, "held_out", 0) in learned:
            search = _scored(asked, store, rule, learned, name, "held_out")
            crossover[name] = st.first_hit(search.evaluations, search.curve.mean(axis=(0, 1)), zero_shot)
    return {
        "A10_zero_shot": zero_shot,
        "A10_gap": float(ours.scores.mean()) - zero_shot,
        "A10_crossover": min(crossover.values()) if crossover else None,
    }


def _explained(store: Store, records: Sequence[Record], arms: Sequence[int]) -> dict[str, Any]:
    """A16: how varied the choices are, how often the heuristic agrees, how well a tree of depth 4 imitates them."""
    if "choices" not in records[0].series:
        return {"A16_entropy": None, "A16_agreement": None, "A16_tree": None}
    from sklearn.tree import DecisionTreeClassifier

    columns = _columns(store, records[0], "choices")
    arm = columns["arm"].astype(np.int64)
    seen = np.column_stack([columns[name] for name in columns if name not in ("arm", "heuristic")])
    half = np.arange(len(arm)) % 2 == 0
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(seen[half], arm[half])
    known = columns["heuristic"] >= 0
    return {
        "A16_entropy": st.entropy(arm, max(arms)),
        "A16_agreement": float((arm == columns["heuristic"])[known].mean()) if known.any() else None,
        "A16_tree": float((tree.predict(seen[~half]) == arm[~half]).mean()) if (~half).any() else None,
    }


def _evidence(
    asked: Question, scored: Mapping[str, Scored], methods: Mapping[str, Mapping[str, Any]],
    structure: Mapping[str, Any], candidate: Mapping[str, Any],
) -> Evidence:  # fmt: skip
    if not scored:
        return Evidence(asked.candidate, 0.0, {}, 0.0, None, None, None, 0.0, asked.seeds, flat=True)
    rivals = {
        name: Rival(scored[name].family, methods[name]["A2_iqm"], methods[name]["A2_poi"], *methods[name]["A2_poi_ci"])
        for name in _cheap(scored)
        if name != asked.candidate
    }
    return Evidence(
        asked.candidate, methods[asked.candidate]["A2_iqm"], rivals, methods[asked.candidate]["A7_failures"],
        structure["A13_separate"], structure["A12_delay_index"], candidate["A5_break_even"],
        asked.problem.lifetime_uses, asked.seeds,
    )  # fmt: skip


def _flags(
    asked: Question, rule: _Ruler, structure: Mapping[str, Any], methods: Mapping[str, Mapping[str, Any]],
    candidate: Mapping[str, Any],
) -> tuple[str, ...]:  # fmt: skip
    """Words that a reader should not miss."""
    share = candidate.get("A6_of_interval")
    flags = {
        "partially_observed": bool(structure["A11_partially_observed"]),
        "brute_force_possible": structure["A14_log10_plans"] <= 6.0,
        "some_flat": bool(rule.flat["train"].any()),
        "slower_than_its_system": share is not None and share > 1.0,
        "search_not_policy": bool(candidate) and not candidate["A15_reuse"],
        "few_seeds": asked.seeds < QUOTABLE,
        "not_reproduced": candidate.get("A18_reproduced") is False,
    }
    return tuple(name for name, raised in flags.items() if raised)
