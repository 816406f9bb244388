"""Each number of a paper beside ours: which runs are needed, what they come to, and a verdict with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, fsum, log
from typing import Any, Literal

from sim.axis import axis
from sim.config import assign
from sim.job import Job, resolve
from sim.paper import Claim, Paper
from sim.record import Record
from sim.scenario import Scenario

Verdict = Literal["holds", "differs", "cannot be checked here"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim and its runs: per point the run, and the one it is set against (None without `versus`)."""

    claim: Claim
    pairs: tuple[tuple[Job, Job | None], ...]

    def jobs(self) -> list[Job]:
        """All runs of the claim."""
        return [job for pair in self.pairs for job in pair if job is not None]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a claim came to. `points` is how many points had the number, of all; `keys` are the records behind it."""

    claim: Claim
    verdict: Verdict
    reason: str
    ours: float | None = None
    label: str = ""
    points: tuple[int, int] = (0, 0)
    keys: tuple[str, ...] = ()


def asked(scenario: Scenario, reference: str, paper: Paper) -> list[Asked]:
    """The runs behind each claim. Raises `UserError` for settings that the scenario does not know."""
    return [Asked(claim, tuple(_pairs(scenario, reference, paper, claim))) for claim in paper.claims]


def _pairs(scenario: Scenario, reference: str, paper: Paper, claim: Claim) -> list[tuple[Job, Job | None]]:
    if claim.unchecked:
        return []
    axes = [axis(key, spec, 0) for key, spec in claim.axes.items()]
    pairs = []
    for combination in product(*(part.points for part in axes)):
        at = {
            key: value
            for part, values in zip(axes, combination, strict=True)
            for key, value in zip(part.keys, values, strict=True)
        }
        run = resolve(scenario, reference, _tree(paper.set, claim.set, at))
        other = resolve(scenario, reference, _tree(paper.set, claim.set, claim.versus, at)) if claim.versus else None
        pairs.append((run, other))
    return pairs


def _tree(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings laid over each other, later ones first; a card's name goes before its figures."""
    flat: dict[str, Any] = {}
    for layer in layers:
        flat |= layer
    tree: dict[str, Any] = {}
    for key in sorted(flat, key=lambda name: name.count(".")):
        assign(tree, key, flat[key])
    return tree


def judged(asked: Asked, records: Mapping[str, Record]) -> Judged:
    """The verdict, from the records that are there."""
    claim = asked.claim
    if claim.unchecked:
        return Judged(claim, "cannot be checked here", claim.unchecked)
    found = [number for pair in asked.pairs if (number := _number(claim, pair, records)) is not None]
    keys = tuple(job.key for job in asked.jobs() if job.key in records)
    points = len(found), len(asked.pairs)
    if not found:
        ends = sorted({record.answer or record.status for key in keys if (record := records[key])})
        return Judged(claim, "differs", claim.differs or f"no run has it ({', '.join(ends)})", None, "", points, keys)
    ours = found[0] if len(asked.pairs) == 1 else exp(fsum(log(number) for number in found) / len(found))
    label = str(records[asked.pairs[0][0].key].metrics[claim.metric]["label"])
    if claim.holds(ours):
        return Judged(claim, "holds", claim.why, ours, label, points, keys)
    return Judged(claim, "differs", claim.differs or "no reason is given", ours, label, points, keys)


def _number(claim: Claim, pair: tuple[Job, Job | None], records: Mapping[str, Record]) -> float | None:
    run, other = pair
    base = 1.0 if claim.on_top else 0.0
    ours = _value(claim, run, records)
    if other is None or ours is None:
        return ours
    against = _value(claim, other, records)
    return None if against is None or base + against == 0.0 else (base + ours) / (base + against)


def _value(claim: Claim, job: Job, records: Mapping[str, Record]) -> float | None:
    record = records.get(job.key)
    return record.value(claim.metric) if record is not None and claim.metric in record.metrics else None


def unexplained(results: Sequence[Judged]) -> list[str]:
    """The claims that differ without a reason in the paper.toml."""
    return [each.claim.name for each in results if each.verdict == "differs" and not each.claim.differs]
