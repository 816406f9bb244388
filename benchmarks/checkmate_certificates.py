"""How close is the portfolio to its own bound on large graphs, and what does the bound cost beside the full relaxation?

MobileNet and ResNet50, as the paper's graphs (185 and 353 operators), as ours (layers) and as traced kernels
(ResNet50), at 0.3, 0.5 and 0.8 of the peak of keeping everything, on the V100's roofline. For each, one after the
other in one process on one thread: the portfolio's schedule, `moments.certify`, and the full relaxation
(`milp.relax`). Then random layered graphs of 1,001 operators at 0.9 and 0.8. Times are medians of three.

    python benchmarks/checkmate_certificates.py
"""

import os
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


from hardware_models.gpu.card import GpuCard
from scenarios.checkmate import milp, moments, portfolio
from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.on_device import kernel_costs, merged
from scenarios.checkmate.paper_graphs import paper_graph
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph

Costs = "np.typing.NDArray[np.float64]"
BATCH = {"mobilenet": 512, "resnet50": 256}
HEAD = ("graph", "operators", "share", "cost", "bound", "gap %", "LP's gap %", "schedule s", "bound s", "LP s", "ratio")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """(result, median seconds of three)."""
    spent = []
    for _ in range(3):
        begin = perf_counter()
        result = work()
        spent.append(perf_counter() - begin)
    return result, median(spent)


def graphs() -> list[tuple[str, Graph, Any]]:
    """(name, graph, seconds per operator)."""
    card = GpuCard.model_validate("v100")
    found: list[tuple[str, Graph, Any]] = []
    for name, batch in BATCH.items():
        graph = paper_graph(name, batch)
        found.append((f"{name} paper", graph, kernel_costs(graph, card, "fp32", "roofline").seconds))
        fine = capture_network(name, batch).graph
        costs = kernel_costs(fine, card, "fp32", "roofline")
        coarse = coarsen(fine)
        found.append((f"{name} layers", coarse.graph, merged(costs, coarse.parts).seconds))
    found.append(("resnet50 kernels", fine, costs.seconds))
    return found


def row(name: str, problem: Problem, share: float, full: bool) -> None:
    """One line of the table."""
    found, searching = timed(lambda: portfolio.heuristics(problem))
    assert found.schedule is not None, found.reason
    verdict = validate(problem, found.schedule)
    assert verdict.valid, verdict.reason
    paid = cost(problem.costs, found.schedule)
    bound, proving = timed(lambda: moments.certify(problem, paid))
    unit = float(problem.costs.sum())
    cells = [name, str(len(problem.costs)), f"{share}", f"{paid / unit:.5f}", f"{bound / unit:.5f}"]
    cells.append(f"{100 * (paid / bound - 1):.3f}")
    if full:
        begin = perf_counter()
        relaxation = milp.relax(problem)
        relaxing = perf_counter() - begin
        assert relaxation is not None
        cells += [f"{100 * (paid / relaxation.bound - 1):.3f}", f"{searching:.2f}", f"{proving:.3f}"]
        cells += [f"{relaxing:.2f}", f"{proving / relaxing:.3f}"]
    else:
        cells += ["", f"{searching:.2f}", f"{proving:.3f}"]
    print("".join(f"{cell:>17}" if i == 0 else f"{cell:>11}" for i, cell in enumerate(cells)), flush=True)


def main() -> None:
    """Print the table."""
    portfolio.heuristics(Problem(*layered_graph(1, 10), 300))  # compile before timing
    print("".join(f"{title:>17}" if i == 0 else f"{title:>11}" for i, title in enumerate(HEAD)))
    for name, graph, costs in graphs():
        most = peak(graph, all_once(graph))
        for share in (0.3, 0.5, 0.8):
            row(name, Problem(graph, costs, int(share * most)), share, full=True)
    for seed in (1, 2):
        graph, costs = layered_graph(seed, 500)
        most = peak(graph, all_once(graph))
        for share in (0.9, 0.8):
            row(f"layered {seed}", Problem(graph, costs, int(share * most)), share, full=False)


if __name__ == "__main__":
    main()
