"""The rules that come with a problem: nothing is learned, no evaluation is asked for."""

from collections.abc import Callable

from sim.judge.methods import Setting
from sim.judge.play import Trajectory
from sim.judge.problem import Instance, Rule


class Given:
    """A fixed rule per instance."""

    def __init__(self, rule: Callable[[Instance], Rule]) -> None:
        self._rule = rule

    def ask(self, instance: Instance) -> Rule:
        """The rule."""
        return self._rule(instance)

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Nothing to learn."""

    def best(self, instance: Instance) -> Rule:
        """The rule."""
        return self._rule(instance)


def default(setting: Setting) -> Given:
    """What the system ships."""
    assert setting.problem.default is not None
    return Given(setting.problem.default)


def heuristic(setting: Setting) -> Given:
    """The best hand-written rule."""
    assert setting.problem.heuristic is not None
    return Given(setting.problem.heuristic)
