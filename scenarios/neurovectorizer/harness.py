"""All actions of one loop: compiled together, checked, and timed against each other.

One translation unit holds the loop once per action, a second one a reference that is never vectorised, a third the
driver. All variants are then in one process, where they are timed in turns.

Noise protocol: a sample is at least `sample` seconds of calls; a round takes one sample of every variant and one of
a chain of dependent multiply-adds, whose length in cycles is known; of the rounds of a process the least is kept;
processes are repeated, since the placement of pages and code moves whole processes; the median over processes counts.
Half the processes against the other half is the retest: no ranking of the variants can be trusted above its tau.

Outputs are compared bit by bit with the reference, at several trip counts. A floating-point reduction that was
reordered differs in its last bits: within a tolerance it is `reordered`, which needs permission; beyond, `wrong`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from hardware_models.simd import clang
from scenarios.neurovectorizer.actions import ACTIONS
from scenarios.neurovectorizer.kernel import Kernel
from sim.errors import UserError

Floats = NDArray[np.float64]

#: Seconds that one variant may take to compile, and all of them together before they are tried one by one.
ACTION_LIMIT, TOGETHER_LIMIT = 20.0, 40.0
#: Below this retest tau a ranking is not given.
LEAST_RETEST = 0.85
_FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fPIC")
_SCALAR = ("-fno-vectorize", "-fno-slp-vectorize", "-fno-unroll-loops")

_DRIVER = Template((Path(__file__).parent / "driver.c").read_text(encoding="ascii"))


@dataclass(frozen=True)
class Built:
    """One loop with all actions in one executable.

    `compiled[k]` is whether action k compiled in time; `factors[k]` what the compiler says it did with the loop:
    (width, interleave), (1, 1) where it did nothing.
    """

    kernel: Kernel
    program: Path
    compiled: NDArray[np.bool_]
    factors: tuple[tuple[int, int], ...]

    @property
    def honoured(self) -> NDArray[np.bool_]:
        """Per action, whether what was asked is what was made; the default is always honoured."""
        return np.array(
            [not a.width or (a.width, a.interleave) == f for a, f in zip(ACTIONS, self.factors, strict=True)]
        )


@dataclass(frozen=True)
class Times:
    """Seconds per call, shape (processes, actions), NaN for what did not compile; `cycle` seconds per core cycle."""

    samples: Floats
    cycle: float

    @property
    def seconds(self) -> Floats:
        """The median over processes, shape (actions,)."""
        return np.asarray(np.median(self.samples, axis=0))

    @property
    def halves(self) -> tuple[Floats, Floats]:
        """Medians of the even and the odd processes: one to select on, one to evaluate with."""
        return np.median(self.samples[::2], axis=0), np.median(self.samples[1::2], axis=0)

    @property
    def retest(self) -> float:
        """Kendall's tau-b between the halves, over what compiled."""
        first, second = self.halves
        return float(tau(first, second))


def tau(first: Floats, second: Floats, band: float = 0.0) -> float:
    """Kendall's tau-b over what is finite in both; 1.0 where nothing differs by more than `band`, relative.

    >>> round(tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 6)
    0.333333
    """
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 2:
        return 1.0
    value = float(kendalltau(_banded(first[known], band), _banded(second[known], band)).statistic)
    return 1.0 if np.isnan(value) else value


def _banded(values: Floats, band: float) -> Floats:
    return np.round(np.log(values) / np.log1p(band)) if band else values


def flags(cpu: str, extra: Sequence[str] = ()) -> list[str]:
    """The compiler's flags for a core that clang calls `cpu` ("native" for this one)."""
    return [*_FLAGS, f"-march={clang.native_cpu() if cpu == 'native' else cpu}", *extra]


def build(
    kernel: Kernel,
    folder: Path,
    cpu: str = "native",
    extra: Sequence[str] = (),
    actions: Sequence[int] = tuple(range(len(ACTIONS))),
) -> Built:
    """Compile `actions` of a loop into one program; the rest count as not compiled.

    Raises `UserError` where not even the plain loop compiles.
    """
    options = flags(cpu, extra)
    compiled = np.isin(np.arange(len(ACTIONS)), actions)
    together = "".join(_variant(kernel, k) for k in actions)
    try:
        objects = [_compile(together, folder, "all", options, TOGETHER_LIMIT)]
    except clang.TooSlowError:
        objects = []
        for k in actions:
            try:
                objects.append(_compile(_variant(kernel, k), folder, f"one{k}", options, ACTION_LIMIT))
            except clang.TooSlowError:
                compiled[k] = False
    except clang.RefusedError as refused:
        raise UserError(f"loop '{kernel.name}' does not compile: {str(refused).splitlines()[0]}") from refused
    factors = _factors(sorted(folder.glob("*.opt.yaml")), kernel)
    plain = kernel.with_pragma("", "reference")
    objects.append(_compile(plain, folder, "reference", [*options, *_SCALAR], ACTION_LIMIT))
    objects.append(_compile(driver(kernel, compiled), folder, "driver", [*options, "-fno-vectorize"], ACTION_LIMIT))
    program = folder / "program"
    clang.run([clang.need("clang"), *map(str, objects), "-o", str(program), "-lm", "-no-pie"])
    return Built(kernel, program, compiled, factors)


def _variant(kernel: Kernel, action: int) -> str:
    return kernel.with_pragma(ACTIONS[action].pragma, f"variant_{action}")


def _compile(text: str, folder: Path, stem: str, options: Sequence[str], limit: float) -> Path:
    source, made = folder / f"{stem}.c", folder / f"{stem}.o"
    source.write_text(text, encoding="utf-8")
    record = ["-fsave-optimization-record"] if stem.startswith(("all", "one")) else []
    clang.run([clang.need("clang"), *options, *record, "-w", "-c", source.name, "-o", made.name], limit, folder)
    return made


def _factors(records: Sequence[Path], kernel: Kernel) -> tuple[tuple[int, int], ...]:
    """What the loop vectoriser's remarks say it did, per action; the marked loop is the last one it speaks of."""
    done = [(1, 1)] * len(ACTIONS)
    for record in records:
        for block in record.read_text(encoding="utf-8", errors="replace").split("--- ")[1:]:
            function = re.search(r"^Function:\s+variant_(\d+)", block, re.M)
            if function and block.startswith("!Passed") and re.search(r"^Pass:\s+loop-vectorize", block, re.M):
                width = re.search(r"VectorizationFactor:\s+'(\d+)'", block)
                interleave = re.search(r"InterleaveCount:\s+'(\d+)'", block)
                found = (int(width.group(1)) if width else 1, int(interleave.group(1)) if interleave else 1)
                done[int(function.group(1))] = found
    return tuple(done)


def driver(kernel: Kernel, compiled: NDArray[np.bool_]) -> str:
    """The C text that fills the arrays, calls the variants, compares and times them."""
    arrays = [p for p in kernel.parameters if p.array]
    declared = ", ".join(f"{p.type} {'*' * p.array}" for p in kernel.parameters)
    scalars = {"int": "3", "float": "0.75f", "double": "0.75"}

    arguments = ", ".join(
        f"({p.type} *)array[{arrays.index(p)}]" if p.array else "n" if p.name == "n" else scalars.get(p.type, "3")
        for p in kernel.parameters
    )
    known = [k for k in range(len(ACTIONS)) if compiled[k]]
    return _DRIVER.substitute(
        parameters=declared,
        arguments=arguments,
        declarations="\n".join(f"void variant_{k}({declared});" for k in known),
        variants=", ".join(f"variant_{k}" if k in known else "0" for k in range(len(ACTIONS))),
        number=len(ACTIONS),
        arrays=len(arrays),
        sizes=", ".join(f"sizeof({p.type})" for p in arrays),
        kinds=", ".join(f"'{_kind(p.name, p.type)}'" for p in arrays),
        elements=kernel.elements,
        n=kernel.n,
    )


def _kind(name: str, ctype: str) -> str:
    if name == "idx":
        return "x"
    return {"float": "f", "double": "d"}.get(ctype, "u" if ctype.startswith("unsigned") else "i")


def check(built: Built) -> NDArray[np.str_]:
    """Per action "same", "reordered", "wrong", or "uncompiled"; a variant that crashes is wrong."""
    verdicts = np.full(len(ACTIONS), "uncompiled", dtype="<U10")
    for k in np.flatnonzero(built.compiled):
        try:
            worst = float(clang.run([str(built.program), "check", str(k)], 20.0))
        except (clang.RefusedError, clang.TooSlowError):
            worst = float("inf")
        verdicts[k] = "same" if worst == 0.0 else "reordered" if worst < 1e-4 else "wrong"
    return verdicts


def measure(built: Built, processes: int = 6, rounds: int = 9, sample: float = 1e-4) -> Times:
    """Seconds per call of every action under the noise protocol."""
    rows, cycles = [], []
    for _ in range(processes):
        answer = json.loads(clang.run([str(built.program), "time", str(rounds), f"{sample:g}"], 300.0))
        rows.append([np.nan if value is None else value for value in answer["seconds"]])
        cycles.append(answer["cycle"])
    return Times(np.array(rows), float(np.median(cycles)))
