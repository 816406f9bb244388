"""From a solver's answer to what the run reports: validated, replayed on the device, and explained."""

from dataclasses import replace

import numpy as np

from hardware_models.gpu.layout import lay_out, of_program
from hardware_models.gpu.timeline import OutOfMemory, Timeline
from scenarios.checkmate.config import EXECUTED, METRICS, CheckmateConfig
from scenarios.checkmate.fitting import Fitted
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.on_device import Optimizer, program, resident
from scenarios.checkmate.paging import journeys, makespan
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.question import Question
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from sim.scenario import Check, Outcome, Series
from sim.trace import Tracer
from sim.units import show

#: Rounds of the search for a static layout that is only shown.
_LAYOUT_ROUNDS = 500


def outcome(config: CheckmateConfig, asked: Question, fitted: Fitted, solve_seconds: float, trace: Tracer) -> Outcome:
    """Metrics, timeline and checks. Without a schedule, the replay shows where the memory runs out."""
    problem, solution = asked.problem, fitted.solution
    graph = problem.graph
    fixed = sum(size for _, size in resident(graph.fixed, config.optimizer))
    needed, largest = working_set(graph)
    results = sum(graph.values[value].bytes for value in graph.results)
    metrics: dict[str, float | None] = {
        "batch": float(asked.batch),
        "batch_bound": None if asked.batch_bound is None else float(asked.batch_bound),
        "budget": float(problem.budget),
        "capacity": float(config.hardware.capacity),
        "keep_all_peak": float(fixed + peak(graph, all_once(graph))),
        "least_memory": float(fixed + max(needed, results)),
        "solve_seconds": solve_seconds,
    }
    notes = {"least_memory": f"largest operator: {graph.operators[largest].name}"}
    if results > needed:
        notes = {"least_memory": "what must be there at the end: the gradients of all parameters"}
    timeline = fitted.replay(trace)
    series = {"memory": curves(timeline)}
    if solution.schedule is None:
        notes["answer"] = solution.reason
        if timeline.out_of_memory:
            notes["out of memory"] = told(timeline.out_of_memory)
        return Outcome(metrics, series, (), _absent(notes, metrics), solution.answer.value)
    metrics |= _costs(config, asked, solution.bound, solution.schedule)
    metrics |= {
        "margin": fitted.margin,
        "device_peak": float(timeline.peak_live),
        "peak_allocated": float(timeline.peak_allocated),
        "peak_reserved": float(timeline.peak_reserved),
        "fragmentation": timeline.fragmentation,
        "static_height": float(static_height(asked, solution.schedule, config.optimizer)),
    }
    checks = (_valid(problem, solution.schedule), _ran(timeline))
    return Outcome(metrics, series, checks, _absent(notes, metrics), solution.answer.value)


def _costs(config: CheckmateConfig, asked: Question, proven: float, schedule: Schedule) -> dict[str, float | None]:
    problem, costs = asked.problem, asked.costs
    once = all_once(problem.graph)
    computing = cost(costs.seconds, schedule)
    seconds = makespan(replace(problem, costs=costs.seconds), schedule)
    total = seconds if schedule.trips else cost(problem.costs, schedule)
    least = cost(problem.costs, once)
    bound = max(proven, least)
    moved = [each for each in journeys(problem.graph, schedule) for _ in range(1 + (each.made >= 0))]
    return {
        "overhead": seconds / cost(costs.seconds, once) - 1.0,
        "copied": float(sum(problem.graph.values[each.trip.value].bytes for each in moved)),
        "waited": seconds - computing,
        "overhead_bound": bound / least - 1.0,
        "gap": total / bound - 1.0,
        "iteration_seconds": seconds,
        "throughput": asked.batch / seconds,
        "recomputed": float(len(schedule.order) - len(once.order)),
        "energy": cost(costs.energy, schedule),
        "money": seconds * config.hardware.price,
    }


def static_height(asked: Question, schedule: Schedule, optimizer: Optimizer) -> int:
    """Bytes that the schedule's tensors take at static offsets, after a short search."""
    return lay_out(of_program(program(asked.problem.graph, schedule, asked.costs, optimizer)), _LAYOUT_ROUNDS).height


def _valid(problem: Problem, schedule: Schedule) -> Check:
    verdict = validate(problem, schedule)
    return Check("the interpreter accepts the schedule", "holds" if verdict.valid else "fails", verdict.reason)


def _ran(timeline: Timeline) -> Check:
    failed = timeline.out_of_memory
    return Check("the schedule runs on the device", "fails" if failed else "holds", told(failed) if failed else "")


def told(failed: OutOfMemory) -> str:
    """Where the memory ran out and what held it, in one sentence."""
    held = ", ".join(f"{name} {show(size, 'bytes')}" for name, size in failed.held.items() if size)
    return (
        f"{failed.kernel_name or 'the resident tensors'} wants {show(failed.wanted, 'bytes')} of "
        f"{show(failed.capacity, 'bytes')} when memory holds {held} (limit: {failed.level})"
    )


def curves(timeline: Timeline) -> Series:
    """Memory over time: one column per category of live tensors, then allocated and reserved bytes."""
    live = {name: row for name, row in zip(timeline.live.categories, timeline.live.bytes, strict=True) if row.any()}
    columns = {"time": timeline.live.times, **live, "allocated": timeline.allocated, "reserved": timeline.reserved}
    units = dict.fromkeys(columns, "bytes") | {"time": "time"}
    return Series({name: np.asarray(column) for name, column in columns.items()}, units)


def _absent(notes: dict[str, str], metrics: dict[str, float | None]) -> dict[str, str]:
    """Notes, completed with why each missing metric is missing."""
    unexecuted = dict.fromkeys(EXECUTED, notes.get("answer", "not executed; execute = true does"))
    reason = notes.get("answer", "does not apply")
    absent = {m.name: reason for m in METRICS if metrics.get(m.name) is None} | unexecuted
    return absent | notes
