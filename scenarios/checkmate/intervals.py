"""Retention intervals: a second engine, by constraint programming, that shares nothing with the 0-1 program.

Each operator runs up to C times; every run makes its outputs, and each output stays over an interval of steps that
begins with the run (Moccasin: Bartan et al., arXiv:2304.14463). Steps are those of the staged space: stage t holds
t + 1 places, of which operator i may take place i, so a schedule is which places are taken. A run needs, for every
input, an interval that covers it; the bytes of the intervals that cover a place fit in the budget (a cumulative
constraint). Results have an interval that covers the end.

With C = 2 some problems have no schedule although others with more runs exist, so "no schedule with two runs" is
never called infeasible. Needs OR-Tools (the extra `cpsat`), and a process without highspy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware_models.gpu.layout_exact import import_cp_model
from scenarios.checkmate import greedy, moments
from scenarios.checkmate.incidence import Incidence, incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak
from sim.units import show

#: Runs per operator, the solver's own measure of work (about seconds, but repeatable), and the most operators taken.
RUNS, WORK, LARGEST = 3, 10.0, 120


@dataclass(slots=True)
class _Run:
    """One run of an operator: whether it happens, in which stage, at which place; and per output where that stays."""

    happens: Any
    stage: Any
    place: Any
    until: dict[int, Any]


def solve_intervals(problem: Problem, runs: int = RUNS, seconds: float | None = None) -> Solution:
    """The cheapest schedule with at most `runs` runs of each operator, or the best within `WORK` (or `seconds`).

    `bound` is that of all schedules (`moments.certify`), since the engine's own holds for so few runs only.
    """
    least = moments.certify(problem)
    bound = float(problem.costs.sum()) if least is None else least
    count = len(problem.costs)
    if count > LARGEST:
        return Solution(Answer.NOT_FOUND, bound=bound, reason=f"{count} operators; retention intervals take {LARGEST}")
    cp_model = import_cp_model()
    known = greedy.search(problem).schedule
    model = cp_model.CpModel()
    made = _Model(model, problem, incidence(problem.graph), runs)
    made.build()
    made.hint(known)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    if seconds is None:
        solver.parameters.max_deterministic_time = WORK
    else:
        solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        found = made.schedule(solver)
        if peak(problem.graph, found) <= problem.budget:
            return Solution(Answer.FEASIBLE, found, min(bound, cost(problem.costs, found)))
    what = show(problem.budget, "bytes")
    if status == cp_model.INFEASIBLE:
        reason = f"no schedule fits in {what} with at most {runs} runs of each operator; that proves nothing about more"
    else:
        reason = f"no schedule found for {what} within {f'{seconds:g} s' if seconds else 'the limit on work'}"
    return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)


class _Model:
    """The constraint program; place p of stage t is the number t (t + 1) / 2 + p."""

    def __init__(self, model: Any, problem: Problem, table: Incidence, runs: int) -> None:
        self.model, self.problem, self.table, self.limit = model, problem, table, runs
        self.count = len(problem.costs)
        # one more stage after the last first run, where results can be made again; the end is one place further
        self.end = (self.count + 1) * (self.count + 2) // 2
        self.runs: list[list[_Run]] = []

    def build(self) -> None:
        """All variables and constraints, and the objective: the cost of runs beyond the first."""
        self.runs = [self._runs_of(operator) for operator in range(self.count)]
        for operator, runs in enumerate(self.runs):
            for run in runs:
                self._reads(operator, run)
        for value in np.flatnonzero(self.table.result).tolist():
            self._covered(value, self.end, self.model.new_constant(1))
        self._fits()
        scale = 10**6 / float(self.problem.costs.max())
        prices = [max(0, round(float(price) * scale)) for price in self.problem.costs]
        self.model.minimize(
            sum(prices[operator] * run.happens for operator, runs in enumerate(self.runs) for run in runs[1:])
        )

    def _runs_of(self, operator: int) -> list[_Run]:
        model = self.model
        found: list[_Run] = []
        for turn in range(self.limit):
            happens = model.new_constant(1) if turn == 0 else model.new_bool_var("")
            if turn == 0:
                stage = model.new_constant(operator)
            else:
                stage = model.new_int_var(operator + 1, max(operator + 1, self.count), "")
            place = model.new_int_var(0, self.end, "")
            squares = [each * (each + 1) // 2 + operator for each in range(self.count + 1)]
            model.add_element(stage, squares, place)
            outputs = self.table.outputs.items[
                self.table.outputs.start[operator] : self.table.outputs.start[operator + 1]
            ]
            until = {int(value): model.new_int_var(0, self.end, "") for value in outputs}
            for last in until.values():
                model.add(last >= place)
            if turn:
                model.add(stage > found[-1].stage).only_enforce_if(happens)
                model.add_implication(happens, found[-1].happens)
            found.append(_Run(happens, stage, place, until))
        return found

    def _reads(self, operator: int, run: _Run) -> None:
        for value in dict.fromkeys(self.problem.graph.operators[operator].inputs):
            self._covered(value, run.place, run.happens)

    def _covered(self, value: int, place: Any, when: Any) -> None:
        """Some run's interval of the value begins before a place and reaches it."""
        sources = self.runs[int(self.table.producer[value])]
        chosen = [self.model.new_bool_var("") for _ in sources]
        for source, choice in zip(sources, chosen, strict=True):
            self.model.add_implication(choice, source.happens)
            self.model.add(source.place < place).only_enforce_if(choice)
            self.model.add(source.until[value] >= place).only_enforce_if(choice)
        self.model.add_bool_or(chosen).only_enforce_if(when)

    def _fits(self) -> None:
        """Bytes per unit of the sizes' greatest common divisor, with workspaces as intervals of one place."""
        sizes, unit = self._scaled()
        intervals, demands = [], []
        for operator, runs in enumerate(self.runs):
            for run in runs:
                for value, last in run.until.items():
                    length = self.model.new_int_var(1, self.end + 1, "")
                    after = self.model.new_int_var(1, self.end + 1, "")
                    self.model.add(after == last + 1)
                    intervals.append(self.model.new_optional_interval_var(run.place, length, after, run.happens, ""))
                    demands.append(sizes[value])
                if scratch := -(-int(self.table.workspace[operator]) // unit):
                    intervals.append(self.model.new_optional_fixed_size_interval_var(run.place, 1, run.happens, ""))
                    demands.append(scratch)
        self.model.add_cumulative(intervals, demands, self.problem.budget // unit)

    def _scaled(self) -> tuple[list[int], int]:
        """Sizes in a unit that divides them all, or rounded up where the numbers would be too large."""
        unit = int(np.gcd.reduce(np.concatenate([self.table.bytes, self.table.workspace])))
        unit = max(1, unit, self.problem.budget // 10**9)
        return (-(-self.table.bytes // unit)).tolist(), unit

    def hint(self, known: Schedule | None) -> None:
        """Start from the first runs alone, and from how often a known schedule repeats what."""
        if known is None:
            return
        often = np.bincount(np.asarray(known.order), minlength=self.count)
        for operator, runs in enumerate(self.runs):
            for turn, run in enumerate(runs[1:], 1):
                self.model.add_hint(run.happens, int(often[operator] > turn))

    def schedule(self, solver: Any) -> Schedule:
        """The operators in the order of their places."""
        taken = [
            (solver.value(run.place), operator)
            for operator, runs in enumerate(self.runs)
            for run in runs
            if solver.value(run.happens)
        ]
        return Schedule(tuple(operator for _, operator in sorted(taken)))
