"""The paper's table 2 on its own graphs, with our cost sources: geometric mean of cost over the best known.

    python benchmarks/checkmate_table2.py --networks vgg16,vgg19,unet --points 12 --source roofline

MobileNet takes a minute or two, ResNet50 several (its relaxations take seconds each). The published figures stand
beside ours: AP sqrt(n), AP greedy, Griewank, two-phase LP.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from scenarios.checkmate import table2

#: arXiv:1910.02653, table 2.
PUBLISHED = {
    "mobilenet": (1.14, 1.07, 7.07, 1.06),
    "vgg16": (1.28, 1.06, 1.44, 1.01),
    "vgg19": (1.54, 1.39, 1.75, 1.00),
    "unet": (1.27, 1.23, None, 1.03),
    "resnet50": (1.20, 1.25, None, 1.05),
}


def main() -> None:
    """A line per network and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="vgg16,vgg19,unet,mobilenet")
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--source", choices=("roofline", "flops"), default="roofline")
    given = parser.parse_args()
    print(f"{'network':>10}{'method':>13}{'ours':>8}{'paper':>8}{'budgets':>9}")
    for name in given.networks.split(","):
        row = table2.ratios(table2.posed(name, given.source, given.points))
        for ratio, paper in zip(row, (*PUBLISHED[name], None), strict=True):
            ours = "-" if ratio.mean is None else f"{ratio.mean:.3f}"
            said = "-" if paper is None else f"{paper:.2f}"
            print(f"{name:>10}{ratio.method:>13}{ours:>8}{said:>8}{ratio.feasible:>5}/{ratio.budgets}", flush=True)


if __name__ == "__main__":
    main()
