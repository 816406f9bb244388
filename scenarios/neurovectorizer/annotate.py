"""`windtunnel vectorize FILE.c`: the file with a pragma before each loop that gains by one, and what to expect.

Only legal actions are considered: those within the distance of a dependence, and for floating-point reductions only
with `reorder`. Where clang is there, the annotated file is compiled and a pragma that is not honoured is taken out.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from hardware_models.simd import clang
from hardware_models.simd.card import SimdCard
from hardware_models.simd.score import Machine, score
from hardware_models.simd.source import SourceLoop, loops
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT, NAMES, Action
from scenarios.neurovectorizer.problem_set import INTERLEAVE_OF, WIDTH_OF, legal
from sim.config import build
from sim.errors import UserError
from sim.scenario import Config


class Settings(Config):
    """For which core, and what may be done."""

    hardware: SimdCard = Field("zen5", validate_default=True, description="the core")
    trip: int = Field(1000, ge=1, description="iterations per call where the source does not say")
    reorder: bool = Field(False, description="whether floating-point reductions may be reordered")
    gain: float = Field(1.03, ge=1.0, description="least expected speed-up for which a pragma is written")


@dataclass(frozen=True, slots=True)
class Advice:
    """For one loop: where it is, the action (None: leave it), the expected speed-up, and why."""

    function: str
    line: int
    action: Action | None
    speedup: float
    reason: str

    def __str__(self) -> str:
        what = f"{self.action.name}, expected {self.speedup:.2f} times as fast" if self.action else "left as it is"
        return f"{self.function}:{self.line}: {what} ({self.reason})"


def annotate(text: str, name: str, given: Mapping[str, Any]) -> tuple[str, list[Advice], list[str]]:
    """The annotated text, advice per loop, and remarks. Raises `UserError` for bad settings or no loop."""
    wanted: Settings = build(Settings, given)
    found = loops(text, name)
    if not found:
        raise UserError(f"{name} has no loop in a function")
    advice = advise(text, found, wanted)
    remarks: list[str] = []
    if clang.have():
        advice, remarks = _confirmed(text, name, found, advice)
    else:
        remarks.append("clang is not installed: pragmas come from the model and were not compiled")
    return _written(text, found, advice), advice, remarks


def advise(text: str, found: Sequence[SourceLoop], wanted: Settings) -> list[Advice]:
    """The model's best legal action per loop, on the card."""
    irs = [one.ir for one in found]
    trips = np.array([float(ir.trip or wanted.trip) for ir in irs])
    scores = score(irs, trips, WIDTH_OF, INTERLEAVE_OF, [Machine.of(wanted.hardware)])[0]
    advice = []
    for row, (one, ir) in enumerate(zip(found, irs, strict=True)):
        cycles = np.where(legal(ir, wanted.reorder), scores.cycles[row], np.inf)
        best = int(cycles.argmin())
        speedup = float(cycles[DEFAULT] / cycles[best])
        reason = f"bound by {scores.bottleneck(row, best)} on {wanted.hardware.card or 'this core'}"
        if ir.obstacle:
            advice.append(Advice(one.function, ir.line, None, 1.0, f"it has {ir.obstacle}"))
        elif _has_pragma(text, ir.offset):
            advice.append(Advice(one.function, ir.line, None, 1.0, "it has a pragma already"))
        elif ir.needs_permission and not wanted.reorder:
            why = "a floating-point reduction, which may be reordered only with reorder = true"
            advice.append(Advice(one.function, ir.line, None, 1.0, why))
        elif best == DEFAULT or speedup < wanted.gain:
            advice.append(Advice(one.function, ir.line, None, speedup, "the compiler's own choice is as good"))
        else:
            advice.append(Advice(one.function, ir.line, ACTIONS[best], speedup, reason))
    return advice


def _has_pragma(text: str, offset: int) -> bool:
    before = text.encode()[:offset].decode(errors="replace").rstrip()
    return bool(re.search(r"#\s*pragma\s+(clang\s+loop|GCC\s+(ivdep|unroll)|omp)[^\n]*$", before))


def _written(text: str, found: Sequence[SourceLoop], advice: Sequence[Advice]) -> str:
    raw = text.encode()
    end = b"\r\n" if b"\r\n" in raw else b"\n"
    for one, said in sorted(zip(found, advice, strict=True), key=lambda pair: -pair[0].ir.offset):
        if said.action is None:
            continue
        at = one.ir.offset
        start = raw.rfind(b"\n", 0, at) + 1
        indent = raw[start:at]
        pragma = f"#pragma {said.action.pragma}".encode()
        if indent.strip():  # something stands before the loop on its line
            raw = raw[:at] + end + pragma + end + raw[at:]
        else:
            raw = raw[:start] + indent + pragma + end + raw[start:]
    return raw.decode()


def _confirmed(
    text: str, name: str, found: Sequence[SourceLoop], advice: list[Advice]
) -> tuple[list[Advice], list[str]]:
    """Advice without the pragmas that clang does not honour."""
    written = _written(text, found, advice)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "annotated.c"
        source.write_text(written, encoding="utf-8")
        command = [clang.need("clang"), "-O3", "-march=native", "-fsave-optimization-record", "-w", "-c", source.name]
        try:
            clang.run([*command, f"-I{Path(name).resolve().parent}"], 120.0, Path(folder))
        except (clang.RefusedError, clang.TooSlowError) as error:
            return advice, [f"not compiled here: {str(error).splitlines()[0]}"]
        record = (Path(folder) / "annotated.opt.yaml").read_text(encoding="utf-8", errors="replace")
    done = {
        (int(m.group(1)), int(m.group(2)), int(m.group(3)))
        for block in record.split("--- ")[1:] if block.startswith("!Passed") and "loop-vectorize" in block
        if (m := re.search(r"Line: (\d+).*?VectorizationFactor:\s+'(\d+)'.*?InterleaveCount:\s+'(\d+)'", block, re.S))
    }  # fmt: skip
    kept, shift = [], 0
    for said in sorted(advice, key=lambda one: one.line):
        if said.action is None:
            kept.append(said)
            continue
        shift += 1
        line = said.line + shift
        if said.action.width == 1 or any(
            abs(at - line) <= 1 and (w, i) == (said.action.width, said.action.interleave) for at, w, i in done
        ):
            kept.append(said)
        else:
            kept.append(
                Advice(
                    said.function,
                    said.line,
                    None,
                    1.0,
                    f"clang does not honour {NAMES[ACTIONS.index(said.action)]} here",
                )
            )
    by_line = {one.line: one for one in kept}
    return [by_line[one.line] for one in advice], [f"compiled and confirmed with {clang.release()}"]
