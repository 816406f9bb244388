"""NeuroVectorizer in the testbed: a policy, loops, a core; how far is what it chooses from brute force?"""

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from scenarios.neurovectorizer.config import METRICS, NeuroVectorizerConfig
from sim.scenario import Context, Outcome

if TYPE_CHECKING:
    from scenarios.neurovectorizer.kernel import Kernel


class NeuroVectorizer:
    """Wires loops, model, policy and outcome; what each does stands in its own module."""

    name, version = "neurovectorizer", 1
    question = "Which vectorization and interleave factors should a loop be compiled with?"
    config = NeuroVectorizerConfig
    metrics = METRICS
    preload = ("scenarios.neurovectorizer.learning", "scenarios.neurovectorizer.problem_set")
    summary = "scenarios.neurovectorizer.answer:sentences"

    def run(self, config: NeuroVectorizerConfig, context: Context) -> Outcome:
        """Describe the loops, let the policy order the actions, judge what it takes."""
        import numpy as np
        import torch

        from hardware_models.simd import clang
        from scenarios.neurovectorizer.answer import WITHOUT_CLANG
        from scenarios.neurovectorizer.outcome import outcome
        from scenarios.neurovectorizer.policies import orders
        from scenarios.neurovectorizer.problem_set import loop_set
        from scenarios.neurovectorizer.templates import generate

        torch.set_num_threads(1)
        kernels = [replace(k, reorder=config.reorder) for k in _kernels(config, context)]
        started = perf_counter()
        asked = loop_set(kernels, config.hardware, context.stream("contexts"))
        known: dict[str, float | None] = {"score_rate": asked.cycles.size / (perf_counter() - started)}
        truths, polly = None, list[float]()
        if config.truth == "measured" and clang.have():
            from scenarios.neurovectorizer.measured import polly_speedup, truth

            truths = []
            for index, kernel in enumerate(kernels):
                context.progress(0.8 * index / len(kernels), f"compiling and timing {kernel.name}")
                truths.append(truth(kernel, context.cached, processes=config.processes))
                if config.polly:
                    polly.append(polly_speedup(kernel, truths[-1], context.cached, config.processes))
        context.progress(0.8, f"{config.policy} on {len(kernels)} loops")
        order = orders(
            config.policy,
            lambda: loop_set(generate(context.stream("train"), config.train), config.hardware, context.stream("paths")),
            asked, context.stream("policy"),
        )  # fmt: skip
        return outcome(config, asked, order, truths, np.array(polly), known, "" if clang.have() else WITHOUT_CLANG)


def _kernels(config: NeuroVectorizerConfig, context: Context) -> "list[Kernel]":
    from scenarios.neurovectorizer.dependence import suite
    from scenarios.neurovectorizer.own_loops import judging, tuning, unseen
    from scenarios.neurovectorizer.polybench import polybench
    from scenarios.neurovectorizer.templates import generate

    written = {
        "judging": judging, "tuning": tuning, "unseen": unseen, "polybench": polybench, "dependence": suite,
    }  # fmt: skip
    if config.loops in written:
        found = list(written[config.loops]())[: config.count]
    else:
        found = generate(context.stream("loops"), config.count, "train" if config.loops == "train" else "held_out")
    return [replace(k, n=config.trip) for k in found] if config.trip else found
