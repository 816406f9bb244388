"""Cycles of an executed instruction stream on an out-of-order core.

Every instruction is fetched in order (so many a cycle, a taken branch ends the group), issued in order into a window,
started when its operands and a port of its class are free, oldest first, and retired in order. A memory operand adds
a load or a store; a load waits for the store it reads from. What one call costs in a row of calls is the difference
between many and half as many.

The stream comes from `trace`; the figures come from a card. Instructions become rows of `encode`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hardware_models.simd.card import SimdCard
from hardware_models.simd.disassembly import REGISTERS, Instruction
from hardware_models.simd.trace import Trace

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Registers of the model: general 0-15, vector 16-47, mask 48-55, flags 56.
_FLAGS, _NUMBER = 56, 57
#: Lines that stores are gathered in before they are written to the cache.
_OPEN = 4
_MAX_READS, _MAX_WRITES, _MAX_ADDRESS = 5, 3, 3
#: Rows of a coded instruction.
(_SLOTS, _LATENCY, _OCCUPANCY, _REPEATS, _LOADS, _STORES, _LOAD_LATENCY, _BRANCH, _BYTES, _ELIMINATED, _IS_VECTOR,
 _LINE) = range(12)  # fmt: skip

_READS_FIRST = ("add", "sub", "and", "or", "xor", "adc", "sbb", "cmp", "test", "shl", "shr", "sar", "inc", "dec", "neg",
                "not", "cmov", "vfm", "vfn", "vpermt2", "vpermi2", "vpternlog", "vpdp", "vpmadd52",
                "imul", "bt")  # fmt: skip
_FLAG_WRITERS = frozenset(
    ("add", "sub", "and", "or", "xor", "cmp", "test", "shl", "shr", "sar", "inc", "dec", "neg", "imul", "vucomiss",
     "vucomisd", "vcomiss", "vcomisd", "bextr", "bzhi", "andn", "vptest", "kortestb", "kortestw", "kortestd",
     "kortestq", "ktestw", "bt", "adc", "sbb", "vtestps", "vtestpd", "tzcnt", "lzcnt")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Code:
    """A function's instructions as the pipeline sees them; arrays have one row per instruction.

    `figures` are the columns named above, `ports` a bit per port of the compute part (0 for none), `reads`,
    `address` and `writes` register numbers, -1 where there is none.
    """

    figures: Floats
    ports: Ints
    reads: Ints
    address: Ints
    writes: Ints


def _register(name: str) -> int:
    family, number, _ = REGISTERS[name]
    return int(number) + {"g": 0, "v": 16, "k": 48}[family]


def encode(body: Sequence[Instruction], card: SimdCard) -> Code:
    """The card's figures for each instruction."""
    size = len(body)
    figures, ports = np.zeros((size, 12)), np.zeros(size, dtype=np.int64)
    reads, address, writes = (np.full((size, width), -1) for width in (_MAX_READS, _MAX_ADDRESS, _MAX_WRITES))
    for at, one in enumerate(body):
        _figures(one, card, figures[at])
        if figures[at, _OCCUPANCY] > 0:
            ports[at] = card.port_mask(one.op_class, one.width)
        _dependences(one, reads[at], address[at], writes[at])
        if figures[at, _ELIMINATED] == 2:  # an idiom that needs no operand
            reads[at] = -1
    for at in range(size - 1):  # a comparison and its branch issue as one
        if card.fuses and body[at].mnemonic in ("cmp", "test") and body[at + 1].mnemonic.startswith("j"):
            figures[at + 1, _SLOTS] = 0
            figures[at, _OCCUPANCY] = 0
            ports[at] = 0
    return Code(figures, ports, reads, address, writes)


def _idiom(one: Instruction) -> bool:
    """Whether the result is known without the operands, as in x ^ x."""
    registers = [o.register for o in one.operands]
    if one.mnemonic in ("xor", "sub", "vpxor", "vpxord", "vpxorq", "vxorps", "vxorpd", "kxorw", "kxnorw"):
        return len(registers) > 1 and registers[-1] != "" and len(set(registers[-2:])) == 1 and not one.masked
    return False


def _figures(one: Instruction, card: SimdCard, row: Floats) -> None:
    kind, width = one.op_class, one.width
    row[_LOADS], row[_STORES] = one.loads, one.stores
    row[_LINE] = one.address // card.line
    row[_BRANCH] = one.op_class == "branch"
    row[_BYTES] = one.memory.size if one.memory else 8
    vector = width > 0 or (one.memory is not None and one.mnemonic.startswith("v"))
    row[_IS_VECTOR] = vector
    row[_LOAD_LATENCY] = card.latency["vec_load" if vector else "load"]
    row[_SLOTS] = card.slots_of(kind, width)
    if kind == "nop":
        row[_ELIMINATED] = 1
        return
    if kind == "move":
        row[_SLOTS] = 1
        row[_ELIMINATED] = 0 if one.masked or one.memory is not None else 1
        if one.masked and not one.stores:
            kind = "blend"
        elif one.memory is not None or (one.operands and not one.masked):
            return
    if _idiom(one):
        row[_ELIMINATED] = 2
        if not one.mnemonic.startswith("kxn"):
            return
    if kind in ("permute", "shuffle") and one.loads and "broadcast" in one.mnemonic:
        return  # the load port broadcasts
    if kind in ("gather_lane", "scatter_lane"):
        lanes = _lanes(one)
        row[_SLOTS] = card.slots_of(kind, width) * lanes
        row[_REPEATS], row[_LATENCY] = lanes, card.latency[kind]
        row[_OCCUPANCY] = card.occupancy(kind, width)
        return
    row[_LATENCY] = card.latency_of(kind, width)
    row[_OCCUPANCY], row[_REPEATS] = card.occupancy(kind, width), 1


def _lanes(one: Instruction) -> int:
    element = 8 if one.mnemonic.endswith(("pd", "q")) and "dd" not in one.mnemonic else 4
    return max(1, one.width // 8 // max(element, 8 if "gatherq" in one.mnemonic else element))


def _dependences(one: Instruction, reads: Ints, address: Ints, writes: Ints) -> None:
    read, written, addressed = list[int](), list[int](), list[int]()
    for position, operand in enumerate(one.operands):
        if operand.memory is not None:
            for name in (operand.memory.base, operand.memory.index):
                if name and name != "rip":
                    addressed.append(_register(name))
        elif operand.register:
            number = _register(operand.register)
            if position > 0 or one.stores or (one.mnemonic.startswith(_READS_FIRST) and not _three_way(one)):
                read.append(number)
            if position == 0 and not _only_reads(one):
                written.append(number)
    if one.mask:
        read.append(_register(one.mask))
        if not one.zeroing and written:
            read.append(written[0])
        if one.op_class in ("gather_lane", "scatter_lane"):
            written.append(_register(one.mask))
    if one.mnemonic.startswith(("j", "cmov", "set", "adc", "sbb")) and one.mnemonic != "jmp":
        read.append(_FLAGS)
    if one.mnemonic in _FLAG_WRITERS:
        written.append(_FLAGS)
    reads[: len(read[:_MAX_READS])] = read[:_MAX_READS]
    address[: len(addressed)] = addressed
    writes[: len(written)] = written


def _three_way(one: Instruction) -> bool:
    """Integer forms whose first operand is only written."""
    return one.mnemonic in ("imul", "andn", "shlx", "shrx", "sarx", "bextr", "bzhi") and len(one.operands) == 3


def _only_reads(one: Instruction) -> bool:
    return one.mnemonic in ("cmp", "test", "push", "bt", "vptest", "vtestps", "vtestpd") or one.mnemonic.startswith(
        ("vucomi", "vcomi", "kortest", "ktest")
    )


def cycles(code: Code, trace: Trace, card: SimdCard, calls: int = 6) -> float:
    """Cycles per call of a function that is called again and again, data in the first-level cache."""
    knobs = np.array(
        [card.issue_width, card.window, card.fetch_width, card.taken_branches, card.mispredict_cycles, card.scheduler,
         card.forward_cycles, card.split_cycles, card.line, card.call_slots, card.history, card.retire_width,
         card.stores_per_line, card.store_queue, card.store_share, card.relearned],
        dtype=np.float64,
    )  # fmt: skip
    loads = np.array([card.port_mask("load", 0), card.port_mask("vec_load", 0)])
    stores = card.port_mask("store", 0)
    wide = np.array([card.occupancy("vec_load", 512), card.occupancy("vec_store", 512),
                     card.occupancy("vec_load", 256), card.occupancy("vec_store", 256)])  # fmt: skip
    if not len(trace):
        return 0.0
    count = max(2, min(calls, 1 + 60_000 // len(trace)))
    ends = _simulate(code.figures, code.ports, code.reads, code.address, code.writes, trace.index, trace.address,
                     knobs, loads, stores, wide, count)  # fmt: skip
    half = count // 2
    return float((ends[count - 1] - ends[half - 1]) / (count - half))


@njit(cache=True)
def _start(busy, mask, ready, occupancy, load):  # type: ignore[no-untyped-def]
    """The earliest cycle from `ready` on at which a port is free for `occupancy` cycles.

    The port is bound before it is known when it will be free: it is the least used one of `mask`.
    """
    length = busy.shape[1]
    best, port, bits = -1, 0, mask
    while bits:
        if bits & 1 and (best < 0 or load[port] < load[best]):
            best = port
        bits >>= 1
        port += 1
    load[best] += occupancy
    at = ready
    while True:
        free = True
        for k in range(occupancy):
            if busy[best, (at + k) % length] == at + k:
                free = False
                break
        if free:
            for k in range(occupancy):
                busy[best, (at + k) % length] = at + k
            return at
        at += 1


@njit(cache=True)
def _simulate(figures, ports, reads, address, writes, index, places, knobs, loads, stores, wide, calls):  # type: ignore[no-untyped-def]
    """Retirement cycle of the last instruction of each call."""
    issue_width, window, fetch_width, taken_per = int(knobs[0]), int(knobs[1]), int(knobs[2]), knobs[3]
    penalty, scheduler, forward, split, line = int(knobs[4]), int(knobs[5]), int(knobs[6]), int(knobs[7]), int(knobs[8])
    extra, history, retire_width = int(knobs[9]), int(knobs[10]), int(knobs[11])
    ends = np.zeros(calls)
    load = np.zeros(32, dtype=np.int64)
    per_line, store_queue, share, relearn = int(knobs[12]), int(knobs[13]), knobs[14], int(knobs[15])
    committed = np.zeros(store_queue, dtype=np.int64)
    commit, written, pending = 0.0, 0.0, 0
    lines_open, oldest_open = np.full(_OPEN, -1, dtype=np.int64), 0
    busy = np.full((32, 1 << 14), -1, dtype=np.int64)
    ready = np.zeros(_NUMBER, dtype=np.int64)
    retired = np.zeros(window, dtype=np.int64)
    begun, waiting, seen = np.zeros(1 << 14, dtype=np.int64), 0, np.int64(0)
    carry, spread = np.zeros(64), np.zeros(64)
    stored = np.full(4096, -1, dtype=np.int64)
    stored_at = np.zeros(4096, dtype=np.int64)
    stored_size = np.zeros(4096, dtype=np.int64)
    fetch, entry, entries, code_line, learning = np.int64(0), 0, 0, np.int64(-1), 0
    issue, issued = np.int64(0), 0
    retire, retiring = np.int64(0), 0
    number = 0
    run = np.zeros(len(figures), dtype=np.int64)
    size = len(index)
    for call in range(calls):
        for k in range(size):
            i = index[k]
            row = figures[i]
            slots = int(row[0])
            # fetch: two entries of decoded operations per cycle, each of one line of code
            entry += slots
            if row[11] != code_line or entry > fetch_width // 2:
                if row[11] != code_line and learning > 0 and entries > 0:
                    entries = 2
                entries += 1
                entry, code_line = slots, np.int64(row[11])
                if entries > 2:
                    fetch += 1
                    entries = 1
            # issue
            at = max(issue, fetch)
            if at > issue:
                issue, issued = at, 0
            free = retired[number % window]
            if free > issue:
                issue, issued = free, 0
            if row[5] > 0:
                free = committed[pending % store_queue]
                if free > issue:
                    issue, issued = free, 0
            issued += slots
            while issued > issue_width:
                issue += 1
                issued -= issue_width
            if row[3] > 0 or row[4] > 0 or row[5] > 0:
                while True:  # entries of the scheduler are free again once their instructions have begun
                    while seen < issue:
                        seen += 1
                        waiting -= begun[seen % len(begun)]
                        begun[seen % len(begun)] = 0
                    if waiting < scheduler:
                        break
                    issue, issued = issue + 1, slots
            now = issue + 1
            # execute
            when = now
            for r in reads[i]:
                if r >= 0 and ready[r] > when:
                    when = ready[r]
            done = when
            place = places[k]
            if row[4] > 0 and row[3] <= 1:
                begin = now
                for r in address[i]:
                    if r >= 0 and ready[r] > begin:
                        begin = ready[r]
                bytes_ = int(row[8])
                occupancy = 1.0
                if bytes_ > 32:
                    occupancy = wide[0]
                elif bytes_ > 8:
                    occupancy = wide[2]
                crossing = place >= 0 and (place % line) + bytes_ > line
                if place >= 0:
                    slot = (place >> 3) % 4096
                    for s in (slot, (slot - 1) % 4096, (slot - 2) % 4096, (slot - 3) % 4096):
                        if stored[s] >= 0 and stored[s] < place + bytes_ and stored[s] + stored_size[s] > place:
                            inside = stored[s] <= place and stored[s] + stored_size[s] >= place + bytes_
                            wait = stored_at[s] + (0 if inside else 8)
                            begin = max(begin, wait)
                carry[0] += occupancy
                whole = int(carry[0])
                carry[0] -= whole
                begin = _start(busy, loads[int(row[10] > 0)], begin, max(whole, 1), load) if whole > 0 else begin
                if crossing:
                    _start(busy, loads[int(row[10] > 0)], begin, split, load)
                arrived = begin + int(row[6])
                if arrived > when:
                    when = arrived
                done = max(done, arrived)
            mask = ports[i]
            if mask:
                repeats = int(row[3])
                kind = 1 + i % 60
                for _ in range(repeats):
                    carry[kind] += row[2]
                    whole = int(carry[kind] + 1e-9)
                    carry[kind] -= whole
                    begin = _start(busy, mask, when, whole, load) if whole > 0 else when
                    spread[kind] += row[1]
                    after = int(spread[kind] + 1e-9)
                    spread[kind] -= after
                    done = max(done, begin + after)
                if begin > seen:
                    begun[begin % len(begun)] += 1
                    waiting += 1
            elif row[9] == 0:
                done = max(done, when)
            if row[5] > 0:
                begin = max(now, done if mask else when)
                bytes_ = int(row[8])
                occupancy = 1.0
                if bytes_ > 32:
                    occupancy = wide[1]
                elif bytes_ > 8:
                    occupancy = wide[3]
                carry[61] += occupancy
                whole = int(carry[61])
                carry[61] -= whole
                begin = _start(busy, stores, begin, max(whole, 1), load) if whole > 0 else begin
                if place >= 0:
                    if (place % line) + bytes_ > line:
                        _start(busy, stores, begin, split, load)
                    slot = (place >> 3) % 4096
                    stored[slot], stored_at[slot], stored_size[slot] = place, begin + forward, bytes_
                done = max(done, begin + 1)
            value = done
            for r in writes[i]:
                if r >= 0:
                    ready[r] = value
            # branches
            if row[7] > 0:
                taken = k + 1 >= size or index[k + 1] != i + 1
                if taken:
                    run[i] += 1
                    learning = max(learning - 1, 0)
                    if taken_per <= 1 or entries > 1:
                        fetch += 1
                        entries = 0
                    code_line = np.int64(-1)
                else:
                    if run[i] > history:  # the end of a long loop is not foreseen
                        fetch = max(fetch, done + penalty)
                        entries, code_line, learning = 0, np.int64(-1), relearn
                    run[i] = 0
            # retire
            finish = max(done, issue + 1)
            if finish > retire:
                retire, retiring = finish, 0
            retiring += slots
            if retiring > retire_width:
                retire += 1
                retiring = slots
            retired[number % window] = retire
            if row[5] > 0:  # stores reach the cache in order: so many a cycle, and one line that was not open
                bytes_ = int(row[8])
                commit = max(commit, np.float64(retire)) + 1.0 / per_line
                first = place // line if place >= 0 else np.int64(-2)
                last = (place + bytes_ - 1) // line if place >= 0 else np.int64(-2)
                for target in range(first, last + 1):
                    if target < 0 or not (lines_open == target).any():
                        lines_open[oldest_open % _OPEN] = target
                        oldest_open += 1
                        written = max(written, commit - 1.0) + 1.0
                        if bytes_ > 8:  # writing a line takes the cache's banks from the loads
                            carry[62] += share
                            whole = int(carry[62] + 1e-9)
                            carry[62] -= whole
                            if whole > 0:
                                _start(busy, loads[1], np.int64(written), whole, load)
                commit = max(commit, written)
                committed[pending % store_queue] = np.int64(commit)
                pending += 1
            number += 1
        issued += extra
        ends[call] = retire
    return ends
