"""Policies on loops of templates that training never saw, judged by the clock.

Every learner sees modelled rewards of generated training loops only. Which trainer and which inputs the learned policy
has is chosen by its modelled regret on validation families, kept from that training; how much the model's own ranking
weighs in the order of later tries, by measured regret on loops of the same families, since by the model's own times the
model is always right. The `unseen` loops are then looked at once. Each policy may compile and time its
first actions of each loop, at most 200 in all: one half of the measurements chooses, the other half judges. Regret is
to brute force over all actions that compute what the source says. Loops that the machine cannot rank (poor retest) are
left out of it, not of the count of wrong choices.
"""

from itertools import product
from pathlib import Path

import numpy as np
import torch

from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.kernel import Kernel
from scenarios.neurovectorizer.learning import Training, train
from scenarios.neurovectorizer.measured import Truth, truth
from scenarios.neurovectorizer.own_loops import unseen
from scenarios.neurovectorizer.policies import guided, orders
from scenarios.neurovectorizer.problem_set import LoopSet, loop_set
from scenarios.neurovectorizer.templates import generate
from sim.file_cache import cached
from sim.rng import Streams

STREAMS = Streams(0, "neurovectorizer benchmark", 0)
CACHE = Path("windtunnel-results/cache")
COMPILATIONS = 200
#: Weights of the model that are tried, 0 being the policy alone; and how many validation loops are measured for it.
WEIGHTS, VALIDATION = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0), 30


def modelled(loops: LoopSet, chosen: np.ndarray) -> float:
    """Modelled regret of one choice per loop."""
    times = np.where(loops.allowed, loops.cycles, np.inf)
    return float(np.exp(np.log(times[np.arange(len(chosen)), chosen] / times.min(axis=1)).mean()))


def chosen_training(kernels: list[Kernel], card: SimdCard) -> Training:
    """The variant with the least modelled regret on every fifth training family, trained on the others."""
    families = sorted({k.family for k in kernels})
    apart = set(families[::5])
    seen = loop_set([k for k in kernels if k.family not in apart], card, STREAMS("validation, train"))
    kept = loop_set([k for k in kernels if k.family in apart], card, STREAMS("validation, test"))
    found = {}
    for trainer, looks in product(("ppo", "exact"), ("both", "features", "contexts")):
        variant = Training(trainer, looks)  # type: ignore[arg-type]
        policy = train(seen, variant, STREAMS("validation", trainer, looks))
        found[variant] = modelled(kept, policy.choose(kept))
        print(f"  validation: {trainer:5s} on {looks:8s} modelled regret {found[variant]:.3f}", flush=True)
    return min(found, key=lambda variant: found[variant])


def chosen_weight(kernels: list[Kernel], card: SimdCard, how: Training, tries: int) -> float:
    """The weight of the model with the least measured regret after all tries, on loops of the validation families."""
    families = sorted({k.family for k in kernels})
    apart = set(families[::5])
    seen = loop_set([k for k in kernels if k.family not in apart], card, STREAMS("validation, train"))
    first = [k for k in kernels if k.family in apart][:VALIDATION]
    kept = loop_set(first, card, STREAMS("validation, measured"))
    truths = [truth(k, lambda *key: cached(CACHE, *key), processes=4) for k in kept.kernels]
    odds = train(seen, how, STREAMS("validation", how.trainer, how.looks)).log_odds(kept)
    found = {}
    for weight in WEIGHTS:
        order = guided(odds, kept, weight)
        found[weight] = regret(kept, truths, order, tries)[0]
        print(f"  validation: weight {weight:5.1f} of the model, measured regret {found[weight]:.4f}", flush=True)
    return min(found, key=lambda weight: found[weight])


def regret(asked: LoopSet, truths: list[Truth], order: np.ndarray, tries: int) -> tuple[float, int]:
    """Measured regret of the fastest of the first `tries` actions, and how many choices are wrong code."""
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


def main() -> None:
    torch.set_num_threads(1)
    here = SimdCard.model_validate("zen5")
    kernels = generate(STREAMS("train"), 300)
    how = chosen_training(kernels, here)
    known = loop_set(kernels, here, STREAMS("paths"))
    asked = loop_set(unseen(), here, STREAMS("unseen"))
    tries = COMPILATIONS // len(asked.kernels)
    weight = chosen_weight(kernels, here, how, tries)
    truths = [truth(k, lambda *key: cached(CACHE, *key)) for k in asked.kernels]
    ranked = [t for t in truths if t.trusted]
    room = np.exp(np.mean([np.log(t.judge[DEFAULT] / t.judge[t.usable].min()) for t in ranked]))
    again = np.mean([t.retest for t in truths])
    print(f"unseen loops: {len(ranked)} of {len(truths)} ranked, mean retest {again:.3f}, "
          f"compiler's own choice {room:.3f} of brute force")  # fmt: skip
    found = {name: orders(name, lambda: known, asked, STREAMS("policy", name))
             for name in ("default", "constant", "random", "nearest", "tree", "model")}  # fmt: skip
    odds = train(known, how, STREAMS("policy")).log_odds(asked)
    found[f"learned ({how.trainer}, {how.looks})"] = np.argsort(-odds, axis=1, kind="stable")
    found[f"guided (weight {weight:g})"] = guided(odds, asked, weight)
    for name, order in found.items():
        said = ", ".join(f"{k} tried {regret(asked, truths, order, k)[0]:.3f}" for k in (1, 5, tries))
        wrong = regret(asked, truths, order, tries)[1]
        print(f"  {name:24s} regret: {said} ({tries * len(truths)} compilations); wrong code {wrong}", flush=True)


if __name__ == "__main__":
    main()
