"""How many writes find no slot in a dirty set of d stages, and how many slots does a drop target need?

Writes arrive as a Poisson stream; each keeps a slot for its pending time. In terms of the offered load L = write rate x
mean pending time, with m slots in each of d stages, a slot of stage j is an Erlang loss system with one place (A. K.
Erlang, 1917), offered a_j; what finds it taken is offered to stage j + 1, thinned over other slots by another hash:

    a_1 = L / m,   B_j = a_j / (1 + a_j),   a_(j+1) = a_j B_j,   P(drop) = prod B_j,   occupancy = m sum B_j = L (1 - P)

Erlang's formula does not depend on the law of the pending time, only on its mean. The model holds for many slots and
many objects; writes of an object that has a slot already reuse it, so few objects lose less.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim import lanes
from sim.errors import UserError
from sim.rng import Streams

Law = Literal["fixed", "exponential", "heavy-tailed"]
LAWS: tuple[Law, ...] = get_args(Law)
#: The heavy tail is a Pareto law of this shape: finite mean, and a variance that is barely finite.
PARETO_SHAPE = 2.1


@dataclass(frozen=True)
class Loss:
    """Share of writes that are dropped, and slots taken on average."""

    drop: float
    occupancy: float


def loss(load: float, stages: int, slots: float) -> Loss:
    """The closed form for an offered load of `load` pending writes and `stages` of `slots` slots each.

    >>> loss(3, 1, 3)
    Loss(drop=0.5, occupancy=1.5)
    """
    _check(load, stages)
    if not slots > 0:
        raise UserError(f"slots = {slots}; more than 0 are needed")
    offered, drop = load / slots, 1.0
    for _ in range(stages):
        blocked = offered / (1 + offered)
        offered, drop = offered * blocked, drop * blocked
    return Loss(drop, load * (1 - drop))


def slots_for(drop: float, load: float, stages: int) -> int:
    """The fewest slots per stage with which at most a share `drop` of writes is dropped.

    >>> slots_for(1e-3, 80, 3)
    164
    """
    _check(load, stages)
    if not 0 < drop < 1:
        raise UserError(f"drop = {drop}; a share between 0 and 1 is needed")
    low, high = 0, max(1, ceil(load / drop))  # one stage alone needs load (1 - drop) / drop
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if loss(load, stages, middle).drop <= drop else (middle, high)
    return high


@dataclass(frozen=True)
class Advice:
    """A size that meets a drop target: `slots` per stage, the drop it gives, and bits of register memory."""

    stages: int
    slots: int
    drop: float
    memory_bits: int


def advise(drop: float, load: float, most_stages: int, slot_bits: int = 64, power_of_two: bool = True) -> list[Advice]:
    """Sizes that meet the target, one for each number of stages; the smallest memory first.

    With `power_of_two`, slots are rounded up to what an index of hash bits can reach.
    """
    found = []
    for stages in range(1, most_stages + 1):
        slots = slots_for(drop, load, stages)
        slots = 1 << (slots - 1).bit_length() if power_of_two else slots
        found.append(Advice(stages, slots, loss(load, stages, slots).drop, stages * slots * slot_bits))
    return sorted(found, key=lambda one: (one.memory_bits, one.stages))


def supported_writes(utilisation: float, stages: int, slots: int, pending: float) -> float:
    """Writes per second that keep `utilisation` of all slots taken when each is pending for `pending` seconds.

    The paper's sizing rule, which does not say what is dropped: half full, three stages drop about 8 %.

    >>> round(supported_writes(0.5, 3, 64_000, 1e-3))
    96000000
    """
    return utilisation * stages * slots / pending


def _check(load: float, stages: int) -> None:
    if not load > 0:
        raise UserError(f"load = {load} pending writes; more than 0 are needed")
    if stages < 1:
        raise UserError(f"stages = {stages} of the dirty set; 1 or more are needed")


@dataclass(frozen=True)
class Simulated:
    """What a simulation counted: writes after the warm-up, drops among them, slots taken on average over that time."""

    writes: int
    drops: int
    occupancy: float

    @property
    def drop(self) -> float:
        """Share of writes that were dropped."""
        return self.drops / self.writes

    @property
    def sigma(self) -> float:
        """Standard error of `drop` if drops were independent."""
        return float(np.sqrt(max(self.drop * (1 - self.drop), 1 / self.writes) / self.writes))


def simulate(
    load: float, stages: int, slots: int, writes: int, streams: Streams, law: Law = "exponential", objects: int = 0
) -> Simulated:
    """Counts drops of `writes` Poisson writes whose pending times follow `law`, after a quarter as many to warm up.

    Each write is of a new object with random slots; with `objects`, of one of so many, each with slots of its own.
    """
    _check(load, stages)
    if law not in LAWS:
        raise UserError(f"law = '{law}' of pending times; allowed: {', '.join(LAWS)}")
    if writes < 1 or slots < 1 or objects < 0:
        raise UserError(f"writes = {writes}, slots = {slots}, objects = {objects}; 1, 1 and 0 or more are needed")
    places = streams("slots").generator.integers(0, slots, (max(objects, 1), stages), dtype=np.int64)
    state = lanes.seed(streams, "writes", [0])
    drops, busy, span = _simulated(
        load, slots, writes // 4, writes, LAWS.index(law), objects, places, np.zeros((stages, slots)), state
    )
    return Simulated(writes, int(drops), float(busy / span))


@njit(cache=True, error_model="numpy")
def _simulated(
    load: float,
    slots: int,
    warm: int,
    writes: int,
    law: int,
    objects: int,
    places: NDArray[np.int64],
    free_at: NDArray[np.float64],
    state: NDArray[np.uint64],
) -> tuple[int, float, float]:
    """(drops, integral of slots taken, length of the time counted); times in mean pending times.

    A slot is its time of release. Time runs on from 0; the start of the counted part is known when it is reached.
    """
    holder = np.full(free_at.shape, -1, dtype=np.int64)
    now, start, busy, drops = 0.0, 0.0, 0.0, 0
    for write in range(warm + writes):
        now -= np.log(1.0 - lanes.uniform(state, 0)) / load
        if write == warm:
            start = now
            for taken in free_at.flat:
                busy += max(taken - now, 0.0)
        until = now + _pending(law, state)
        key = int(lanes.uniform(state, 0) * objects) if objects else write
        placed = False
        for stage in range(free_at.shape[0]):
            slot = places[key, stage] if objects else int(lanes.uniform(state, 0) * slots)
            left = free_at[stage, slot] - now
            if left <= 0.0 or (objects and holder[stage, slot] == key):
                free_at[stage, slot], holder[stage, slot] = until, key
                if write >= warm:
                    busy += until - now - max(left, 0.0)
                placed = True
                break
        if not placed and write >= warm:
            drops += 1
    for left in free_at.flat:  # what lies beyond the end was counted too early
        busy -= max(left - now, 0.0)
    return drops, busy, now - start


@njit(cache=True, error_model="numpy", forceinline=True)
def _pending(law: int, state: NDArray[np.uint64]) -> float:
    """A pending time of mean 1; `law` is its place in `LAWS`."""
    if law == 0:
        return 1.0
    draw = 1.0 - lanes.uniform(state, 0)
    if law == 1:
        return -np.log(draw)  # type: ignore[no-any-return]
    return (PARETO_SHAPE - 1) / PARETO_SHAPE * draw ** (-1 / PARETO_SHAPE)  # type: ignore[no-any-return]
