"""Measurements in a process of their own, whose allocator gives pages back to the kernel as soon as they are freed.

python -m scenarios.checkmate.child < request.json > measurements.json
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from scenarios.checkmate.gauges import ENVIRONMENT
from scenarios.checkmate.measurement import Measurement, built, measure_all
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


def measured(request: Request) -> list[Measurement]:
    """The request carried out in a child. Raises `UserError` with the child's own sentence if it could not be."""
    threads = {name: str(request.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.checkmate.child"],
        input=orjson.dumps(request),
        capture_output=True,
        env=os.environ | ENVIRONMENT | threads,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise UserError(f"{request.network} could not be executed: {lines[-1]}")
    return [Measurement(**found) for found in orjson.loads(done.stdout)]


def main() -> int:
    """Read a request, print measurements."""
    read = orjson.loads(sys.stdin.buffer.read())
    read["shape"] = None if read["shape"] is None else tuple(read["shape"])
    request = Request(**read)
    try:
        subject = built(request.network, request.batch, request.shape, request.seed, request.device)
        schedules = [Schedule(tuple(order)) for order in request.orders]
        found = measure_all(subject, schedules, request.repeats)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    sys.stdout.buffer.write(orjson.dumps([asdict(one) for one in found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
