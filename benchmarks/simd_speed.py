"""Loops times actions times machines scored per second from descriptions, beside llvm-mca on compiled actions.

Seconds are those of processor time, of this process and its children, since the machine may do other work too.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from hardware_models.simd.card import SimdCard
from hardware_models.simd.compiled import call_cycles, traces
from hardware_models.simd.peer import block_cycles
from hardware_models.simd.score import Machine, score
from hardware_models.simd.source import loops as described
from scenarios.neurovectorizer.harness import build
from scenarios.neurovectorizer.image import arguments
from scenarios.neurovectorizer.own_loops import tuning
from scenarios.neurovectorizer.problem_set import INTERLEAVE_OF, WIDTH_OF

CARDS = ("skylake-x", "ice-lake-server", "sapphire-rapids", "zen4", "zen5", "haswell", "zen2", "neoverse-v1", "a64fx")


def _spent() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    kernels = tuning()
    irs = [described(k.with_pragma("", k.name))[0].ir for k in kernels]
    machines = [Machine.of(SimdCard.model_validate(name)) for name in CARDS]
    trips = np.full(len(irs), 1000.0)
    rates = []
    for _ in range(7):
        started = _spent()
        for _ in range(20):
            score(irs, trips, WIDTH_OF, INTERLEAVE_OF, machines)
        rates.append(20 * len(irs) * len(WIDTH_OF) * len(machines) / (_spent() - started))
    here = SimdCard.model_validate("zen5")
    with tempfile.TemporaryDirectory() as place:
        built = build(kernels[0], Path(place))
        symbols = [f"variant_{k}" for k in range(0, 36, 4)]
        found = traces(built.program, symbols, arguments(kernels[0]))
        call_cycles(*found[symbols[0]], here)
        started = _spent()
        for symbol in symbols * 20:
            call_cycles(*found[symbol], here)
        pipeline = 20 * len(symbols) / (_spent() - started)
        started = _spent()
        for symbol in symbols:
            block_cycles(*found[symbol], "znver4")
        peer = len(symbols) / (_spent() - started)
    rate = float(np.median(rates))
    print(
        f"source: {rate:,.0f} (loop, action, machine) scores per processor second, {rate / peer:,.0f} times llvm-mca\n"
        f"compiled: {pipeline:.0f} actions per second, {pipeline / peer:.1f} times llvm-mca's {peer:.1f}"
    )


if __name__ == "__main__":
    main()
