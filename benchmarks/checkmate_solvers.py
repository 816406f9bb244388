"""How fast is a proven optimum, and how good is the portfolio? The paper's seven networks x 8 budgets, on one thread.

Budgets lie between the largest working set (below which nothing fits) and the peak of keeping everything. For each
instance, one after the other in one process: the paper's program (`milp_paper`, its building not counted), the exact
solver (heuristics included), and the heuristics alone. Costs are the V100's roofline at the paper's batch sizes.

    python benchmarks/checkmate_solvers.py --networks unet,segnet --limit 120 --out results.jsonl

Instances that `--out` already has are not run again; the tables are over all it has.
"""

import argparse
import json
import os
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from hardware_models.gpu.card import GpuCard
from scenarios.checkmate import milp_paper, portfolio
from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.graph import Graph, working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.on_device import kernel_costs, merged
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import all_once, cost, peak

NETWORKS = {"vgg16": 256, "vgg19": 256, "unet": 32, "fcn8": 32, "segnet": 32, "mobilenet": 512, "resnet50": 256}
SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SAME = 1e-6


def load(name: str) -> tuple[Graph, "np.typing.NDArray[np.float64]"]:
    """The network's coarse training graph and its costs in seconds."""
    fine = capture_network(name, NETWORKS[name]).graph
    coarse = coarsen(fine)
    costs = merged(kernel_costs(fine, GpuCard.model_validate("v100"), "fp32", "roofline"), coarse.parts)
    return coarse.graph, costs.seconds


def instance(name: str, share: float, graph: Graph, costs: Any, limit: float) -> dict[str, Any]:
    """One row: costs over one pass, bounds, seconds."""
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    problem = Problem(graph, costs, int(least + share * (most - least)))
    unit = float(costs.sum())
    row: dict[str, Any] = {"network": name, "share": share, "operators": len(costs), "budget": problem.budget}
    begin = perf_counter()
    found = portfolio.heuristics(problem)
    row |= told("heuristic", problem, found, unit, perf_counter() - begin)
    begin = perf_counter()
    row |= told("exact", problem, portfolio.exact(problem, limit), unit, perf_counter() - begin)
    built = perf_counter()
    milp_paper.build(problem)
    built = perf_counter() - built
    begin = perf_counter()
    row |= told("paper", problem, milp_paper.solve_paper(problem, limit), unit, 0.0)
    row["paper_seconds"] = perf_counter() - begin - built
    return row


def told(who: str, problem: Problem, solution: Solution, unit: float, seconds: float) -> dict[str, Any]:
    """A solver's answer as columns; a schedule that the interpreter refuses ends the benchmark."""
    total = None
    if solution.schedule is not None:
        verdict = validate(problem, solution.schedule)
        assert verdict.valid, f"{who}: {verdict.reason}"
        total = cost(problem.costs, solution.schedule) / unit
    return {
        f"{who}_answer": solution.answer.value,
        f"{who}_cost": total,
        f"{who}_bound": solution.bound / unit,
        f"{who}_seconds": seconds,
    }


def proven(row: dict[str, Any], who: str) -> bool:
    """Whether a solver closed its gap, or proved that nothing fits."""
    if row[f"{who}_answer"] == Answer.INFEASIBLE:
        return True
    total, bound = row[f"{who}_cost"], row[f"{who}_bound"]
    return total is not None and total <= bound * (1 + SAME)


def geometric_mean(values: Iterable[float]) -> float:
    """Exp of the mean of logarithms."""
    return float(np.exp(np.mean(np.log(list(values)))))


HEAD = ("network", "share", "paper s", "exact s", "ratio", "optimum", "heuristic", "s")


def summary(rows: list[dict[str, Any]]) -> None:
    """A line per instance, then what they come to."""
    print("".join(f"{title:>11}" for title in HEAD))
    for row in rows:
        open_ = ["" if proven(row, who) else "*" for who in ("paper", "exact")]
        cells = (
            row["network"],
            f"{row['share']:.2f}",
            f"{row['paper_seconds']:.2f}{open_[0]}",
            f"{row['exact_seconds']:.2f}{open_[1]}",
            f"{row['exact_seconds'] / row['paper_seconds']:.4f}",
            f"{row['exact_cost'] or float('nan'):.5f}",
            f"{row['heuristic_cost'] or float('nan'):.5f}",
            f"{row['heuristic_seconds']:.3f}",
        )
        print("".join(f"{cell:>11}" for cell in cells))
    print("* not proven within the limit")
    both = [row for row in rows if proven(row, "paper")]
    if both:
        same = [row for row in both if proven(row, "exact") and agree(row)]
        ratios = [row["exact_seconds"] / row["paper_seconds"] for row in both]
        print(f"the paper's form proved {len(both)} of {len(rows)}, the tight form the same on {len(same)} of them")
        print(f"in {geometric_mean(ratios):.4f} of its time (geometric mean; worst {max(ratios):.3f})")
    feasible = [row for row in rows if row["heuristic_cost"] and row["exact_cost"]]
    quality("all instances", feasible)
    quality("those the paper's form proved", [row for row in feasible if row in both])
    for name in dict.fromkeys(row["network"] for row in rows):
        curve = sorted((row for row in rows if row["network"] == name), key=lambda row: row["share"])
        for who in ("exact", "heuristic"):
            known = [row[f"{who}_cost"] for row in curve if row[f"{who}_cost"]]
            rises = sum(later > earlier * (1 + 1e-9) for earlier, later in pairwise(known))
            print(f"{name}: {who} curve over {len(known)} budgets {'is monotone' if not rises else f'rises {rises} x'}")


def quality(title: str, rows: list[dict[str, Any]]) -> None:
    """How far the heuristics are from the best bound, and what share of the solvers' time they take."""
    if not rows:
        return
    over = [row["heuristic_cost"] / max(row["exact_bound"], row["paper_bound"], 1.0) for row in rows]
    spent = {who: sum(row[f"{who}_seconds"] for row in rows) for who in ("heuristic", "exact", "paper")}
    print(
        f"heuristics on {title} ({len(rows)}): cost over best bound {geometric_mean(over):.5f}, worst {max(over):.5f},"
    )
    print(f"  in {spent['heuristic'] / spent['exact']:.2%} of the tight form's time, ", end="")
    print(f"{spent['heuristic'] / spent['paper']:.3%} of the paper's form's")


def agree(row: dict[str, Any]) -> bool:
    """Whether both found the same optimum, or both that there is none."""
    ours, paper = row["exact_cost"], row["paper_cost"]
    return ours is paper is None or (None not in (ours, paper) and abs(ours / paper - 1) <= SAME)


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="segnet,unet", help=f"names out of {','.join(NETWORKS)}, or all")
    parser.add_argument("--shares", default=",".join(map(str, SHARES)))
    parser.add_argument("--limit", type=float, default=120.0, help="seconds per solver")
    parser.add_argument("--out", type=Path, default=None, help="file of rows, JSON, one per line")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out and given.out.exists() else []
    done = {(row["network"], row["share"]) for row in rows}
    names = list(NETWORKS) if given.networks == "all" else list(filter(None, given.networks.split(",")))
    portfolio.heuristics(Problem(*load("segnet"), 8 * 2**30))  # compile before timing
    for name in names:
        graph, costs = load(name)
        for share in map(float, given.shares.split(",")):
            if (name, share) not in done:
                rows.append(instance(name, share, graph, costs, given.limit))
                print(json.dumps(rows[-1]), flush=True)
                if given.out:
                    with given.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    summary(rows)


if __name__ == "__main__":
    main()
