"""What is said of the judged method alone: A1, A5, A6, A8 to A10, the second half of A13, A15, A16 and A18."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.judge import statistics as st
from sim.judge.absent import Absent
from sim.judge.methods import find_method
from sim.judge.plan import SEARCHES
from sim.judge.problem import Split
from sim.judge.readings import Readings, Scored
from sim.record import Record
from sim.rng import Streams

#: What needs scores, and is absent where nothing can be gained.
_BY_SCORE = (
    "A1_sota_ratio", "A1_ci", "A2_iqm", "A5_gain_seconds", "A5_break_even", "A7_failures", "A8_hp_sens", "A9_robust",
    "A10_zero_shot", "A10_gap", "A10_crossover", "A13_gamma",
)  # fmt: skip
_NOTHING = Absent("nothing can be gained on any instance")
#: A9: disturbance -> (which final scores, of which instances).
_DISTURBED: Mapping[str, tuple[str, Split]] = {
    "shifted": ("shifted", "shifted"),
    "what_if": ("what_if", "what_if"),
    "noise": ("noise", "train"),
    "worst_of_32": ("worst", "train"),
}


def candidate(
    readings: Readings,
    methods: Mapping[str, Mapping[str, Any]],
    reproduced: bool | None,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """The metrics by name; what does not apply is `Absent`. `methods` are the scorecard's own rows (A2, A7)."""
    told = _costs(readings) | _explained(readings)
    told["A18_reproduced"] = Absent("no run was made again") if reproduced is None else reproduced
    if readings.all_flat:
        return told | dict.fromkeys(_BY_SCORE, _NOTHING)
    ours = readings.scored[readings.asked.candidate]
    return {
        **_gain(readings, methods, ours, generator),
        **told,
        **_sensitivity(readings, ours),
        "A9_robust": _robustness(readings, ours),
        **_generalisation(readings, ours),
    }


def _gain(
    readings: Readings, methods: Mapping[str, Mapping[str, Any]], ours: Scored, generator: np.random.Generator
) -> dict[str, Any]:
    """A1 against the best cheap method, and what one use gains over it (A5)."""
    name, problem = readings.asked.candidate, readings.asked.problem
    best = max(readings.cheap, key=lambda each: methods[each]["A2_iqm"])
    theirs = readings.scored[best].values
    train = _train_seconds(readings)
    gain = problem.sign * float(ours.values.mean() - theirs.mean()) * problem.worth
    ratio = st.ratio_of_means(problem.better, ours.values, theirs)
    told: dict[str, Any] = {"A1_against": best}
    if ratio is None:
        told |= dict.fromkeys(("A1_sota_ratio", "A1_ci"), Absent("a value is not above 0, and a ratio says nothing"))
    else:
        told |= {"A1_sota_ratio": ratio, "A1_ci": _ratio_interval(problem.better, ours.values, theirs, generator)}
    return told | {
        "A2_iqm": methods[name]["A2_iqm"],
        "A5_gain_seconds": gain,
        "A5_break_even": train / gain if gain > 0.0 else Absent("it gains nothing, and never pays back"),
        "A7_failures": methods[name]["A7_failures"],
    }


def _ratio_interval(better: str, ours: st.Floats, theirs: st.Floats, generator: np.random.Generator) -> Any:
    def ratio(a: st.Floats, b: st.Floats) -> float:
        found = st.ratio_of_means(better, a, b)
        return np.nan if found is None else found

    low, high = st.bootstrap(ratio, [ours, theirs], generator)
    return [low, high] if np.isfinite(low) else Absent("a resampled value is not above 0")


def _train_seconds(readings: Readings) -> float:
    spent = readings.spent(readings.asked.candidate)
    return spent["agent_seconds"] + spent["simulator_seconds"]


def _costs(readings: Readings) -> dict[str, Any]:
    """A5 and A6 but for the gain, and A15."""
    problem = readings.asked.problem
    method = find_method(problem, readings.asked.candidate)
    records = readings.records(readings.asked.candidate)
    latency, interval = _median(records, "decision_p50"), problem.decision_interval
    memory = [value for record in records if isinstance(value := record.system.get("peak_rss"), float)]
    return {
        "A5_train_seconds": _train_seconds(readings),
        "A5_peak_rss": float(np.median(memory)) if memory else Absent("not measured"),
        "A5_energy": Absent("no model of the energy of the machine that trains"),
        "A5_tuning_evaluations": float(method.tuning),
        "A6_p50": latency,
        "A6_p99": _median(records, "decision_p99"),
        "A6_cold": _median(records, "decision_cold"),
        "A6_model_bytes": _median(records, "model_bytes") or Absent("the deployed rule cannot be pickled"),
        "A6_flop": Absent("floating-point operations of a decision are not counted"),
        "A6_of_interval": Absent("the problem declares no decision interval") if interval is None
        else (latency or 0.0) / interval,
        "A15_reuse": method.reusable and len(problem.instances("train")) > 1,
    }  # fmt: skip


def _median(records: Sequence[Record], metric: str) -> float | None:
    values = [value for record in records if (value := record.value(metric)) is not None]
    return float(np.median(values)) if values else None


def _sensitivity(readings: Readings, ours: Scored) -> dict[str, Any]:
    """A8: worst over halved and doubled hyper-parameters, over the default; A13: what looking ahead brings."""
    name, base = readings.asked.candidate, st.iqm(ours.scores)
    each: dict[str, Any] = {
        variant: Absent(why) if (why := readings.why_not(name, variant)) else st.iqm(readings.of(name, variant).scores)
        for variant in readings.variants(name)
        if " x " in variant
    }
    known = [score for score in each.values() if not isinstance(score, Absent)]
    worst: Any = Absent("the method declares no hyper-parameters")
    if len(known) < len(each):
        worst = Absent("a run with another hyper-parameter did not end well")
    elif each:
        worst = min(known) / base if base > 0.0 else Absent("the score by default is not above 0")
    return {"A8_each": each, "A8_hp_sens": worst, **_foresight(readings, ours, base)}


def _foresight(readings: Readings, ours: Scored, base: float) -> dict[str, Any]:
    name, variant = readings.asked.candidate, "gamma = 0"
    if variant not in readings.variants(name):
        return {"A13_gamma": Absent("the method has no discount that could be 0")}
    if why := readings.why_not(name, variant):
        return {"A13_gamma": Absent(why)}
    blind = readings.of(name, variant).scores
    generator = Streams(readings.asked.seed, "judge bootstrap", 0)("gamma").generator
    interval = st.bootstrap(lambda a, b: st.iqm(a) - st.iqm(b), [ours.scores, blind], generator)
    return {"A13_gamma": base - st.iqm(blind), "A13_gamma_ci": list(interval)}


def _robustness(readings: Readings, ours: Scored) -> dict[str, Any]:
    """A9: scores under each disturbance over the undisturbed one."""
    nominal = float(ours.scores.mean())
    found: dict[str, Any] = {}
    for name, (kind, split) in _DISTURBED.items():
        score = readings.final(kind, split)
        found[name] = Absent(_why_undisturbed(readings, name)) if score is None else score
    found["late_rewards"] = _late(readings)
    if nominal <= 0.0:
        return dict.fromkeys(found, Absent("the undisturbed score is not above 0"))
    return {name: score if isinstance(score, Absent) else score / nominal for name, score in found.items()}


def _why_undisturbed(readings: Readings, name: str) -> str:
    if readings.family(readings.asked.candidate) != "learned":
        return "only learned methods are disturbed"
    if name == "worst_of_32":
        return "nothing is random"
    return f"the problem has not one {name.replace('_', '-')} instance for each that is trained on"


def _late(readings: Readings) -> Any:
    name = readings.asked.candidate
    variant = next((each for each in readings.variants(name) if each.startswith("rewards")), "")
    if not variant:
        return Absent("rewards come at the end as it is")
    if why := readings.why_not(name, variant):
        return Absent(why)
    return float(readings.of(name, variant).scores.mean())


def _generalisation(readings: Readings, ours: Scored) -> dict[str, Any]:
    """A10: what is lost on instances of families never met, and how soon a search started there does as well."""
    name, problem = readings.asked.candidate, readings.asked.problem
    zero_shot = readings.final("held_out", "held_out")
    if zero_shot is None:
        reusable = find_method(problem, name).reusable
        why = "no gain is to be had there" if problem.instances("held_out") else "the problem has no held-out instances"
        absent = Absent(why if reusable else "what is trained serves only the instances it was trained on")
        return dict.fromkeys(("A10_zero_shot", "A10_gap", "A10_crossover"), absent)
    ran = [
        each for each in SEARCHES if "held_out" in readings.variants(each) and not readings.why_not(each, "held_out")
    ]
    searches = [readings.of(each, "held_out") for each in ran]
    met = [st.first_hit(search.evaluations, search.curve.mean(axis=(0, 1)), zero_shot) for search in searches]
    crossover: Any = min(met, default=Absent("no search was run there"))
    return {
        "A10_zero_shot": zero_shot,
        "A10_gap": float(ours.scores.mean()) - zero_shot,
        "A10_crossover": Absent("no search does as well there in its budget") if crossover == np.inf else crossover,
    }


def _explained(readings: Readings) -> dict[str, Any]:
    """A16: how varied the choices are, how often the heuristic agrees, how well a tree of depth 4 imitates them."""
    columns = readings.choices()
    if columns is None:
        return dict.fromkeys(("A16_entropy", "A16_agreement", "A16_tree"), Absent("only learned methods are explained"))
    from sklearn.tree import DecisionTreeClassifier

    arm = columns["arm"].astype(np.int64)
    seen = np.column_stack([columns[name] for name in columns if name not in ("arm", "heuristic")])
    half = np.arange(len(arm)) % 2 == 0
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(seen[half], arm[half])
    known = columns["heuristic"] >= 0
    agreed = float((arm == columns["heuristic"])[known].mean()) if known.any() else None
    held = float((tree.predict(seen[~half]) == arm[~half]).mean()) if (~half).any() else None
    return {
        "A16_entropy": st.entropy(arm, max(readings.asked.problem.arms)),
        "A16_agreement": Absent("the problem has no heuristic") if agreed is None else agreed,
        "A16_tree": Absent("a single situation was met") if held is None else held,
    }
