"""How fast is the exact solver against the paper's program, and how good are the searches without it?

    python benchmarks/checkmate_solvers.py out.json --only vgg16 unet --budgets 0.3 0.6 --limit 120

Budgets are fractions of the way from the working set (0) to the peak of keeping everything (1). Both programs
run in this process, one after the other, on one thread. The exact solver's time includes the searches that
give it an upper bound. An instance counts for the ratio when the paper's program was solved within the limit.
"""

import argparse
import json
from math import exp, log
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph, working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.lookalikes import LOOKALIKES, lookalike
from scenarios.checkmate.milp_paper import solve_paper
from scenarios.checkmate.portfolio import exact, heuristics
from scenarios.checkmate.problem import Problem, Solution
from scenarios.checkmate.schedule import all_once, cost, peak

NETWORKS = ("vgg16", "vgg19", "unet", "fcn8", "segnet", "mobilenet", "resnet50")
BUDGETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)


def load(name: str) -> tuple[Graph, NDArray[np.float64]]:
    if name in LOOKALIKES:
        return lookalike(name)
    from hardware_models.gpu.card import GpuCard
    from scenarios.checkmate.capture import capture_network
    from scenarios.checkmate.coarsen import coarsen
    from scenarios.checkmate.networks import NETWORKS as CAPTURED
    from scenarios.checkmate.on_device import kernel_costs

    graph = coarsen(capture_network(name, CAPTURED[name].batch).graph).graph
    return graph, kernel_costs(graph, GpuCard.model_validate("v100"), "fp32", "roofline").solver


def measure(problem: Problem, limit: float, paper: bool) -> dict[str, Any]:
    searches, search_seconds = _timed(lambda: heuristics(problem))
    proven, exact_seconds = _timed(lambda: exact(problem, limit))
    row = {"answer": proven.answer.value, "bound": proven.bound, "exact_seconds": exact_seconds}
    row |= {"exact": _cost(problem, proven), "search": _cost(problem, searches), "search_seconds": search_seconds}
    if paper:
        printed, seconds = _timed(lambda: solve_paper(problem, limit))
        solved = bool(printed.schedule) and printed.bound >= _cost(problem, printed) * (1 - 1e-6)
        row |= {"paper": _cost(problem, printed), "paper_seconds": seconds, "paper_solved": solved}
    return row


def _timed(call: Any) -> tuple[Solution, float]:
    started = perf_counter()
    return call(), perf_counter() - started


def _cost(problem: Problem, solution: Solution) -> float | None:
    if solution.schedule is None:
        return None
    verdict = validate(problem, solution.schedule, cost(problem.costs, solution.schedule))
    if not verdict.valid:
        raise AssertionError(verdict.reason)
    return verdict.cost


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    raced = [row for row in rows if row.get("paper_solved")]
    ratios = [row["exact_seconds"] / row["paper_seconds"] for row in raced]
    bounded = [row for row in rows if row["search"] and row["bound"]]
    quality = [row["search"] / row["bound"] for row in bounded]
    found = {"instances": float(len(rows)), "raced": float(len(raced))}
    if ratios:
        found |= {"time_ratio_mean": _mean(ratios), "time_ratio_worst": max(ratios)}
        found["disagreements"] = float(sum(abs(row["exact"] / row["paper"] - 1) > 1e-6 for row in raced))
    if quality:
        found |= {"search_over_bound_mean": _mean(quality), "search_over_bound_worst": max(quality)}
        spent, exact = (sum(row[key] for row in bounded) for key in ("search_seconds", "exact_seconds"))
        found["search_time_share"] = spent / exact
    found["search_not_found"] = float(sum(row["exact"] is not None and row["search"] is None for row in rows))
    return found


def _mean(ratios: list[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the JSON goes")
    parser.add_argument("--only", nargs="+", default=NETWORKS, help=f"networks, or look-alikes {LOOKALIKES}")
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds per solve")
    parser.add_argument("--no-paper", action="store_true", help="leave the paper's program out")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    measure(Problem(*lookalike("VGG16"), 14_000_000_000), 10.0, paper=True)  # compile first
    print(f"{'network':10s}{'budget':>7s}{'exact':>10s}{'search':>10s}{'exact s':>9s}{'paper s':>9s}{'search s':>9s}")
    for name in arguments.only:
        graph, costs = load(name)
        least, most = working_set(graph)[0], peak(graph, all_once(graph))
        for fraction in arguments.budgets:
            problem = Problem(graph, costs, int(least + fraction * (most - least)))
            row = measure(problem, arguments.limit, not arguments.no_paper)
            rows.append({"network": name, "budget": fraction, "operators": len(costs)} | row)
            _show(rows[-1])
            arguments.out.write_text(json.dumps({"rows": rows, "summary": summary(rows)}, indent=1))
    for key, value in summary(rows).items():
        print(f"{key:26s}{value:10.5f}")


def _show(row: dict[str, Any]) -> None:
    scale = row["bound"] or 1.0
    shown = [f"{row[key] / scale:10.5f}" if row[key] else f"{'-':>10s}" for key in ("exact", "search")]
    seconds = [row["exact_seconds"], row.get("paper_seconds", float("nan")), row["search_seconds"]]
    print(
        f"{row['network']:10s}{row['budget']:7.2f}{''.join(shown)}{''.join(f'{s:9.3f}' for s in seconds)}", flush=True
    )


if __name__ == "__main__":
    main()
