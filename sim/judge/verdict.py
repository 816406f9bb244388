"""The rule that says whether a learned method is worth it, from the evidence and nothing else.

rl_justified iff
    the lower end of the probability of improvement (A2) is above 0.5 against *every* cheap baseline,
    and the interquartile mean is at least 0.02 above the best of them,
    and decisions are coupled (A13 below 0.98) or effects late (A12 above 0.5),
    and at most 5 % of the seeds fall below uniform choice (A7),
    and training pays back within the declared lifetime (A5).

Where all points but not all intervals say so, more seeds decide: `inconclusive`; so is what speaks for the method
while a cheap baseline crashed, for a baseline that did not run is not beaten. Where only the seeds disagree:
`unstable`. Otherwise the advice is the simplest family whose best member is within 0.02 of the best cheap baseline; of
separable problems (A13 at least 0.98) a bandit first, then regression. Where nothing can be gained: `flat`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from sim.judge.methods import FAMILIES, Family

Word = Literal[
    "rl_justified", "use_heuristic", "use_search", "use_bandit", "use_supervised", "unstable", "inconclusive", "flat"
]
#: What counts as a gain, as separable, as late, and as too many failures.
GAIN, SEPARABLE, LATE, FAILURES = 0.02, 0.98, 0.5, 0.05
_ADVICE: Mapping[Family, Word] = {
    "given": "use_heuristic",
    "random": "use_search",
    "greedy": "use_search",
    "evolutionary": "use_search",
    "bayesian": "use_search",
    "bandit": "use_bandit",
    "supervised": "use_supervised",
}


@dataclass(frozen=True, slots=True)
class Rival:
    """A cheap baseline: its family, its interquartile mean, and the probability that the candidate is better."""

    family: Family
    iqm: float
    poi: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the rule looks at. `break_even` is in uses (None: never), `seeds` how many there were.

    `crashed` are the cheap baselines that came to nothing, with how they ended.
    """

    candidate: str
    iqm: float
    rivals: Mapping[str, Rival]
    failures: float
    separate: float | None
    delay_index: float | None
    break_even: float | None
    lifetime_uses: float
    seeds: int
    flat: bool = False
    crashed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, what it means for the learned method (True, False, None: unknown), and why, in sentences.

    `method` is what to use instead or, if justified, the candidate; `more_seeds` is for `inconclusive`, 0 where it
    is not seeds that are lacking but baselines that crashed.
    """

    word: Word
    justified: bool | None
    method: str
    reasons: tuple[str, ...]
    more_seeds: int = 0


def verdict(evidence: Evidence) -> Verdict:
    """Apply the rule."""
    if evidence.flat:
        return Verdict("flat", False, "", ("Every choice is worth the same: nothing is to be gained by any method.",))
    conditions = _conditions(evidence)
    reasons = tuple(("Yes: " if holds else "No: ") + sentence for holds, sentence in conditions.values())
    failed = {name for name, (holds, _) in conditions.items() if not holds}
    if failed == {"complete"}:
        return Verdict("inconclusive", None, "", reasons)
    failed -= {"complete"}
    if not failed:
        return Verdict("rl_justified", True, evidence.candidate, reasons)
    if failed == {"stable"}:
        return Verdict("unstable", False, _simplest(evidence), reasons)
    if failed <= {"better", "stable"} and all(rival.poi > 0.5 for rival in evidence.rivals.values()):
        more = max(_more_seeds(rival, evidence.seeds) for rival in evidence.rivals.values())
        return Verdict("inconclusive", None, "", reasons, more)
    method = _simplest(evidence)
    return Verdict(_ADVICE[evidence.rivals[method].family], False, method, reasons)


def _conditions(evidence: Evidence) -> dict[str, tuple[bool, str]]:
    name, rivals = evidence.candidate, evidence.rivals
    best = max(rivals, key=lambda rival: rivals[rival].iqm)
    closest = min(rivals, key=lambda rival: (rivals[rival].low, rivals[rival].poi, -rivals[rival].iqm))
    gain = evidence.iqm - rivals[best].iqm
    coupled = evidence.separate is not None and evidence.separate < SEPARABLE
    late = evidence.delay_index is not None and evidence.delay_index > LATE
    pays = evidence.break_even is not None and evidence.break_even <= evidence.lifetime_uses
    lost = "; ".join(f"{rival} did not: {why}" for rival, why in evidence.crashed.items())
    complete = {"complete": (False, f"every cheap method ran to its end; {lost}.")} if lost else {}
    even = "never" if evidence.break_even is None else f"after {max(1.0, evidence.break_even):,.0f} uses"
    return {
        "better": (
            rivals[closest].low > 0.5,
            f"{name} is better than every cheap method; closest is {closest}, beaten with probability "
            f"{rivals[closest].poi:.2f} ({rivals[closest].low:.2f} to {rivals[closest].high:.2f}, must exceed 0.5).",
        ),
        "gain": (
            gain >= GAIN,
            f"it gains {gain:+.3f} of the way from uniform choice to the oracle over the best of them, {best} "
            f"(at least {GAIN} is asked for).",
        ),
        "coupled": (
            coupled or late,
            f"choices are coupled or their effects late: deciding each alone comes to {_written(evidence.separate)} "
            f"(below {SEPARABLE}), effects are {_written(evidence.delay_index)} steps late (above {LATE}).",
        ),
        "stable": (
            evidence.failures <= FAILURES,
            f"{evidence.failures:.0%} of its seeds are below uniform choice (at most {FAILURES:.0%}).",
        ),
        "pays": (
            pays,
            f"its training pays back {even} ({evidence.lifetime_uses:,.0f} uses are declared).",
        ),
        **complete,
    }


def _written(value: float | None) -> str:
    return "nothing measurable" if value is None else f"{value:.2f}"


def _simplest(evidence: Evidence) -> str:
    """The best member of the simplest family that is within `GAIN` of the best."""
    rivals = evidence.rivals
    near = max(rival.iqm for rival in rivals.values()) - GAIN
    order = list(FAMILIES)
    if evidence.separate is not None and evidence.separate >= SEPARABLE:
        order.sort(key=lambda family: {"given": 0, "bandit": 1, "supervised": 2}.get(family, 3))
    good = [name for name, rival in rivals.items() if rival.iqm >= near]
    return min(good, key=lambda name: (order.index(rivals[name].family), -rivals[name].iqm))


def _more_seeds(rival: Rival, seeds: int) -> int:
    """Seeds still lacking if the interval narrows with the root of their number."""
    if rival.low > 0.5:
        return 0
    half = rival.poi - rival.low
    return max(1, ceil(seeds * (half / (rival.poi - 0.5)) ** 2) - seeds)
