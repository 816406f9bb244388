"""Supervised learning: regress the value on plan and features, then take the plan of the highest prediction.

Half of the evaluations are uniform plans. The other half are the predictions' best plans, the model being fitted anew
after every quarter of them. What is deployed for an instance that was trained on is the best plan that was really
tried there (raced as in `searching`); for any other instance it is the prediction's best.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.judge.methods import Setting
from sim.judge.methods.greedy import with_choice
from sim.judge.methods.searching import Searching, random_plan
from sim.judge.play import Trajectory
from sim.judge.problem import ByPlan, Instance, Plan, Rule
from sim.rng import Stream, Streams

Floats = NDArray[np.float64]
#: Up to so many plans every one is predicted; beyond, uniform ones and an ascent from the best of them.
_ALL = 2000
_CANDIDATES, _SWEEPS = 200, 3
#: Products of features and choices become columns up to so many.
_MOST_PRODUCTS = 2000


class Regressor(Protocol):
    """What scikit-learn's regressors offer."""

    def fit(self, x: Floats, y: Floats) -> object:
        """Learn."""
        ...

    def predict(self, x: Floats) -> Floats:
        """Predict."""
        ...


class _Columns:
    """Plan and features as columns: features, one column per choice, and their products where these are few."""

    def __init__(self, arms: tuple[int, ...], instances: Sequence[Instance]) -> None:
        self._offsets = np.concatenate([[0], np.cumsum(arms)[:-1]]).astype(np.int64)
        self._choices = sum(arms)
        features = np.array([instance.features for instance in instances], float).reshape(len(instances), -1)
        spread = features.std(axis=0)
        self._centre, self._spread = features.mean(axis=0), np.where(spread > 0.0, spread, 1.0)
        self._products = features.shape[1] * self._choices <= _MOST_PRODUCTS

    def of(self, features: Sequence[float], plans: Sequence[Plan]) -> Floats:
        chosen = np.zeros((len(plans), self._choices))
        chosen[np.arange(len(plans))[:, None], np.array(plans, np.int64) + self._offsets] = 1.0
        seen = np.tile((np.array(features, float) - self._centre) / self._spread, (len(plans), 1))
        products = (seen[:, :, None] * chosen[:, None, :]).reshape(len(plans), -1) if self._products else seen[:, :0]
        return np.concatenate([seen, chosen, products], axis=1)


class Supervised(Searching):
    """An agent with one model for all instances."""

    def __init__(self, setting: Setting, regressor: Callable[[int], Regressor]) -> None:
        super().__init__(setting, lambda arms, budget, stream: _Proposals(self, stream))
        self._regressor = regressor
        self._columns = _Columns(setting.problem.arms, setting.instances)
        self._samples: dict[str, list[tuple[Plan, float]]] = {}
        self._features = {instance.name: instance.features for instance in setting.instances}
        self._told = 0
        self._model: Regressor | None = None
        evaluations = setting.budget * len(setting.instances)
        self._refits = {max(2, round(evaluations * share)) for share in (0.5, 0.625, 0.75, 0.875, 1.0)}
        self._asked: Instance = setting.instances[0]

    def ask(self, instance: Instance) -> Rule:
        """A uniform plan, or a new one of high prediction."""
        self._asked = instance
        return super().ask(instance)

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """One more sample."""
        plan = self._race(instance).propose()
        score = self._setting.problem.sign * trajectory.value
        self._samples.setdefault(instance.name, []).append((plan, score))
        self._told += 1
        super().tell(instance, trajectory)
        if self._told in self._refits:
            self._fit()

    def best(self, instance: Instance) -> Rule:
        """The best plan that was tried, or the prediction's for an instance that was never met."""
        if instance.name in self._samples or self._model is None:
            return super().best(instance)
        return ByPlan(self.predicted(instance.features, [], Streams(0, "unseen", 0)(instance.name)))

    def proposal(self, stream: Stream) -> Plan:
        """What to try next on the instance that is asked about."""
        if self._model is None:
            return random_plan(self._setting.problem.arms, stream)
        tried = [plan for plan, _ in self._samples.get(self._asked.name, [])]
        return self.predicted(self._asked.features, tried, stream)

    def predicted(self, features: Sequence[float], tried: Sequence[Plan], stream: Stream) -> Plan:
        """The plan of the highest prediction that is not among `tried` (any, if all are)."""
        arms = self._setting.problem.arms
        if self._setting.problem.log10_plans <= np.log10(_ALL):
            plans = [tuple(int(arm) for arm in index) for index in np.ndindex(arms)]
        else:
            plans = self._ascended(features, [random_plan(arms, stream) for _ in range(_CANDIDATES)])
        known = set(tried)
        fresh = [plan for plan in plans if plan not in known] or plans
        return fresh[int(np.argmax(self._predict(features, fresh)))]

    def _ascended(self, features: Sequence[float], plans: list[Plan]) -> list[Plan]:
        """`plans`, and what comes of the best of them when every choice is improved by itself, a few times over."""
        best = plans[int(np.argmax(self._predict(features, plans)))]
        met = [best]
        for _ in range(_SWEEPS):
            around = [
                with_choice(best, d, arm) for d, count in enumerate(self._setting.problem.arms) for arm in range(count)
            ]
            heights = iter(self._predict(features, around))
            best = tuple(int(np.argmax([next(heights) for _ in range(count)])) for count in self._setting.problem.arms)
            met.append(best)
        return plans + met

    def _predict(self, features: Sequence[float], plans: Sequence[Plan]) -> Floats:
        assert self._model is not None
        return self._model.predict(self._columns.of(features, plans))

    def _fit(self) -> None:
        """Fit anew; scores are centred and scaled per instance, as only their order within it matters."""
        x, y = [], []
        for name, samples in self._samples.items():
            scores = np.array([score for _, score in samples])
            spread = scores.std()
            x.append(self._columns.of(self._features[name], [plan for plan, _ in samples]))
            y.append((scores - scores.mean()) / (spread if spread > 0.0 else 1.0))
        self._model = self._regressor(int(self._setting.stream.generator.integers(2**31)))
        self._model.fit(np.concatenate(x), np.concatenate(y))


class _Proposals:
    """The search of one instance: it asks the common model."""

    def __init__(self, owner: Supervised, stream: Stream) -> None:
        self._owner, self._stream = owner, stream

    def propose(self) -> Plan:
        return self._owner.proposal(self._stream)

    def learn(self, plan: Plan, score: float) -> None:
        """The owner keeps the samples."""


def ridge(setting: Setting) -> Supervised:
    """Ridge regression, its penalty by leave-one-out (scikit-learn)."""
    from sklearn.linear_model import RidgeCV

    return Supervised(setting, lambda seed: RidgeCV(alphas=np.logspace(-2, 3, 6)))


def boosted(setting: Setting) -> Supervised:
    """Gradient boosting (scikit-learn)."""
    from sklearn.ensemble import GradientBoostingRegressor

    return Supervised(
        setting, lambda seed: GradientBoostingRegressor(n_estimators=60, max_depth=3, subsample=0.8, random_state=seed)
    )
