"""How far is the overhead that a cost model predicts from the overhead that is measured? Profile, roofline, FLOP.

Each network is recorded and measured once with nothing recomputed: that is its profile. Schedules for several memories
are then chosen by the profile and executed in turns with the first, in one process per network. A cost model's error is
its predicted less the measured overhead, in percentage points.

    windtunnel hardware measure gpu --out here.toml
    python benchmarks/checkmate_cost_models.py --hardware here.toml
"""

import argparse
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from hardware_models.gpu import measure as measuring
from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.child import Request, measured
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.executable import fine_schedule
from scenarios.checkmate.graph import Graph, working_set
from scenarios.checkmate.on_device import Costs, kernel_costs, merged
from scenarios.checkmate.portfolio import heuristics
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.profile import Profile
from scenarios.checkmate.schedule import Schedule, all_once, cost, memory, peak

CASES: dict[str, tuple[int, tuple[int, ...]]] = {
    "resnet50": (4, (3, 160, 160)),
    "mobilenet": (8, (3, 160, 160)),
    "densenet": (4, (3, 160, 160)),
    "unet": (2, (3, 160, 160)),
    "segnet": (2, (3, 160, 160)),
    "vgg16": (4, (3, 160, 160)),
    "gpt2": (1, (128,)),
}
SHARES = (0.1, 0.3, 0.6)


def schedules(graph: Graph, profile: Profile, shares: Sequence[float]) -> list[Schedule]:
    """The profile's choice for memories between the least and what keeping everything takes."""
    coarse = coarsen(profile.with_workspaces(graph))
    seconds = profile.seconds(graph)
    costs = merged(Costs(seconds, seconds, seconds), coarse.parts).solver
    results = sum(graph.values[value].bytes for value in graph.results)
    least, most = max(working_set(coarse.graph)[0], results), peak(coarse.graph, all_once(coarse.graph))
    found = (heuristics(Problem(coarse.graph, costs, int(least + share * (most - least)))) for share in shares)
    return [fine_schedule(coarse, one.schedule) for one in found if one.schedule is not None]


def rows(name: str, card: GpuCard, repeats: int) -> list[dict[str, Any]]:
    """A row per schedule: measured overhead, predictions, memory."""
    batch, shape = CASES[name]
    graph = capture_network(name, batch, shape).graph
    once = all_once(graph)
    (first,) = measured(Request(name, batch, shape, [once.order], repeats))
    profile = Profile.of(name, graph, first.timing, first.weight)
    orders = [once, *schedules(graph, profile, SHARES)]
    base, *found = measured(Request(name, batch, shape, [order.order for order in orders], repeats))
    models = {
        "profile": profile.seconds(graph),
        "roofline": kernel_costs(graph, card, "fp32", "roofline").seconds,
        "flops": np.array([operator.flops for operator in graph.operators]),
    }
    needs = profile.with_workspaces(graph)
    return [
        {
            "network": name,
            "equal": not one.weight.difference,
            "live": max(one.weight.live) / peak(graph, order),
            "process": max(one.weight.taken) / peak(needs, order),
            "correlation": float(np.corrcoef(memory(needs, order), one.weight.taken)[0, 1]),
            "measured": median(x / y for x, y in zip(one.timing.iterations, base.timing.iterations, strict=True)) - 1.0,
        }
        | {model: cost(costs, order) / cost(costs, once) - 1.0 for model, costs in models.items()}
        for order, one in zip(orders[1:], found, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(CASES))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--hardware", default="", help="a card of this machine (default: measure one now)")
    given = parser.parse_args()
    if not given.hardware:
        from pathlib import Path
        from tempfile import mkdtemp

        from sim.card import write_card

        given.hardware = str(Path(mkdtemp()) / "here.toml")
        write_card(measuring.measure({}, lambda fraction, doing: None), Path(given.hardware))
    card = GpuCard.model_validate(given.hardware)
    print(f"{'network':10} {'equal':>5} {'live':>7} {'process':>7} {'corr.':>7}  overhead: ", end="")
    print(f"{'measured':>8} {'profile':>8} {'roofline':>8} {'flops':>8}")
    table = []
    for name in given.networks.split(","):
        for row in rows(name, card, given.repeats):
            table.append(row)
            print(
                f"{name:10} {row['equal']!s:>5} {row['live']:7.4f} {row['process']:7.4f} {row['correlation']:7.5f}"
                f"{'':12} {row['measured']:8.1%} {row['profile']:8.1%} {row['roofline']:8.1%} {row['flops']:8.1%}",
                flush=True,
            )
    for model in ("profile", "roofline", "flops"):
        errors = [abs(row[model] - row["measured"]) * 100 for row in table]
        print(f"{model}: error {median(errors):.1f} percentage points at the median, {max(errors):.1f} at most")
    ratios = [row["process"] for row in table]
    print(f"process over predicted peak: median {median(ratios):.4f}, {min(ratios):.4f} to {max(ratios):.4f}")
    print(f"timeline correlation at least {min(row['correlation'] for row in table):.5f}")


if __name__ == "__main__":
    main()
