"""A decision problem with rivals that do not survive it: one raises, one takes its process along."""

import os
from collections.abc import Callable

from sim.judge import planted
from sim.judge.methods import Agent, Method, Setting
from sim.judge.methods.searching import uniform
from sim.judge.problem import Problem


def raising(setting: Setting) -> Agent:
    """Raises."""
    raise RuntimeError("no such table")


def aborting(setting: Setting) -> Agent:
    """Ends the worker."""
    os.abort()


def _with(**methods: tuple[str, Callable[[Setting], Agent]]) -> Problem:
    machine = planted.DELAYED
    own = {name: Method(family, make, "?") for name, (family, make) in methods.items()}  # type: ignore[arg-type]
    return Problem(
        "fragile", machine.question, machine.arms, machine.horizon, "higher", machine.instances, rewards="each step",
        stochastic=True, workloads=20, budget=30, methods=own,
    )  # fmt: skip


PROBLEM = _with(fine=("random", uniform), raising=("greedy", raising), aborting=("evolutionary", aborting))
HOPELESS = _with(raising=("greedy", raising), aborting=("evolutionary", aborting))
