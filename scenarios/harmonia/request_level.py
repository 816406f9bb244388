"""The system request by request: clients, a switch and servers with queues, as one compiled event loop.

What is left out, against the protocols' own state machines on the simulated network: nothing is lost, doubled or
reordered, every hop takes a constant time, nobody crashes, and the switch is long past its first completion. What is
kept: every server's queue, every message of a protocol that costs a server time, the dirty set with its stages and
slots, and the check of single-replica reads. So it says what throughput and latency are, millions of requests per
second of a processor, and nothing about safety.

Tests hold it to the closed forms, to a SimPy model of the same system (`benchmarks/harmonia_requests.py`) and to the
protocols' state machines.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.harmonia.event_heap import pop, push
from scenarios.harmonia.popularity import AliasTable, draw
from sim.errors import UserError
from sim.lanes import State, exponential, uniform

Slots = NDArray[np.int64]

PRIMARY_BACKUP, CHAIN, CRAQ = range(3)
PROTOCOLS = {"primary_backup": PRIMARY_BACKUP, "chain": CHAIN, "craq": CRAQ}

(_AT_SWITCH, _READ, _READ_DONE, _WRITE, _WRITE_DONE, _UPDATE, _UPDATE_DONE, _ACK, _ACK_DONE, _COMMIT, _COMMIT_DONE,
 _ASK, _ASK_DONE, _REPLY, _ISSUE) = range(15)  # fmt: skip
_MASK = 15

READS, WRITES, DIRTY, BOUNCED, ASKED, DROPPED, COMPLETIONS, OVERLOAD, EVENTS = range(9)


class Model(NamedTuple):
    """What is simulated. Times in seconds; `rate` is requests per second of an open loop, 0 for a closed one.

    `clients` wait for one request each; in an open loop they are the most requests outstanding at a time.
    A message takes `up` from a host to the switch, which is done with it then, and `down` from there to a host.
    """

    protocol: int
    detection: bool
    replicas: int
    cores: int
    read: float
    write: float
    message: float
    exponential: bool
    up: float
    down: float
    writes: float
    clients: int
    rate: float
    stages: int
    slots: int
    retry: float
    warmup: int
    requests: int


@dataclass(frozen=True, slots=True)
class Requests:
    """What happened after the warm-up, in `duration` seconds.

    `latencies` (seconds) has one entry per request in the order they completed, `is_write` says which were writes.
    `dirty` reads found their object in the dirty set, `bounced` ones failed the check at the replica, `asked` ones had
    CRAQ's tail say the version, `dropped` writes found no slot. `pending` is the mean time from a write's stamp to its
    completion at the switch, `entries` the mean number of slots taken. `events` counts the whole run.
    """

    duration: float
    latencies: NDArray[np.float64]
    is_write: NDArray[np.bool_]
    reads: int
    writes: int
    dirty: int
    bounced: int
    asked: int
    dropped: int
    overload: int
    pending: float
    entries: float
    events: int

    @property
    def throughput(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.duration

    @property
    def dirty_share(self) -> float:
        """Share of reads that could not go to any single replica because a write was pending."""
        return (self.dirty + self.asked) / self.reads if self.reads else 0.0

    @property
    def drop_share(self) -> float:
        """Share of the writes that reached the switch, retries included, and found no slot."""
        tried = self.writes + self.dropped
        return self.dropped / tried if tried else 0.0


def simulate(model: Model, objects: AliasTable, state: State) -> Requests:
    """Runs a model; `state` is a state of `sim.lanes` with one lane. Raises `UserError` for an impossible model."""
    _check(model)
    latencies, kinds, counts, sums = _run(model, objects.keep, objects.other, state)
    return Requests(
        duration=float(sums[0]), latencies=latencies, is_write=kinds,
        reads=int(counts[READS]), writes=int(counts[WRITES]), dirty=int(counts[DIRTY]), bounced=int(counts[BOUNCED]),
        asked=int(counts[ASKED]), dropped=int(counts[DROPPED]), overload=int(counts[OVERLOAD]),
        pending=float(sums[1] / counts[COMPLETIONS]) if counts[COMPLETIONS] else 0.0,
        entries=float(sums[2] / sums[0]), events=int(counts[EVENTS]),
    )  # fmt: skip


def _check(model: Model) -> None:
    for name, least in (("replicas", 1), ("cores", 1), ("clients", 1), ("requests", 1), ("stages", 1), ("slots", 1)):
        if getattr(model, name) < least:
            raise UserError(f"{name} = {getattr(model, name)}; {least} or more is allowed")
    if not 0 <= model.writes <= 1:
        raise UserError(f"writes = {model.writes}; the share of writes is from 0 to 1")
    for name in ("read", "write", "message", "up", "down", "rate", "retry"):
        if getattr(model, name) < 0:
            raise UserError(f"{name} = {getattr(model, name)}; 0 or more is allowed")


@njit(cache=True, error_model="numpy", forceinline=True)
def _place(key: int, stage: int, slots: int) -> int:
    """An object's slot in a stage: a multiplicative hash, one odd factor per stage."""
    word = np.uint64(key + 1) * (np.uint64(0x9E3779B97F4A7C15) + np.uint64(2 * stage) * np.uint64(0xD1B54A32D192ED03))
    word ^= word >> np.uint64(32)
    word *= np.uint64(0xBF58476D1CE4E5B9)
    word ^= word >> np.uint64(29)
    return int(word % np.uint64(slots))


@njit(cache=True, error_model="numpy")
def _insert(slot_key: Slots, slot_stamp: Slots, key: int, stamp: int) -> int:
    """Puts a write into the first stage that has room; 1 if it took an empty slot, 0 if its own, -1 if none."""
    for stage in range(slot_key.shape[0]):
        slot = _place(key, stage, slot_key.shape[1])
        held = slot_stamp[stage, slot]
        if held == 0 or slot_key[stage, slot] == key:
            slot_key[stage, slot], slot_stamp[stage, slot] = key, stamp
            return 1 if held == 0 else 0
    return -1


@njit(cache=True, error_model="numpy")
def _is_dirty(slot_key: Slots, slot_stamp: Slots, key: int, committed: int) -> bool:
    """Whether a write of the object is pending."""
    for stage in range(slot_key.shape[0]):
        slot = _place(key, stage, slot_key.shape[1])
        if slot_key[stage, slot] == key and slot_stamp[stage, slot] > committed:
            return True
    return False


@njit(cache=True, error_model="numpy")
def _delete(slot_key: Slots, slot_stamp: Slots, key: int, stamp: int) -> int:
    """Clears the object's slot at every stage unless a later write holds it; returns how many came free."""
    freed = 0
    for stage in range(slot_key.shape[0]):
        slot = _place(key, stage, slot_key.shape[1])
        if slot_key[stage, slot] == key and 0 < slot_stamp[stage, slot] <= stamp:
            slot_stamp[stage, slot] = 0
            freed += 1
    return freed


@njit(cache=True, error_model="numpy")
def _serve(free: NDArray[np.float64], server: int, now: float, cost: float) -> float:
    """When a server that is given `cost` seconds of work now is done with it; cores take it first come first served."""
    core = 0
    for other in range(1, free.shape[1]):
        if free[server, other] < free[server, core]:
            core = other
    start = max(now, free[server, core])
    free[server, core] = start + cost
    done: float = free[server, core]
    return done


@njit(cache=True, error_model="numpy")
def _run(
    model: Model, keep: NDArray[np.float64], other: NDArray[np.int64], state: State
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
    n, clients = model.replicas, model.clients
    objects, tail, between = len(keep), n - 1, model.up + model.down
    craq, backup = model.protocol == CRAQ, model.protocol == PRIMARY_BACKUP
    normal = 0 if backup else tail
    open_loop = model.rate > 0
    room = 2 * clients * (n + 1) + 64  # a client's request in n places, and commits of its last that still travel
    times, words, orders = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
    count = order = 0
    free = np.zeros((n, model.cores))
    issued, stamped = np.zeros(clients), np.zeros(clients)
    key, stamp, point = np.zeros(clients, np.int64), np.zeros(clients, np.int64), np.zeros(clients, np.int64)
    acks, single, writing = np.zeros(clients, np.int64), np.zeros(clients, np.bool_), np.zeros(clients, np.bool_)
    idle = np.arange(clients - 1, -1, -1)
    idles = clients if open_loop else 0
    # What replicas know of objects: the last applied stamp (detection), or how many writes are uncommitted (CRAQ).
    known = np.zeros((n, objects if model.detection or craq else 1), np.int32)
    slot_key = np.zeros((model.stages, model.slots), np.int64)
    slot_stamp = np.zeros((model.stages, model.slots), np.int64)
    sequence = committed = entries = 0
    counts, sums = np.zeros(9, np.int64), np.zeros(3)
    latencies, kinds = np.empty(model.requests), np.empty(model.requests, np.bool_)
    done, events, began, changed = -model.warmup, 0, 0.0, 0.0
    if open_loop:
        count = push(times, words, orders, count, exponential(state, 0) / model.rate, _ISSUE, order)
        order += 1
    else:
        spread = (model.read + model.write) * clients / n
        for op in range(clients):
            key[op], writing[op] = draw(keep, other, state, 0), uniform(state, 0) < model.writes
            issued[op] = uniform(state, 0) * spread
            at = issued[op] + model.up
            count = push(times, words, orders, count, at, (op << 12) | _AT_SWITCH, order)
            order += 1
    while done < model.requests:
        if count + n + 2 > room:  # the most that one event sets off
            raise RuntimeError("more events are pending than a closed or capped loop can have")
        count = pop(times, words, orders, count)
        now, word = times[count], words[count]
        kind, server, op = word & _MASK, (word >> 4) & 255, word >> 12
        events += 1
        due, following, finished = 0.0, -1, -1.0
        if kind == _AT_SWITCH:
            if writing[op]:
                taken = 0
                if model.detection:
                    sequence += 1
                    stamp[op] = sequence
                    taken = _insert(slot_key, slot_stamp, key[op], sequence)
                if taken >= 0:
                    sums[2] += entries * (now - changed)
                    changed = now
                    entries += taken
                    stamped[op] = now
                    due, following = now + model.down, (op << 12) | _WRITE
                else:
                    counts[DROPPED] += 1
                    due, following = now + model.retry, (op << 12) | _AT_SWITCH
            else:
                target, single[op] = normal, False
                if craq:
                    target = int(uniform(state, 0) * n)
                elif model.detection:
                    if _is_dirty(slot_key, slot_stamp, key[op], committed):
                        counts[DIRTY] += 1
                    else:
                        target, single[op], point[op] = int(uniform(state, 0) * n), True, committed
                due, following = now + model.down, (op << 12) | (target << 4) | _READ
        elif kind == _ISSUE:
            count = push(times, words, orders, count, now + exponential(state, 0) / model.rate, _ISSUE, order)
            order += 1
            if idles == 0:
                counts[OVERLOAD] += 1
            else:
                idles -= 1
                op = idle[idles]
                key[op], writing[op] = draw(keep, other, state, 0), uniform(state, 0) < model.writes
                issued[op] = now
                due, following = now + model.up, (op << 12) | _AT_SWITCH
        elif kind % 2 == 1 and kind < _REPLY:  # work arrives at a server
            cost = model.message
            if kind == _READ:
                cost = model.read
            elif kind in (_WRITE, _UPDATE, _COMMIT):
                cost = model.write
            if model.exponential:
                cost *= exponential(state, 0)
            due = _serve(free, server, now, cost)
            following = word + 1
        elif kind == _READ_DONE:
            if craq and server != tail and known[server, key[op]] > 0:
                counts[ASKED] += 1
                due, following = now + between, (op << 12) | (tail << 4) | _ASK
            elif single[op] and known[server, key[op]] > point[op]:
                counts[BOUNCED] += 1
                single[op] = False
                due, following = now + between, (op << 12) | (normal << 4) | _READ
            else:
                finished = now + between
        elif kind == _ASK_DONE:
            finished = now + 2 * between
        elif kind == _WRITE_DONE:
            if model.detection:
                known[server, key[op]] = max(known[server, key[op]], stamp[op])
            if backup:
                acks[op] = n - 1
                for replica in range(1, n):
                    update = (op << 12) | (replica << 4) | _UPDATE
                    count = push(times, words, orders, count, now + between, update, order)
                    order += 1
                if n == 1:
                    due, following = now + model.up, (op << 12) | _REPLY
            elif server < tail:
                if craq:
                    known[server, key[op]] += 1
                due, following = now + between, (op << 12) | ((server + 1) << 4) | _WRITE
            else:
                due, following = now + model.up, (op << 12) | _REPLY
                if craq and n > 1:
                    commit = (key[op] << 12) | ((server - 1) << 4) | _COMMIT
                    count = push(times, words, orders, count, now + between, commit, order)
                    order += 1
        elif kind == _UPDATE_DONE:
            if model.detection:
                known[server, key[op]] = max(known[server, key[op]], stamp[op])
            due, following = now + between, (op << 12) | _ACK
        elif kind == _ACK_DONE:
            acks[op] -= 1
            if acks[op] == 0:
                due, following = now + model.up, (op << 12) | _REPLY
        elif kind == _COMMIT_DONE:  # the word names the object, whose write's client is long served
            known[server, op] -= 1
            if server > 0:
                due, following = now + between, (op << 12) | ((server - 1) << 4) | _COMMIT
        else:  # a write's reply passes the switch
            if model.detection:
                committed = max(committed, stamp[op])
                counts[COMPLETIONS] += 1
                sums[1] += now - stamped[op]
                sums[2] += entries * (now - changed)
                changed = now
                entries -= _delete(slot_key, slot_stamp, key[op], stamp[op])
            finished = now + model.down
        if finished >= 0.0:
            if done >= 0:
                latencies[done], kinds[done] = finished - issued[op], writing[op]
                counts[WRITES if writing[op] else READS] += 1
            done += 1
            if done == 0:
                counts[:] = 0
                sums[:] = 0.0
                began = changed = now
            if open_loop:
                idle[idles] = op
                idles += 1
            else:
                key[op], writing[op] = draw(keep, other, state, 0), uniform(state, 0) < model.writes
                issued[op] = finished
                due, following = finished + model.up, (op << 12) | _AT_SWITCH
        if following >= 0:
            count = push(times, words, orders, count, due, following, order)
            order += 1
    sums[0] = now - began
    sums[2] += entries * (now - changed)
    counts[EVENTS] = events
    return latencies, kinds, counts, sums
