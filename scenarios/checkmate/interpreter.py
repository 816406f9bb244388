"""Does a schedule really compute everything within the budget? Checked by running it, one statement at a time.

This is the judge of every solver, so it shares no code with them: it lowers a schedule to statements
("compute this operator", "free this value"; the paper's algorithm 1) and executes them on a plain set of
resident values, in Python's exact integers.
"""

from dataclasses import dataclass
from math import fsum, isclose

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Compute:
    """Run an operator: its inputs must be resident, its outputs become so."""

    operator: int


@dataclass(frozen=True, slots=True)
class Free:
    """Drop a value that is resident."""

    value: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Drop a value that is resident; a copy of it stays with the host."""

    value: int


@dataclass(frozen=True, slots=True)
class Return:
    """Make a value resident again from the host's copy."""

    value: int


Statement = Compute | Free | Leave | Return
Plan = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What execution showed. `reason` is empty when the schedule is valid; `peak` is in bytes, `cost` in seconds."""

    reason: str
    peak: int
    cost: float

    @property
    def valid(self) -> bool:
        """Whether every check held."""
        return not self.reason


def lower(graph: Graph, schedule: Schedule) -> Plan:
    """The statements of a schedule, each value freed as early as the schedule allows.

    A value is freed right after an operator when, before it is produced again, nobody reads it and the end
    does not need it. Trips to the host come right before the operator that they are over for.
    """
    needed = set(graph.results)
    backwards: list[Statement] = []
    moves = _moves(schedule)
    for step, index in reversed(list(enumerate(schedule.order))):
        operator = graph.operators[index]
        touched = {*operator.inputs, *operator.outputs}
        backwards += [Free(value) for value in sorted(touched - needed, reverse=True)]
        backwards.append(Compute(index))
        backwards += reversed(moves.get(step, []))
        # outputs are overwritten here, so an older copy is of no use before this point
        needed = (needed - set(operator.outputs)) | set(operator.inputs)
    return tuple(reversed(backwards))


def _moves(schedule: Schedule) -> dict[int, list[Statement]]:
    """By step, what leaves before it, and then what returns."""
    moves: dict[int, list[Statement]] = {}
    for trip in schedule.trips:
        moves.setdefault(trip.left, []).append(Leave(trip.value))
    for trip in schedule.trips:
        moves.setdefault(trip.back, []).append(Return(trip.value))
    return moves


def validate(problem: Problem, schedule: Schedule, claimed_cost: float | None = None) -> Verdict:
    """Execute a schedule and check it against the problem and, if given, the cost a solver claims for it."""
    count = len(problem.graph.operators)
    if any(not 0 <= index < count for index in schedule.order):
        return Verdict(f"the schedule names an operator outside 0..{count - 1}", 0, 0.0)
    return execute(problem, lower(problem.graph, schedule), claimed_cost)


def execute(problem: Problem, plan: Plan, claimed_cost: float | None = None) -> Verdict:
    """Run a plan to its end or to the first statement that cannot run."""
    graph = problem.graph
    resident: set[int] = set()
    done: set[int] = set()
    held = peak = 0
    seconds: list[float] = []
    with_host: set[int] = set()
    for statement in plan:
        if isinstance(statement, Free | Leave):
            if statement.value not in resident:
                return Verdict(f"{graph.values[statement.value].name} is freed but not resident", peak, fsum(seconds))
            resident.remove(statement.value)
            held -= graph.values[statement.value].bytes
            with_host |= {statement.value} if isinstance(statement, Leave) else set()
            continue
        if isinstance(statement, Return):
            if statement.value not in with_host or statement.value in resident:
                return Verdict(f"{graph.values[statement.value].name} cannot return", peak, fsum(seconds))
            resident.add(statement.value)
            held += graph.values[statement.value].bytes
            continue
        operator = graph.operators[statement.operator]
        missing = [value for value in operator.inputs if value not in resident]
        if missing:
            reason = f"{operator.name} runs without its input {graph.values[missing[0]].name}"
            return Verdict(reason, peak, fsum(seconds))
        held += sum(graph.values[value].bytes for value in set(operator.outputs) - resident)
        resident.update(operator.outputs)
        done.add(statement.operator)
        seconds.append(float(problem.costs[statement.operator]))
        peak = max(peak, held + operator.workspace)
    return Verdict(_complaint(problem, resident, done, peak, fsum(seconds), claimed_cost), peak, fsum(seconds))


def _complaint(
    problem: Problem, resident: set[int], done: set[int], peak: int, cost: float, claimed_cost: float | None
) -> str:
    graph = problem.graph
    for index, operator in enumerate(graph.operators):
        if index not in done:
            return f"{operator.name} never runs"
    for value in sorted(graph.results - resident):
        return f"the result {graph.values[value].name} is not resident at the end"
    if peak > problem.budget:
        return f"the peak of {peak} bytes exceeds the budget of {problem.budget} bytes"
    if claimed_cost is not None and not isclose(claimed_cost, cost, rel_tol=1e-9, abs_tol=1e-12):
        return f"the schedule costs {cost} s, not the {claimed_cost} s claimed for it"
    return ""
