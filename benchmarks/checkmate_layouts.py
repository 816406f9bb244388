"""How near do static offsets come to the liveness bound? Every network x policy x share of the memory between bounds.

Shares lie between the largest working set and the peak of keeping everything. For each schedule found: the height of
`layout.lay_out` over the liveness bound, and what PyTorch's caching allocator reserves over it, both with resident
tensors and workspaces. Times are on a shared machine.

    python benchmarks/checkmate_layouts.py --networks unet,mobilenet
"""

import argparse
import os
from time import perf_counter

os.environ.setdefault("OMP_NUM_THREADS", "1")

from hardware_models.gpu.allocator import CachingAllocator
from hardware_models.gpu.card import GpuCard
from hardware_models.gpu.device import replay
from hardware_models.gpu.layout import lay_out, of_program
from scenarios.checkmate import portfolio
from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.on_device import kernel_costs, merged, program
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import all_once, peak

BATCH = {"vgg16": 64, "vgg19": 64, "mobilenet": 64, "resnet50": 64, "unet": 8, "fcn8": 8, "segnet": 8, "gpt2": 4}
POLICIES = ("checkpoint_all", "ap_sqrt", "linearized_greedy", "dtr", "greedy", "portfolio")
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 0.95)


def main() -> None:
    """A line per schedule, then the worst."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(BATCH))
    card, worst, schedules = GpuCard.model_validate("v100"), 0.0, 0
    print(f"{'network':>10}{'policy':>19}{'share':>7}{'buffers':>9}{'static':>9}{'caching':>9}{'seconds':>9}")
    for name in parser.parse_args().networks.split(","):
        fine = capture_network(name, BATCH[name]).graph
        coarse = coarsen(fine)
        costs = merged(kernel_costs(fine, card, "fp32", "roofline"), coarse.parts)
        least, most = working_set(coarse.graph)[0], peak(coarse.graph, all_once(coarse.graph))
        for policy in POLICIES:
            for share in (1.0,) if policy == "checkpoint_all" else SHARES:
                problem = Problem(coarse.graph, costs.seconds, int(least + share * (most - least)))
                solver = portfolio.quick if policy == "portfolio" else portfolio.POLICIES[policy]
                found = solver(problem)
                if found.schedule is None:
                    continue
                asks = program(coarse.graph, found.schedule, costs, "sgd")
                begin = perf_counter()
                static = lay_out(of_program(asks))
                spent, bound = perf_counter() - begin, static.buffers.bound
                caching = replay(asks, CachingAllocator(1 << 44)).peak_reserved
                worst, schedules = max(worst, static.height / bound), schedules + 1
                row = f"{len(static.offset):>9}{static.height / bound:>9.4f}{caching / bound:>9.4f}{spent:>9.2f}"
                print(f"{name:>10}{policy:>19}{share:>7.2f}{row}", flush=True)
    print(f"{schedules} schedules, static offsets at most {worst:.4f} of the liveness bound")


if __name__ == "__main__":
    main()
