"""Every method by name: how it is made, and in closed form what it sends.

| method | each worker sends | the server answers | indices sent |
|---|---|---|---|
| dense | d values | d values | none |
| true_top_k | d values | k values | k down |
| local_top_k, dgc | k values | the union, or d values if that is shorter | k up, the union down |
| pkk | P k values, then k exact | k indices, then k values | P k up, k down |
| random_k | k values | k values | none: a shared seed |
| sketched | r c counters, then P k exact values | P k indices, then k values | P k and k down |
| fetch_sgd | r c counters | k values | k down |
| sign_feedback, one_bit | d bits, 1 or 2 scales | the same | |
| signum | d bits | d bits | |
| qsgd | 1 + log2(s + 1) bits per coordinate, a norm per 128 | the same | |
| terngrad | a scale; 2 bits per coordinate | a scale; log2(2 W + 1) bits per coordinate | |
| power_sgd | r (n + m) values per n x m layer, vectors whole | the same | |

A value and an index have 4 bytes each. (`W` workers; the theory's algorithm is `sketched.SketchedTheory`.)

>>> settings = Settings(k=10, candidates=4, rows=5, columns=200)
>>> traffic(messages("sketched", settings, Layout(100_000, ()), workers=4))
Traffic(up=4160, down=240, paper=4200)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from scenarios.sketched_sgd.exchange import Message, Method, Way, traffic
from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.power import Layout, PowerSgd
from scenarios.sketched_sgd.quantised import (
    BUCKET,
    FeedbackSigns,
    MajorityVote,
    Qsgd,
    TernGrad,
    level_bits,
    one_scale,
    sum_bits,
    two_means,
)
from scenarios.sketched_sgd.settings import METHODS, MethodName, Settings
from scenarios.sketched_sgd.sketch import FAMILIES
from scenarios.sketched_sgd.sketched import Fetch, Sketched
from scenarios.sketched_sgd.sparse import Dense, LocalTopK, Pkk, RandomK, TrueTopK
from sim.errors import UserError

__all__ = ["METHODS", "MethodName", "Settings", "make", "messages", "traffic", "union_of"]


def make(name: MethodName, settings: Settings, layout: Layout, workers: int, random: np.random.Generator) -> Method:
    """The method called `name`, with nothing remembered yet. `random` is for hashes and draws that all share."""
    if workers < 1:
        raise UserError(f"workers is {workers}; training needs 1 or more")
    return _MAKERS[name](_Making(settings.checked(layout.size), layout, workers, random))


def messages(
    name: MethodName, settings: Settings, layout: Layout, workers: int, union: int | None = None
) -> tuple[Message, ...]:
    """A step's messages in closed form. `union`: how many coordinates the workers' own k together are.

    Not given, the workers' choices are taken as independent: d (1 - (1 - k/d)^W).
    """
    at_most = settings.checked(layout.size).k
    if union is None:
        union = union_of(layout.size, at_most, workers)
    return _PLANS[name](settings, layout, workers, union)


def union_of(size: int, k: int, workers: int) -> int:
    """Distinct coordinates among `workers` independent choices of k of `size`, on average."""
    return round(size * (1.0 - (1.0 - k / size) ** workers))


@dataclass(frozen=True, slots=True)
class _Making:
    settings: Settings
    layout: Layout
    workers: int
    random: np.random.Generator

    @property
    def size(self) -> int:
        return self.layout.size

    @property
    def wanted(self) -> int:
        return self.settings.candidates * self.settings.k

    def memory(self) -> Memory:
        return Memory(self.workers, self.size, self.settings.momentum)

    def sketched(self) -> Method:
        one = self.settings
        family = FAMILIES[one.hashing](self.random, self.size, one.rows, one.columns)
        return Sketched(self.memory(), family, one.k, self.wanted)

    def fetch(self) -> Method:
        one = self.settings
        family = FAMILIES[one.hashing](self.random, self.size, one.rows, one.columns)
        return Fetch(family, one.k, one.momentum)


_MAKERS: Mapping[MethodName, Callable[[_Making], Method]] = {
    "dense": lambda m: Dense(m.size, m.settings.momentum),
    "true_top_k": lambda m: TrueTopK(m.memory(), m.settings.k),
    "local_top_k": lambda m: LocalTopK(m.memory(), m.settings.k),
    "dgc": lambda m: LocalTopK(m.memory(), m.settings.k, m.settings.extras),
    "pkk": lambda m: Pkk(m.memory(), m.settings.k, m.wanted),
    "random_k": lambda m: RandomK(m.memory(), m.settings.k, m.random),
    "sketched": _Making.sketched,
    "fetch_sgd": _Making.fetch,
    "sign_feedback": lambda m: FeedbackSigns(m.workers, m.size, m.settings.momentum, one_scale),
    "one_bit": lambda m: FeedbackSigns(m.workers, m.size, m.settings.momentum, two_means),
    "signum": lambda m: MajorityVote(m.workers, m.size, m.settings.momentum),
    "qsgd": lambda m: Qsgd(m.size, m.settings.momentum, m.settings.levels, m.random),
    "terngrad": lambda m: TernGrad(m.size, m.settings.momentum, m.random),
    "power_sgd": lambda m: PowerSgd(m.layout, m.workers, m.settings.rank, m.settings.momentum, m.random),
}


def _values(way: Way, number: int, adds: bool = True) -> Message:
    return Message(way, 4 * number, 4 * number, adds)


def _pairs(way: Way, number: int) -> Message:
    return Message(way, 8 * number, 4 * number)


def _indices(number: int) -> Message:
    return Message("down", 4 * number, 0)


def _packed(way: Way, size: int, bits: int, scales: int = 0) -> Message:
    return Message(way, ceil(size * bits / 8) + 4 * scales, size * bits / 8 + 4 * scales)


def _local(settings: Settings, layout: Layout, union: int) -> tuple[Message, ...]:
    everything = _values("down", layout.size, adds=False)
    return _pairs("up", settings.k), min(_pairs("down", union), everything, key=lambda message: message.size)


def _pkk(settings: Settings) -> tuple[Message, ...]:
    k = settings.k
    return _pairs("up", settings.candidates * k), _indices(k), _values("up", k), _values("down", k)


def _sketched(settings: Settings) -> tuple[Message, ...]:
    asked = settings.candidates * settings.k
    table = _values("up", settings.rows * settings.columns)
    return table, _indices(asked), _values("up", asked), _pairs("down", settings.k)


def _power(settings: Settings, layout: Layout) -> tuple[Message, ...]:
    compressed, rank = layout.compressed(settings.rank), settings.rank
    first = layout.rest(rank) + sum(rank * one.rows for one in compressed)
    second = sum(rank * one.columns for one in compressed)
    return tuple(_values(way, number) for number in (first, second) for way in _BOTH)


_BOTH: tuple[Way, Way] = ("up", "down")

_PLANS: Mapping[MethodName, Callable[[Settings, Layout, int, int], tuple[Message, ...]]] = {
    "dense": lambda s, g, w, u: tuple(_values(way, g.size) for way in _BOTH),
    "true_top_k": lambda s, g, w, u: (_values("up", g.size), _pairs("down", s.k)),
    "local_top_k": lambda s, g, w, u: _local(s, g, u),
    "dgc": lambda s, g, w, u: _local(s, g, u),
    "pkk": lambda s, g, w, u: _pkk(s),
    "random_k": lambda s, g, w, u: tuple(_values(way, s.k) for way in _BOTH),
    "sketched": lambda s, g, w, u: _sketched(s),
    "fetch_sgd": lambda s, g, w, u: (_values("up", s.rows * s.columns), _pairs("down", s.k)),
    "sign_feedback": lambda s, g, w, u: tuple(_packed(way, g.size, 1, 1) for way in _BOTH),
    "one_bit": lambda s, g, w, u: tuple(_packed(way, g.size, 1, 2) for way in _BOTH),
    "signum": lambda s, g, w, u: tuple(_packed(way, g.size, 1) for way in _BOTH),
    "qsgd": lambda s, g, w, u: tuple(_packed(way, g.size, level_bits(s.levels), -(-g.size // BUCKET)) for way in _BOTH),
    "terngrad": lambda s, g, w, u: (
        *(_values(way, 1) for way in _BOTH),
        _packed("up", g.size, 2),
        _packed("down", g.size, sum_bits(w)),
    ),
    "power_sgd": lambda s, g, w, u: _power(s, g),
}
