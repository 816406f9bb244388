"""What every policy is told, sees and hears, and what it must do.

A policy serves many links at once; arrays have one entry per link. In each slot it is shown the context of every link
(the channel quality indicator that was last reported) and names an arm (a modulation and coding scheme) for each.
What became of a transmission arrives some slots later, in order, or never. A policy never sees a link's SNR.

What a link does depends on nothing but its own history and its own random lane, so that results are the same for a
link alone and among a thousand.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms, Floats
from sim.errors import UserError

#: What `Feedback.acks` holds.
ACK, NACK, LOST = 1, 0, -1


@dataclass(frozen=True, slots=True)
class OfflineTable:
    """What a modem's vendor knows beforehand: block error rates over SNR, and the SNR that a context stands for.

    `error_rate` has shape (points, arms) for the SNRs `lowest + i * step` (dB), and `snr` shape (contexts,), dB.
    """

    lowest: float
    step: float
    error_rate: Floats
    snr: Floats

    def at(self, snr: Floats) -> Floats:
        """Block error rates at `snr` (dB), shape (*snr.shape, arms): linear in between, clamped at the ends."""
        place = np.clip((np.asarray(snr) - self.lowest) / self.step, 0.0, len(self.error_rate) - 1.0)
        below = np.minimum(place.astype(np.int64), len(self.error_rate) - 2)
        share = (place - below)[..., None]
        rates: Floats = (1.0 - share) * self.error_rate[below] + share * self.error_rate[below + 1]
        return rates


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for. `rates` are what an arm delivers when it succeeds, shape (arms,), e.g. bits per packet.

    `target` is the block error rate that must be kept (eta = 1 - target), `contexts` how many contexts there are,
    `delay` how many slots old a context is when it is shown, `table` what is known beforehand (None: nothing).
    """

    rates: Floats
    target: float
    contexts: int = 1
    delay: int = 0
    table: OfflineTable | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.target <= 1.0:
            raise UserError(f"target is a block error rate, from 0 to 1, not {self.target}")
        if not len(self.rates) or not (np.isfinite(self.rates).all() and (self.rates > 0.0).all()):
            raise UserError("rates must be finite and above 0, at least one")

    @property
    def eta(self) -> float:
        """The required success probability."""
        return 1.0 - self.target

    def known(self, policy: str) -> OfflineTable:
        """The offline table; raises `UserError` for a task without one, which `policy` cannot do."""
        if self.table is None:
            raise UserError(f"policy {policy} needs an offline table of block error rates; this set of arms has none")
        return self.table


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of the transmissions of one slot: the contexts and arms then, and ACK, NACK or LOST per link."""

    contexts: Arms
    arms: Arms
    acks: NDArray[np.int8]


class Policy(Protocol):
    """A rate selection algorithm for many links."""

    def act(self, contexts: Arms) -> Arms:
        """An arm per link for this slot. Called once per slot."""
        ...

    def update(self, feedback: Feedback) -> None:
        """Learn from a slot that is over. Called in the order of the slots, some slots late."""
        ...


def falling(rates: Floats) -> Arms:
    """The arms from the highest rate to the lowest, equal ones in their own order."""
    return np.argsort(-rates, kind="stable").astype(np.int64)
