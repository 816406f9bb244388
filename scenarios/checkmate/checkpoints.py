"""Keep some forward operators' outputs, recompute the segments between them: Chen et al. (arXiv:1604.06174).

Which operators may be checkpoints, and how they are picked, is a row of a table each (paper, table 1):
Chen's rules want a chain; the paper generalises them to articulation points of the forward graph (AP), and to
all of its operators in order (linearized). Every rule is swept over its parameter and the cheapest schedule
within the budget wins, so each baseline is as well tuned as it can be.
"""

from collections.abc import Callable, Iterator
from math import isqrt

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak
from scenarios.checkmate.stages import complete, row_major

Ints = NDArray[np.int64]
Choice = frozenset[int]


def forward_operators(graph: Graph) -> list[int]:
    """Operators of the forward pass and the loss, in order."""
    return [index for index, operator in enumerate(graph.operators) if not operator.backward]


def forward_reads(graph: Graph) -> list[set[int]]:
    """For each operator the forward operators whose values it reads."""
    producer = graph.producers()
    return [
        {int(producer[value]) for value in operator.inputs if not graph.operators[producer[value]].backward}
        for operator in graph.operators
    ]


def is_chain(graph: Graph) -> bool:
    """Whether every forward operator reads only its predecessor."""
    forward = forward_operators(graph)
    reads = forward_reads(graph)
    return all(reads[later] <= {before} for before, later in zip(forward, forward[1:], strict=False))


def articulation_points(graph: Graph) -> list[int]:
    """Forward operators whose removal cuts the undirected forward graph, and both ends, in order."""
    forward = forward_operators(graph)
    reads = forward_reads(graph)
    links = nx.Graph()
    links.add_nodes_from(forward)
    links.add_edges_from((before, later) for later in forward for before in reads[later])
    return sorted({*nx.articulation_points(links), forward[0], forward[-1]})


def every_kth(problem: Problem, candidates: list[int]) -> Iterator[Choice]:
    """Checkpoint every k-th candidate with k = floor(sqrt(candidates)): Chen's sqrt(n) rule, no parameter."""
    step = max(1, isqrt(len(candidates)))
    yield frozenset(candidates[step - 1 :: step])


def by_bytes(problem: Problem, candidates: list[int]) -> Iterator[Choice]:
    """Checkpoint a candidate when the bytes made since the last one exceed b: Chen's greedy rule, swept over b.

    b runs over 0 to 3 times the bytes of an average sqrt(n) segment in steps of 0.01, and then on to the total.
    """
    table = incidence(problem.graph)
    forward = forward_operators(problem.graph)
    made = np.bincount(table.producer, weights=table.bytes, minlength=len(problem.graph.operators))[forward]
    segment = float(made.sum()) / max(1, isqrt(len(candidates)))
    thresholds = [*(segment * step / 100 for step in range(301)), *np.linspace(3 * segment, made.sum(), 20)]
    allowed = set(candidates)
    for threshold in thresholds:
        chosen, accumulated = [], 0.0
        for operator, size in zip(forward, made, strict=True):
            accumulated += size
            if operator in allowed and accumulated > threshold:
                chosen.append(operator)
                accumulated = 0.0
        yield frozenset(chosen)


Picker = Callable[[Problem, list[int]], Iterator[Choice]]
#: name -> (candidates, picker, only for chains)
RULES: dict[str, tuple[Callable[[Graph], list[int]], Picker, bool]] = {
    "chen_sqrt": (forward_operators, every_kth, True),
    "chen_greedy": (forward_operators, by_bytes, True),
    "ap_sqrt": (articulation_points, every_kth, False),
    "ap_greedy": (articulation_points, by_bytes, False),
    "linearized_sqrt": (forward_operators, every_kth, False),
    "linearized_greedy": (forward_operators, by_bytes, False),
}


def solve_checkpoints(problem: Problem, rule: str) -> Solution:
    """The cheapest schedule within the budget that a rule of `RULES` leads to."""
    candidates, pick, chains_only = RULES[rule]
    if chains_only and not is_chain(problem.graph):
        return Solution(Answer.NOT_FOUND, reason=f"{rule} is defined for chains, and {problem.graph.name} is not one")
    choices = dict.fromkeys(pick(problem, candidates(problem.graph)))
    schedules = (
        schedule_from_checkpoints(problem.graph, choice, keep_skips)
        for choice in choices
        for keep_skips in (True, False)
    )
    return cheapest_that_fits(problem, schedules, rule)


def cheapest_that_fits(problem: Problem, schedules: Iterator[Schedule], rule: str) -> Solution:
    """The best of some schedules, or the least peak among them when none fits."""
    best: tuple[float, Schedule] | None = None
    least = None
    for schedule in schedules:
        needed = peak(problem.graph, schedule)
        least = needed if least is None else min(least, needed)
        if needed <= problem.budget and (best is None or cost(problem.costs, schedule) < best[0]):
            best = cost(problem.costs, schedule), schedule
    if best is None:
        reason = f"{rule} needs at least {least} bytes, and the budget is {problem.budget} bytes"
        return Solution(Answer.NOT_FOUND, reason=reason)
    return Solution(Answer.FEASIBLE, best[1], float(problem.costs.sum()))


def schedule_from_checkpoints(graph: Graph, checkpoints: Choice, keep_skips: bool = True) -> Schedule:
    """Keep checkpoints and gradients; keep a segment while it is computed and while it is back-propagated.

    A value that a later segment's forward pass reads is kept for it (`keep_skips`) or recomputed for it.
    """
    table = incidence(graph)
    count = len(graph.operators)
    backward = np.array([operator.backward for operator in graph.operators])
    stage = np.arange(count)[:, None]
    last_use, last_forward_use = _last_uses(graph, backward)
    segment, first, last, end = _segments(graph, backward, checkpoints)

    checkpoint = np.zeros(count, dtype=bool)
    checkpoint[sorted(checkpoints)] = True
    always = backward[table.producer] | checkpoint[table.producer] | table.result
    until = np.where(table.result, count - 1, last_use)
    own = segment[table.producer]
    prefix = stage <= np.maximum(end[own], last_forward_use if keep_skips else -1)
    replayed = (stage > first[own]) & (stage <= last[own])
    keep = np.where(always, stage <= until, (prefix | replayed) & (stage <= last_use))
    if not keep_skips:
        for operator in np.flatnonzero(~backward):
            keep[operator, list(graph.operators[operator].inputs)] = True
    return row_major(complete(graph, keep & (stage > table.producer)))


def _last_uses(graph: Graph, backward: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """(last user, last forward user) of each value, or -1."""
    last = [max(users, default=-1) for users in graph.users()]
    forward = [max((user for user in users if not backward[user]), default=-1) for users in graph.users()]
    return np.array(last), np.array(forward)


def _segments(
    graph: Graph, backward: NDArray[np.bool_], checkpoints: Choice
) -> tuple[Ints, Ints, Ints, Ints]:
    """(segment of each operator; per segment: first and last backward operator that reads it, last forward operator).

    A segment ends with its checkpoint. Backward operators get the number of the last segment; it is not used.
    """
    count = len(graph.operators)
    ends = np.zeros(count, dtype=np.int64)
    ends[sorted(checkpoints)] = 1
    segment = np.cumsum(ends) - ends
    first = np.full(int(segment.max()) + 1, count)
    last = np.full(len(first), -1)
    end = np.full(len(first), -1)
    reads = forward_reads(graph)
    for operator in range(count):
        if not backward[operator]:
            end[segment[operator]] = operator
            continue
        for read in {int(segment[source]) for source in reads[operator]}:
            first[read] = min(int(first[read]), operator)
            last[read] = operator
    return segment, first, last, end
