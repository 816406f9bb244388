"""Progressive sampling against a direct implementation: logits of all columns, one row per sample, multinomial draws.

One network, a short training, the same queries and number of samples; medians over the queries, in turn, one thread.
"""

import sys
from statistics import median
from time import perf_counter

import numpy as np
import torch

from scenarios.naru.conditionals import UNKNOWN
from scenarios.naru.dmv_like import dmv_like
from scenarios.naru.learned import Learned
from scenarios.naru.made import Made, Shape
from scenarios.naru.predicate import regions
from scenarios.naru.progressive import estimate
from scenarios.naru.table import Regions
from scenarios.naru.training import Plan, train
from scenarios.naru.workload import queries


def direct(network: Made, asked: Regions, samples: int) -> float:
    """The textbook loop: every step computes every column's logits for every sample."""
    codes = torch.full((samples, len(network.domains)), UNKNOWN, dtype=torch.long)
    weight = torch.ones(samples, dtype=torch.float64)
    with torch.no_grad():
        for place in network.order:
            if place not in asked:
                continue
            inside = torch.softmax(network(codes)[place], dim=1) * torch.from_numpy(asked[place])
            weight *= inside.sum(dim=1)
            inside[inside.sum(dim=1) <= 0] = 1.0
            codes[:, place] = torch.multinomial(inside, 1)[:, 0]
    return float(weight.mean())


def main(rows: int = 20_000, number: int = 20, samples: int = 1000) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table = dmv_like(rows, np.random.default_rng(1))
    network = Made(table.domains, tuple(range(len(table.columns))), Shape(), np.random.default_rng(1))
    train(network, table.codes, Plan(1, batch=512, warm_up=40))
    model, ratios, apart = Learned(network), list[float](), list[float]()
    for query in queries(table, number, np.random.RandomState(1234)):
        asked = regions(query, table)
        start = perf_counter()
        ours = estimate(model, asked, samples, np.random.default_rng(0)).selectivity
        middle = perf_counter()
        theirs = direct(network, asked, samples)
        ratios.append((perf_counter() - middle) / (middle - start))
        apart.append(max(ours, theirs) / max(min(ours, theirs), 1e-12))
    print(f"{number} queries, {samples} samples: direct / ours {median(ratios):.1f}x (median of ratios, measured),")
    print(
        f"from {min(ratios):.1f}x to {max(ratios):.1f}x; estimates differ by a factor of {median(apart):.3f} (median)"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
