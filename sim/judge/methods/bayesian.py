"""Bayesian optimisation by Optuna: a tree-structured Parzen estimator, and a Gaussian process."""

from typing import TYPE_CHECKING

from sim.judge.methods import Setting
from sim.judge.methods.searching import Searching
from sim.judge.problem import Plan
from sim.rng import Stream

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class _Study:
    """An Optuna study asked and told."""

    def __init__(self, arms: tuple[int, ...], sampler: "BaseSampler") -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space: dict[str, optuna.distributions.BaseDistribution] = {
            f"{decision}": optuna.distributions.CategoricalDistribution(range(count))
            for decision, count in enumerate(arms)
        }
        self._trial: optuna.Trial | None = None

    def propose(self) -> Plan:
        """Optuna's suggestion."""
        self._trial = self._study.ask(self._space)
        return tuple(int(self._trial.params[name]) for name in self._space)

    def learn(self, plan: Plan, score: float) -> None:
        """Tell Optuna."""
        assert self._trial is not None
        self._study.tell(self._trial, score)


def _seed(stream: Stream) -> int:
    return int(stream.generator.integers(2**31))


def tpe(setting: Setting) -> Searching:
    """TPE with Optuna's defaults."""
    from optuna.samplers import TPESampler

    return Searching(setting, lambda arms, budget, stream: _Study(arms, TPESampler(seed=_seed(stream))))


def gaussian_process(setting: Setting) -> Searching:
    """Gaussian process with expected improvement, Optuna's defaults."""
    import warnings

    import torch
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import GPSampler

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    return Searching(
        setting,
        lambda arms, budget, stream: _Study(arms, GPSampler(seed=_seed(stream), deterministic_objective=False)),
    )
