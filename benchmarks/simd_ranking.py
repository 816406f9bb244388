"""How well the SIMD models rank the 36 actions of loops that nothing was calibrated on, beside llvm-mca, measured here.

Figures per estimator: mean Kendall tau-b against measured time, regret of its choice (geometric mean), mean absolute
error after one scale for all loops. A choice is the estimator's best action among those that keep the loop's meaning,
or the compiler's own where that is within 3 % of it; the same rule for all. The retest is a second measurement judged
by the first: no estimator can be trusted above it. Loops whose actions are all alike (within 5 %) count for the error
only. "quick" leaves out llvm-mca's other cores; "tuning" takes the loops that the models were adjusted on instead.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from hardware_models.simd import clang
from hardware_models.simd.card import SimdCard
from hardware_models.simd.compiled import call_cycles, traces
from hardware_models.simd.measure import measure as measure_card
from hardware_models.simd.peer import block_cycles
from scenarios.neurovectorizer.actions import ACTIONS
from scenarios.neurovectorizer.harness import build, measure, tau
from scenarios.neurovectorizer.image import arguments
from scenarios.neurovectorizer.own_loops import judging, tuning
from scenarios.neurovectorizer.problem_set import choice, loop_set
from sim.card import write_card
from sim.rng import Streams

CORES = ("znver4", "icelake-server", "skylake-avx512", "sapphirerapids")
SYMBOLS = [f"variant_{k}" for k in range(len(ACTIONS))]


def card(folder: Path) -> SimdCard:
    """The card of the machine at hand, measured now."""
    write_card(measure_card({}, lambda *_: None), folder / "here.toml")
    return SimdCard.model_validate(str(folder / "here.toml"))


def report(name: str, truth: list[np.ndarray], estimate: list[np.ndarray], allowed: np.ndarray) -> None:
    taus, regrets, ratios = [], [], []
    for real, guess, may in zip(truth, estimate, allowed, strict=True):
        if np.nanmax(real) > 1.05 * np.nanmin(real):
            taus.append(tau(real, guess))
            kept = choice(np.where(may, guess, np.inf)[None, :])[0]
            regrets.append(real[kept] / np.nanmin(real[may]))
        ratios.append(guess / real)
    together = np.concatenate(ratios)
    error = np.nanmean(np.abs(together / np.nanmedian(together) - 1.0))
    regret = np.exp(np.mean(np.log(regrets)))
    print(f"  {name:30s} tau {np.mean(taus):.3f} (worst {min(taus):.2f})  regret {regret:.3f} "
          f"(worst {max(regrets):.2f})  error {100 * error:.1f} %", flush=True)  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        here = card(folder)
        kernels = tuning() if "tuning" in sys.argv else judging()
        truth, second = list[np.ndarray](), list[np.ndarray]()
        estimates: dict[str, list[np.ndarray]] = {}
        cores = CORES[:2] if "quick" in sys.argv else CORES
        for kernel in kernels:
            (folder / kernel.name).mkdir()
            built = build(kernel, folder / kernel.name)
            times = measure(built, 8)
            first, again = times.halves
            truth.append(first / times.cycle)
            second.append(again / times.cycle)
            found = traces(built.program, SYMBOLS, arguments(kernel))
            estimates.setdefault("compiled: pipeline", []).append(
                np.array([call_cycles(*found[s], here) for s in SYMBOLS])
            )
            executed = np.array([float(len(found[s][1])) for s in SYMBOLS])
            estimates.setdefault("instructions executed", []).append(executed)
            for cpu in cores:
                estimates.setdefault(f"llvm-mca {cpu}", []).append(
                    np.array([block_cycles(*found[s], cpu) for s in SYMBOLS])
                )
        known = loop_set(kernels, here, Streams(0, "benchmark", 0)("contexts"))
        estimates["source: bounds"] = list(known.cycles)
        print(f"{len(kernels)} loops x {len(ACTIONS)} actions on {clang.native_cpu()}, cycle {here.cycle * 1e9:.4f} ns")
        report("retest (ceiling)", truth, second, known.allowed)
        for name, estimate in estimates.items():
            report(name, truth, estimate, known.allowed)


if __name__ == "__main__":
    main()
