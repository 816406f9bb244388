"""Latent Thompson sampling: one posterior over an offset between what the context says and what the link does.

The offline table says how every arm succeeds at every SNR. If the link behaves like the table at an SNR that differs
from the context's by an unknown offset, then each ACK and each NACK, of whatever arm, tells about that one number
(after Saxena, Tullberg, Jalden, arXiv:2010.08651). The posterior lives on a grid of offsets. It is widened a little
in every slot, since the link changes.

Two ways to act on it, both through the linear program: for the success probabilities at an offset drawn from the
posterior (Thompson), or for their posterior means.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms, Floats, walk
from scenarios.con_ts.policy import LOST, Feedback, Task
from sim import lanes
from sim.errors import UserError

#: The grid of offsets in dB: as wide as an outer loop usually is allowed, at the resolution of the offline tables.
_WIDEST, _STEP = 9.0, 0.25
#: Success probabilities of the likelihood are kept this far from 0 and 1, so that no single outcome settles anything.
_DOUBT = 1e-3


class Latent:
    """One offset per link. `forget` is the share of the posterior that is spread evenly before every outcome."""

    def __init__(self, task: Task, lanes_state: lanes.State, sampled: bool, forget: float = 0.002) -> None:
        if not 0.0 <= forget < 1.0:
            raise UserError(f"forget is a share of the posterior, from 0 to below 1, not {forget}")
        table = task.known("latent_ts")
        offsets = np.arange(-_WIDEST, _WIDEST + _STEP / 2, _STEP)
        #: Success by (context, offset, arm).
        self._success = np.clip(1.0 - table.at(table.snr[:, None] + offsets), _DOUBT, 1.0 - _DOUBT)
        self._lanes, self._sampled, self._forget = lanes_state, sampled, forget
        self._rates, self._eta = task.rates, task.eta
        prior = np.exp(-0.5 * (offsets / 3.0) ** 2)
        self.posterior = np.tile(prior / prior.sum(), (len(lanes_state), 1))

    def act(self, contexts: Arms) -> Arms:
        """The mix at a drawn offset, or for the posterior means."""
        choose = _at_a_draw if self._sampled else _at_the_mean
        return choose(self._lanes, self.posterior, self._success, contexts, self._rates, self._eta)

    def update(self, feedback: Feedback) -> None:
        """Bayes' rule on the grid."""
        _learn(self.posterior, self._success, feedback.contexts, feedback.arms, feedback.acks, self._forget)


@njit(cache=True, error_model="numpy")
def _at_a_draw(
    state: lanes.State, posterior: Floats, success: Floats, contexts: Arms, rates: Floats, eta: float
) -> Arms:
    arms = np.empty(len(contexts), np.int64)
    for link in range(len(contexts)):
        left, offset = lanes.uniform(state, link), 0
        while offset < posterior.shape[1] - 1 and left >= posterior[link, offset]:
            left -= posterior[link, offset]
            offset += 1
        low, high, weight, _ = walk(success[contexts[link], offset], rates, eta)
        arms[link] = high if lanes.uniform(state, link) < weight else low
    return arms


@njit(cache=True, error_model="numpy")
def _at_the_mean(
    state: lanes.State, posterior: Floats, success: Floats, contexts: Arms, rates: Floats, eta: float
) -> Arms:
    arms, mean = np.empty(len(contexts), np.int64), np.empty(len(rates))
    for link in range(len(contexts)):
        mean[:] = 0.0
        for offset in range(posterior.shape[1]):
            for arm in range(len(rates)):
                mean[arm] += posterior[link, offset] * success[contexts[link], offset, arm]
        low, high, weight, _ = walk(mean, rates, eta)
        arms[link] = high if lanes.uniform(state, link) < weight else low
    return arms


@njit(cache=True, error_model="numpy")
def _learn(
    posterior: Floats, success: Floats, contexts: Arms, arms: Arms, acks: NDArray[np.int8], forget: float
) -> None:
    offsets = posterior.shape[1]
    for link in range(len(arms)):
        if acks[link] == LOST:
            continue
        total = 0.0
        for offset in range(offsets):
            likely = success[contexts[link], offset, arms[link]]
            weight = (1.0 - forget) * posterior[link, offset] + forget / offsets
            weight *= likely if acks[link] else 1.0 - likely
            posterior[link, offset] = weight
            total += weight
        for offset in range(offsets):
            posterior[link, offset] /= total
