"""The lowest static layout with its proof, by constraint programming: rectangles (kernels x bytes) that do not overlap.

Needs OR-Tools (the extra `cpsat`). For hundreds of buffers the proof may not come in time; then the answer is the
best layout known, and the height that was proven.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware_models.gpu.layout import Buffers, Layout, lay_out
from sim.errors import UserError


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    """A layout, and the height below which there is none."""

    layout: Layout
    least: int

    @property
    def optimal(self) -> bool:
        """Whether no layout is lower."""
        return self.layout.height == self.least


def lay_out_exactly(buffers: Buffers, seconds: float = 60.0) -> Proven:
    """The lowest layout, or the best of `lay_out` and what was found within `seconds` on one thread."""
    known = lay_out(buffers)
    if known.height == buffers.bound:
        return Proven(known, buffers.bound)
    cp_model = import_cp_model()
    unit = int(np.gcd.reduce(buffers.size))
    sizes = (buffers.size // unit).tolist()
    top = known.height // unit
    model = cp_model.CpModel()
    offsets = [model.new_int_var(0, top - size, "") for size in sizes]
    spans = zip(buffers.first.tolist(), buffers.last.tolist(), strict=True)
    times = [model.new_fixed_size_interval_var(first, last - first + 1, "") for first, last in spans]
    places = [model.new_fixed_size_interval_var(at, size, "") for at, size in zip(offsets, sizes, strict=True)]
    model.add_no_overlap_2d(times, places)
    height = model.new_int_var(-(-buffers.bound // unit), top, "height")
    for at, size, hint in zip(offsets, sizes, (known.offset // unit).tolist(), strict=True):
        model.add(at + size <= height)
        model.add_hint(at, hint)
    model.minimize(height)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    least = min(known.height, int(np.ceil(solver.best_objective_bound - 1e-6)) * unit)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Proven(known, max(buffers.bound, least))
    found = Layout(buffers, np.array([solver.value(at) for at in offsets], dtype=np.int64) * unit)
    return Proven(found if found.height < known.height else known, max(buffers.bound, least))


def import_cp_model() -> Any:
    """OR-Tools' module; raises `UserError` when it is not installed."""
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise UserError("this needs OR-Tools, which is not installed: pip install 'windtunnel[cpsat]'") from None
    return cp_model
