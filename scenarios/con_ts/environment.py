"""Rate selection on one radio link as a Gymnasium environment, for learners from anywhere.

    observation   what a transmitter knows: the CQI last reported, and arm and outcome of the transmission whose
                  acknowledgement came in last (2 for "none heard", as at the start or when it was lost)
    action        an arm of the card's table
    reward        the rate that came through, over the table's largest: 0 on failure
    info          "failed" (this slot's transmission) and "allowed" (the share that may fail); the constraint is the
                  learner's to keep, and no reward speaks of it

An episode is truncated after `slots` slots and never terminates. A reset with a seed repeats an episode exactly.

>>> environment = LinkEnvironment(slots=3)
>>> observation, info = environment.reset(seed=1)
>>> int(observation["outcome"]), info
(2, {'failed': False, 'allowed': 0.1})
>>> [environment.step(0)[3] for _ in range(3)]
[False, False, True]
"""

from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.link import Channel
from scenarios.con_ts.policy import ACK, NACK
from sim.errors import UserError
from sim.rng import Streams

#: The outcome when nothing was heard.
SILENT = 2

Observation = dict[str, Any]


class LinkEnvironment(gymnasium.Env[Observation, np.int64]):
    """One link of `card` for `slots` slots. Raises `UserError` for a target outside 0 to 1 or no slots."""

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(self, card: WirelessCard | None = None, target: float = 0.1, slots: int = 5000) -> None:
        if not 0.0 <= target <= 1.0:
            raise UserError(f"target is a block error rate, from 0 to 1, not {target}")
        if slots < 1:
            raise UserError(f"slots is the length of an episode, 1 or more, not {slots}")
        self._card = card or WirelessCard.model_validate("lte-6prb")
        self._target, self._slots = target, slots
        self._errors = BlockErrorModel.of(self._card)
        self._rates = np.asarray(self._card.table.bits, dtype=np.float64)
        arms = len(self._rates)
        self.action_space = spaces.Discrete(arms)
        self.observation_space = spaces.Dict(
            {
                "cqi": spaces.Discrete(self._card.cqi.levels),
                "arm": spaces.Discrete(arms),
                "outcome": spaces.Discrete(3),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new link."""
        super().reset(seed=seed)
        streams = Streams(int(self.np_random.integers(2**31)), "con_ts environment", 0)
        self._snr = Channel(self._card, streams, 1, self._slots).snr_db(0, self._slots)
        self._cqi = CqiReporter(self._card, self._errors, streams, 1).report(self._snr)[:, 0]
        self._draws = streams("decode", 0).generator.random(self._slots)
        self._lost = streams("ack loss", 0).generator.random(self._slots) < self._card.ack.loss
        self._slot = 0
        self._flying: deque[tuple[int, int]] = deque([(0, SILENT)] * self._card.ack.delay)
        return self._observation(0, SILENT), self._info(False)

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Send one block with the arm `action`."""
        slot, arm = self._slot, int(action)
        failed = bool(self._draws[slot] < self._errors.error_of(self._snr[slot, 0], arm))
        self._flying.append((arm, SILENT if self._lost[slot] else NACK if failed else ACK))
        self._slot += 1
        reward = 0.0 if failed else float(self._rates[arm] / self._rates.max())
        return self._observation(*self._flying.popleft()), reward, False, self._slot >= self._slots, self._info(failed)

    def _observation(self, arm: int, outcome: int) -> Observation:
        cqi = self._cqi[min(self._slot, self._slots - 1)]
        return {"cqi": np.int64(cqi), "arm": np.int64(arm), "outcome": np.int64(outcome)}

    def _info(self, failed: bool) -> dict[str, Any]:
        return {"failed": failed, "allowed": self._target}
