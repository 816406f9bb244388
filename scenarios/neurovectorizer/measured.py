"""Brute force on the real thing: all actions of a loop compiled, checked and timed; kept by content."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from hardware_models.simd import clang
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT
from scenarios.neurovectorizer.harness import LEAST_RETEST, Times, build, check, measure
from scenarios.neurovectorizer.kernel import Kernel
from sim.errors import UserError

Floats = NDArray[np.float64]
ALL = tuple(range(len(ACTIONS)))
#: The two ways in which Polly is asked: as it is, and with loops split for the vectoriser that follows it.
POLLY = (("-mllvm", "-polly"), ("-mllvm", "-polly", "-mllvm", "-polly-vectorizer=stripmine"))
Cached = Callable[[str, str, Callable[[], bytes]], bytes]


@dataclass(frozen=True)
class Truth:
    """What a loop really does under each action.

    `select` and `judge` (actions,) seconds per call from two halves of the processes, so that nobody is judged by the
    noise they were chosen with; `retest` Kendall's tau between them; `honoured` and `verdicts` per action.
    """

    select: Floats
    judge: Floats
    retest: float
    honoured: NDArray[np.bool_]
    verdicts: tuple[str, ...]
    cycle: float

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Actions whose outputs differ from the reference beyond reordering."""
        return np.array([v == "wrong" for v in self.verdicts])

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Actions that compiled and compute what the source says."""
        return np.isfinite(self.select) & ~self.wrong

    @property
    def trusted(self) -> bool:
        """Whether the retest allows a ranking, or all actions are alike within 3 %."""
        spread = np.nanmax(self.judge) / np.nanmin(self.judge)
        return self.retest >= LEAST_RETEST or bool(spread < 1.03)


def truth(
    kernel: Kernel, cached: Cached, cpu: str = "native", flags: tuple[str, ...] = (), processes: int = 6,
    actions: tuple[int, ...] = ALL,
) -> Truth:  # fmt: skip
    """Measured, or as measured before with this source, compiler, core and flags; NaN for other than `actions`."""
    key = "\n".join([kernel.source, str(kernel.n), str(kernel.reach), clang.release(), clang.native_cpu(), cpu, *flags,
                     str(processes), *(map(str, actions) if actions != ALL else ())])  # fmt: skip
    stored = orjson.loads(cached("neurovectorizer", key, lambda: _measured(kernel, cpu, flags, processes, actions)))
    samples = np.array(stored["samples"], dtype=np.float64)
    times = Times(samples, stored["cycle"])
    select, judge = times.halves
    return Truth(select, judge, times.retest, np.array(stored["honoured"]), tuple(stored["verdicts"]), times.cycle)


def polly_speedup(kernel: Kernel, plain: Truth, cached: Cached, processes: int) -> float:
    """Time of the compiler's own choice over that of the same source compiled with Polly; NaN where Polly's is wrong.

    Polly (the polyhedral optimiser of LLVM) reorders, tiles and vectorises the whole nest by itself; no loop of it gets
    a pragma, since Polly makes other loops of it. Of its two ways the faster counts, selected and judged on different
    halves of the measurements. The programs are timed in processes of their own.
    """
    made = [truth(kernel, cached, flags=way, processes=processes, actions=(DEFAULT,)) for way in POLLY]
    right = [one for one in made if one.usable[DEFAULT]]
    if not right:
        return float("nan")
    return float(plain.judge[DEFAULT] / min(right, key=lambda one: one.select[DEFAULT]).judge[DEFAULT])


def _measured(kernel: Kernel, cpu: str, flags: tuple[str, ...], processes: int, actions: tuple[int, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        built = build(kernel, Path(folder), cpu, flags, actions)
        verdicts = check(built)
        times = measure(built, processes)
    samples = [[None if np.isnan(t) else float(t) for t in row] for row in times.samples]
    return orjson.dumps(
        {"samples": samples, "cycle": times.cycle, "honoured": built.honoured.tolist(), "verdicts": verdicts.tolist()}
    )


def refuse_untrusted(kernel: Kernel, found: Truth) -> None:
    """Raises `UserError` where the machine is too noisy for a ranking."""
    if not found.trusted:
        raise UserError(
            f"loop '{kernel.name}': two measurements of the same actions agree by tau = {found.retest:.2f} only, "
            f"below {LEAST_RETEST}; the machine is too noisy to rank them"
        )
