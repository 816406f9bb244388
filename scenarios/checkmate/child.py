"""Measurements in a process of their own, so that nothing else allocates, frees or computes beside them.

python -m scenarios.checkmate.child < request.json > measurements.json
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from scenarios.checkmate.gauges import keep_memory, return_memory
from scenarios.checkmate.measurement import Timing, Weight, built, steps_of, timed, weigh
from scenarios.checkmate.schedule import Schedule
from sim.errors import UserError


@dataclass(frozen=True, slots=True)
class Request:
    """What to execute: a network as for `measurement.built`, and orders of its captured graph's operators."""

    network: str
    batch: int
    shape: tuple[int, ...] | None
    orders: Sequence[Sequence[int]]
    repeats: int = 3
    seed: int = 0
    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One executed schedule."""

    weight: Weight
    timing: Timing


def measured(request: Request) -> list[Measurement]:
    """The request carried out in a child. Raises `UserError` with the child's own sentence if it could not be."""
    threads = {name: str(request.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.checkmate.child"],
        input=orjson.dumps(request),
        capture_output=True,
        env=os.environ | threads,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise UserError(f"{request.network} could not be executed: {lines[-1]}")
    found = orjson.loads(done.stdout)
    return [Measurement(Weight(**one["weight"]), Timing(**one["timing"])) for one in found]


def main() -> int:
    """Read a request, print measurements."""
    read = orjson.loads(sys.stdin.buffer.read())
    read["shape"] = None if read["shape"] is None else tuple(read["shape"])
    request = Request(**read)
    return_memory()
    try:
        subject = built(request.network, request.batch, request.shape, request.seed, request.device)
        steps = steps_of(subject, [Schedule(tuple(order)) for order in request.orders])
        weights = weigh(subject, steps)
        keep_memory()
        timings = timed(subject, steps, request.repeats)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    found = [asdict(Measurement(*pair)) for pair in zip(weights, timings, strict=True)]
    sys.stdout.buffer.write(orjson.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
