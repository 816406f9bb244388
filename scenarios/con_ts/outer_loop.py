"""Inner and outer loop link adaptation (ILLA and OLLA): what base stations do today.

The inner loop trusts the offline table at the SNR that the context stands for. The outer loop adds an offset to that
SNR, raised a little by every ACK and lowered by every NACK so that the two balance at the target:

    offset += step                             on ACK
    offset -= step * (1 - target) / target     on NACK

While the offset is not clipped, T outcomes obey exactly

    BLER = target * (1 - (offset_T - offset_0) / (T * step)).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import LOST, Feedback, OfflineTable, Task
from sim.errors import UserError

#: best_rate maximises rate * (1 - BLER) at the adjusted SNR (the authors' public code); highest takes the highest
#: rate whose BLER is at most the target (usual in 3GPP systems and Sionna).
Rule = Literal["best_rate", "highest"]


@dataclass(frozen=True, slots=True)
class Choices:
    """The rule's arm for each SNR of a grid: `arms[i]` at `lowest + i * step` dB."""

    lowest: float
    step: float
    arms: Arms

    @classmethod
    def of(cls, table: OfflineTable, rates: Floats, target: float, rule: Rule) -> "Choices":
        """Work the rule out on the table's own grid; below every threshold the most robust arm is chosen."""
        gains = (1.0 - table.error_rate) * rates
        if rule == "highest":
            robust = np.argmin(table.error_rate + 1e-9 * np.argsort(np.argsort(rates)), axis=1)
            allowed = np.where(table.error_rate <= target, rates, -1.0)
            arms = np.where(allowed.max(axis=1) > 0.0, np.argmax(allowed, axis=1), robust)
        else:
            arms = np.argmax(gains, axis=1)
        return cls(table.lowest, table.step, arms.astype(np.int64))


class OuterLoop:
    """OLLA; with a step of 0 it is ILLA. `offsets` (dB) has one entry per link.

    `step` is the change per ACK in dB; offsets are clipped to +-`clip` dB. Raises `UserError` for a target of 0 or
    1, a negative step or a clip that is not above 0.
    """

    def __init__(
        self, task: Task, links: int, step: float, rule: Rule = "best_rate", clip: float = 20.0, name: str = "olla"
    ) -> None:
        if not 0.0 < task.target < 1.0:
            raise UserError(f"policy {name} needs a target between 0 and 1, not {task.target}: it steps by its odds")
        if not step >= 0.0:
            raise UserError(f"olla_step is a change of the offset per ACK in dB, 0 or more, not {step}")
        if not clip > 0.0:
            raise UserError(f"olla_clip is the largest offset in dB, above 0, not {clip}")
        table = task.known(name)
        self._choices = Choices.of(table, task.rates, task.target, rule)
        self._snr = table.snr
        self._up, self._down, self._clip = step, step * (1.0 - task.target) / task.target, clip
        self.offsets = np.zeros(links)

    def act(self, contexts: Arms) -> Arms:
        """The rule's arm at the context's SNR plus the offset."""
        choices = self._choices
        return _looked_up(contexts, self._snr, self.offsets, choices.lowest, choices.step, choices.arms)

    def update(self, feedback: Feedback) -> None:
        """Move the offsets."""
        if self._up:
            _moved(self.offsets, feedback.acks, self._up, self._down, self._clip)


@njit(cache=True, error_model="numpy")
def _looked_up(contexts: Arms, snr: Floats, offsets: Floats, lowest: float, step: float, choices: Arms) -> Arms:
    arms, last = np.empty(len(contexts), np.int64), len(choices) - 1
    for link in range(len(contexts)):
        place = int(np.floor((snr[contexts[link]] + offsets[link] - lowest) / step + 1e-9))
        arms[link] = choices[max(0, min(last, place))]
    return arms


@njit(cache=True)
def _moved(offsets: Floats, acks: NDArray[np.int8], up: float, down: float, clip: float) -> None:
    for link in range(len(offsets)):
        if acks[link] != LOST:
            offset = offsets[link] + up if acks[link] else offsets[link] - down
            offsets[link] = max(-clip, min(clip, offset))
