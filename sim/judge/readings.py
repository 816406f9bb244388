"""Records as arrays: what the runs behind one question came to, and which of them came to nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError
from sim.judge import statistics as st
from sim.judge.learn import KINDS
from sim.judge.methods import Family, find_method
from sim.judge.plan import Question, Tag
from sim.judge.problem import SPLITS, Split
from sim.record import Record
from sim.store import Store

Floats = NDArray[np.float64]
#: What a method spent: means over its runs (seconds are of CPU time, measured).
SPENT = ("evaluations", "steps", "events", "agent_seconds", "simulator_seconds")


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
    keys: tuple[str, ...]


class _Zeros:
    """Zero and one per split and instance; known bests are raised by whatever any method found."""

    def __init__(self, asked: Question, store: Store, record: Record, learned: Mapping[Tag, Record]) -> None:
        columns = _columns(store, record, "ruler")
        self.uniform: dict[Split, Floats] = {}
        self.oracle: dict[Split, Floats] = {}
        for number, split in enumerate(SPLITS):
            rows = columns["split"] == number
            self.uniform[split], self.oracle[split] = columns["uniform"][rows], columns["oracle"][rows].copy()
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


def sentence(record: Record | None) -> str:
    """How a run ended that did not end well: the exception's line, or what became of the worker."""
    if record is None:
        return "no record"
    lines = record.error.strip().splitlines() or [record.status]
    return lines[-1] if record.status == "failed" else lines[0]


class Readings:
    """The records behind one question. A rival with a run that did not end well is out, and `crashed` says why.

    Raises `UserError` if the ruler or a run of the candidate itself did not end well, or no cheap method is left.
    """

    def __init__(self, asked: Question, store: Store, ruler: Record, learned: Mapping[Tag, Record]) -> None:
        self.asked, self.store, self.ruler = asked, store, ruler
        self.failed = {tag: record for tag, record in learned.items() if record.status != "ok"}
        self.learned = {tag: record for tag, record in learned.items() if record.status == "ok"}
        self.crashed = self._crashed()
        self.names = tuple(name for name in (asked.candidate, *asked.rivals) if name not in self.crashed)
        self._refuse()
        self.zeros = _Zeros(asked, store, ruler, self.learned)

    def _crashed(self) -> dict[str, str]:
        found: dict[str, list[Record]] = {}
        for tag, record in self.failed.items():
            if not tag.variant:
                found.setdefault(tag.method, []).append(record)
        return {name: f"{sentence(rows[0])} ({len(rows)} of {self.asked.seeds} runs)" for name, rows in found.items()}

    def _refuse(self) -> None:
        candidate, name = self.asked.candidate, self.asked.problem.name
        ended = {"the ruler": sentence(self.ruler)} if self.ruler.status != "ok" else self.crashed
        for what in {"the ruler", candidate} & set(ended):
            raise UserError(f"{what} in {name} did not end well: {ended[what]}")
        if not self.cheap:
            lost = "; ".join(f"{rival}: {why}" for rival, why in self.crashed.items())
            raise UserError(f"no cheap method is left to hold {candidate} in {name} against ({lost})")

    @property
    def cheap(self) -> tuple[str, ...]:
        """The rivals that ran and are not learned."""
        return tuple(name for name in self.names if name != self.asked.candidate and self.family(name) != "learned")

    @property
    def all_flat(self) -> bool:
        """Whether nothing can be gained on any instance."""
        return bool(self.zeros.flat["train"].all())

    @cached_property
    def scored(self) -> dict[str, Scored]:
        """Every method that ran; none where nothing can be gained."""
        return {} if self.all_flat else {name: self.of(name) for name in self.names}

    def family(self, name: str) -> Family:
        """The family of a method."""
        return find_method(self.asked.problem, name).family

    def records(self, name: str, variant: str = "") -> list[Record]:
        """A method's runs, by replicate."""
        return [self.learned[Tag(name, variant, replicate)] for replicate in range(self.asked.seeds)]

    def of(self, name: str, variant: str = "") -> Scored:
        """A method's runs as arrays."""
        records = self.records(name, variant)
        split: Split = records[0].config["split"]
        curves = []
        for record in records:
            columns = _columns(self.store, record, "curve")
            count = int(columns["instance"].max()) + 1
            evaluations = columns["evaluations"].reshape(-1, count)[:, 0]
            curves.append(columns["value"].reshape(-1, count).T)
        curve = np.stack(curves, axis=1)
        scores = self.zeros.scores(split, curve)
        values = curve[~self.zeros.flat[split], :, -1]
        keys = tuple(record.key for record in records)
        return Scored(self.family(name), values, scores[..., -1], evaluations, scores, keys)

    def variants(self, name: str) -> tuple[str, ...]:
        """What was run of a method beside the method itself, whether it ended well or not."""
        tags = (*self.learned, *self.failed)
        return tuple(dict.fromkeys(tag.variant for tag in tags if tag.method == name and tag.variant))

    def why_not(self, name: str, variant: str) -> str:
        """Why there is nothing of a variant: how its first bad run ended; "" if all ended well."""
        bad = (record for tag, record in self.failed.items() if (tag.method, tag.variant) == (name, variant))
        return next((sentence(record) for record in bad), "")

    def spent(self, name: str) -> dict[str, float]:
        """The four counters (CPU time in its two parts), and evaluations spent on tuning: means over runs."""
        means = {m: float(np.mean([record.value(m) or 0.0 for record in self.records(name)])) for m in SPENT}
        return means | {"tuning_evaluations": float(find_method(self.asked.problem, name).tuning)}

    def final(self, kind: str, split: Split) -> float | None:
        """The candidate's mean final score of a kind, over instances and seeds; None unless each instance has one."""
        found = []
        for record in self.records(self.asked.candidate):
            columns = _columns(self.store, record, "final")
            values = columns["value"][columns["kind"] == KINDS.index(kind)]
            if not len(values) or len(values) != len(self.zeros.uniform[split]):
                return None
            found.append(self.zeros.scores(split, values[:, None]))
        return float(np.mean(found)) if found[0].size else None

    def choices(self) -> Mapping[str, Floats] | None:
        """Situations of the candidate's first run with what it did there, or None for a method that is not learned."""
        record = self.records(self.asked.candidate)[0]
        return _columns(self.store, record, "choices") if "choices" in record.series else None
