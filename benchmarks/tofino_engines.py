"""How many packets per CPU second go through Harmonia's switch program, and do both engines agree on every one?

A million random packets (reads, writes, completions with loss and reordering, replies, forged stamps, unknown ops,
truncated packets) enter the exact engine and the batch engine in the same process; every byte, port and reason is
compared, and every register at the end. Times are CPU time of this process, compilation apart.

Claims, checked at the end: no difference; the batch engine >= 1 M packets per CPU second and >= 10x the exact one.

    python benchmarks/tofino_engines.py [PACKETS]
"""

import sys
from time import perf_counter, process_time

import numpy as np

from hardware_models.tofino.batch import BatchEngine, Packets
from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.interpreter import Interpreter
from hardware_models.tofino.placement import place
from hardware_models.tofino.program import UNSET_PORT
from hardware_models.tofino.report import report
from scenarios.harmonia.packet import Op
from scenarios.harmonia.switch_control import SwitchControl
from scenarios.harmonia.switch_program import Plan, build
from scenarios.harmonia.wire import HEADER_BYTES

CARD = TofinoCard.model_validate("tofino1")
BATCH, OBJECTS, PAYLOAD, CLIENTS = 10_000, 40_000, 16, 64
OPS = np.array([Op.READ, Op.WRITE, Op.WRITE_COMPLETION, Op.READ_REPLY, Op.WRITE_REPLY, 0, 9])
SHARES = np.array([0.4, 0.2, 0.15, 0.19, 0.05, 0.005, 0.005])


def packets(count, rng):
    """Packets as arrays; sequences of completions lie behind the writes so far, and sometimes ahead of them."""
    op = rng.choice(OPS, count, p=SHARES)
    written = np.cumsum(op == Op.WRITE)
    sequence = np.maximum(written - rng.integers(-2, 400, count), 0)
    forged = rng.random(count) < 0.01
    columns = [
        (op, 1),
        (rng.integers(0, 2, count), 1),
        (np.where(rng.random(count) < 0.002, 2, 1), 2),
        (rng.integers(0, OBJECTS, count), 4),
        (np.where(forged, rng.integers(0, 3, count), 1), 2),
        (np.zeros(count, int), 2),
        (np.where(forged, rng.integers(0, 2**32, count), sequence), 4),
        (np.zeros(count, int), 4),
        (rng.integers(0, CLIENTS + 2, count), 4),
        (np.arange(count), 4),
    ]
    data = rng.integers(0, 256, (count, HEADER_BYTES + PAYLOAD), dtype=np.uint8)
    at = 0
    for column, size in columns:
        data[:, at : at + size] = column.astype(">u8")[:, None].view(np.uint8)[:, 8 - size :]
        at += size
    length = np.where(rng.random(count) < 0.005, rng.integers(0, HEADER_BYTES, count), data.shape[1])
    port = np.where(rng.random(count) < 0.01, rng.integers(0, 64, count), rng.integers(0, 16, count))
    return Packets(data, length.astype(np.int64), port.astype(np.int64))


def running(engine, program):
    made = engine(program, CARD)
    control = SwitchControl(made.state, switch_id=1, write_port=1, read_port=2)
    control.set_replicas((4, 5, 6))
    for client in range(CLIENTS):
        control.add_client(client, 8 + client % 8)
    return made, control


def slices(given):
    for start in range(0, given.length.size, BATCH):
        part = slice(start, start + BATCH)
        yield Packets(given.data[part], given.length[part], given.port[part])


def through_batch(made, control, given):
    """Results of every batch, and CPU seconds; the control plane sweeps after each batch."""
    results, start = [], process_time()
    for part in slices(given):
        results.append(made.process(part))
        control.sweep()
    return results, process_time() - start


def through_exact(made, control, given, results):
    """Packets whose result differs from the batch engine's, and CPU seconds of the engine alone."""
    different, seconds = 0, 0.0
    for part, theirs in zip(slices(given), results, strict=True):
        arrived = [
            (row[:length].tobytes(), int(port))
            for row, length, port in zip(part.data, part.length, part.port, strict=True)
        ]
        start = process_time()
        ours = [made.process(data, port) for data, port in arrived]
        seconds += process_time() - start
        control.sweep()
        different += sum(mine != other for mine, other in zip(ours, theirs, strict=True))
    return different, seconds


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    program = build(Plan(stages=3, slots=65536))
    print(report(place(program, CARD)), end="\n\n")
    given = packets(count, np.random.default_rng(0))
    batch, batch_control = running(BatchEngine, program)
    start = perf_counter()
    batch.process(Packets.of([]))
    print(f"compiled or fetched in {perf_counter() - start:.1f} s")
    results, batch_seconds = through_batch(batch, batch_control, given)
    exact, exact_control = running(Interpreter, program)
    different, exact_seconds = through_exact(exact, exact_control, given, results)
    state = sum(
        not np.array_equal(mine, other)
        for name, halves in exact.state.registers.items()
        for mine, other in zip(halves, batch.state.registers[name], strict=True)
    )
    state += exact.state.dropped() != batch.state.dropped()
    forwarded = sum(int((one.port != UNSET_PORT).sum()) for one in results)
    rate, slow = count / batch_seconds, count / exact_seconds
    print(f"{count} packets, {forwarded} forwarded, dropped: {exact.state.dropped()}")
    print(f"batch {rate / 1e6:.2f} M packets per CPU second, exact {slow / 1e3:.1f} k: {rate / slow:.0f}x (measured)")
    print(f"{different} packets and {state} parts of the state differ (counted)")
    sys.exit(0 if different == state == 0 and rate >= 1e6 and rate >= 10 * slow else 1)


if __name__ == "__main__":
    main()
