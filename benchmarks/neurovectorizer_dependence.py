"""Which actions break loops whose iterations depend on earlier ones: found by comparing outputs, and by two rules.

An action is broken if what clang says it made, width times interleave, reaches beyond the distance of the dependence;
that is known from its remarks alone. The check of outputs is right if it calls exactly those wrong. The rule that masks
actions before anything is compiled must mask all of them; what else it masks clang makes narrower than was asked.
"""

import tempfile
from pathlib import Path

import numpy as np

from hardware_models.simd.source import loops as described
from scenarios.neurovectorizer.dependence import suite
from scenarios.neurovectorizer.harness import build, check
from scenarios.neurovectorizer.own_loops import judging, tuning
from scenarios.neurovectorizer.problem_set import legal


def main() -> None:
    missed = falsely = broken = masked = spared = pairs = 0
    with tempfile.TemporaryDirectory() as place:
        for kernel in suite():
            folder = Path(place) / kernel.name
            folder.mkdir()
            built = build(kernel, folder)
            wrong = check(built) == "wrong"
            apart = int(kernel.family.split()[1])
            reach = np.array([width * interleave for width, interleave in built.factors])
            really = (reach > apart) & (apart > 1)
            allowed = legal(described(kernel.with_pragma("", kernel.name))[0].ir)
            pairs, broken = pairs + len(wrong), broken + int(really.sum())
            missed, falsely = missed + int((really & ~wrong).sum()), falsely + int((wrong & ~really).sum())
            masked, spared = masked + int((really & ~allowed).sum()), spared + int((~really & ~allowed).sum())
        print(f"{pairs} pairs of {len(suite())} loops: {broken} broken; the check of outputs misses {missed}, calls "
              f"{falsely} falsely; the rule of distances masks {masked}, and {spared} made narrower")  # fmt: skip
        flagged = right = 0
        for kernel in (*tuning(), *judging()):
            ir = described(kernel.with_pragma("", kernel.name))[0].ir
            folder = Path(place) / f"{kernel.name}-bits"
            folder.mkdir()
            reordered = bool((check(build(kernel, folder)) == "reordered").any())
            flagged += ir.needs_permission
            right += ir.needs_permission or not reordered
        print(f"{flagged} of {len(tuning()) + len(judging())} loops are flagged as needing permission to reorder; "
              f"{right} are flagged or keep every bit under every action")  # fmt: skip


if __name__ == "__main__":
    main()
