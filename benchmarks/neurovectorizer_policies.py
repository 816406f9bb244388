"""Policies on loops of families that training never saw, judged by the clock; and the wrong-code suite.

Every learner sees modelled rewards only. Then each policy may compile and time its first five actions of each loop
(at most 200 compilations in all): one half of the measurements chooses, the other half judges. Regret is to brute
force over all actions that compute what the source says. Loops that the machine cannot rank (poor retest) are left out.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.dependence import suite
from scenarios.neurovectorizer.measured import Truth, truth
from scenarios.neurovectorizer.own_loops import judging
from scenarios.neurovectorizer.policies import POLICIES, orders
from scenarios.neurovectorizer.problem_set import LoopSet, loop_set
from scenarios.neurovectorizer.templates import generate
from sim.file_cache import cached
from sim.rng import Streams

STREAMS = Streams(0, "neurovectorizer benchmark", 0)
CACHE = Path("windtunnel-results/cache")


def measured(asked: LoopSet) -> list[Truth]:
    return [truth(k, lambda *how: cached(CACHE, *how)) for k in asked.kernels]


def regret(asked: LoopSet, truths: list[Truth], order: np.ndarray, tries: int) -> tuple[float, int]:
    ratios, wrong = [], 0
    for row, one in enumerate(truths):
        usable = one.usable & asked.allowed[row]
        first = order[row, :tries]
        kept = first[np.argmin(np.where(usable, one.select, np.inf)[first])]
        wrong += bool(one.wrong[kept])
        if one.trusted:
            judge = np.where(usable, one.judge, np.inf)
            ratios.append(judge[kept] / judge.min())
    return float(np.exp(np.log(ratios).mean())), wrong


def compare(title: str, asked: LoopSet, train: LoopSet) -> None:
    truths = measured(asked)
    known = [t for t in truths if t.trusted]
    room = np.exp(np.mean([np.log(t.judge[DEFAULT] / np.nanmin(np.where(t.usable, t.judge, np.nan))) for t in known]))
    print(f"{title}: {len(known)} of {len(truths)} loops ranked, compiler's own choice {room:.3f} of brute force")
    for name in POLICIES:
        order = orders(name, lambda: train, asked, STREAMS("policy", name))
        one, five = regret(asked, truths, order, 1), regret(asked, truths, order, 5)
        said = f"regret {one[0]:.3f}, with five compilations a loop {five[0]:.3f}; wrong {five[1]}"
        print(f"  {name:16s} {said}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    here = SimdCard.model_validate("zen5")
    train = loop_set(generate(STREAMS("train"), 300), here, STREAMS("paths"))
    held = [replace(k, n=1000) for k in generate(STREAMS("held out"), 36, "held_out")]
    compare("held-out families", loop_set(held, here, STREAMS("a")), train)
    compare("own loops", loop_set(judging(), here, STREAMS("b")), train)
    carried = loop_set(suite(), here, STREAMS("c"))
    truths = measured(carried)
    wrong = np.array([t.wrong for t in truths])
    said = ~carried.allowed
    print(f"dependences: {int(wrong.sum())} of {wrong.size} actions compute something else; the rule of distances masks "
          f"{int((wrong & said).sum())} of them and {int((said & ~wrong).sum())} that happen to be right")  # fmt: skip


if __name__ == "__main__":
    main()
