"""Radio links of `hardware_models.wireless` as the policies' world."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.link import Downlink
from scenarios.con_ts.average import Best, best_average
from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import LOST, Feedback, OfflineTable, Policy, Task
from scenarios.con_ts.world import Episode
from sim.engine import Engine
from sim.rng import Streams

#: Width of the SNR classes in which the average-constraint genie is worked out, dB.
_CLASS = 0.05


class Radio:
    """`links` radio links over `slots` slots; contexts are the CQI that was last reported.

    The policies' offline table is the card's own block error model: what a vendor would have measured of this
    decoder. What they do not know is the SNR now, the CQI's bias and error, and how the link moves.
    """

    def __init__(self, card: WirelessCard, target: float, streams: Streams, links: int, slots: int) -> None:
        self.links, self.slots = links, slots
        self._downlink = Downlink(Engine(), card, streams, links, slots)
        lowest, step, table = self._downlink.errors.grid()
        known = OfflineTable(lowest, step, table, self._downlink.reporter.snr_of(np.arange(card.cqi.levels)))
        self.task = Task(np.asarray(card.table.bits, np.float64), target, card.cqi.levels, card.cqi.delay, known)

    @cached_property
    def snr(self) -> Floats:
        """The SNR of every slot and link in dB."""
        return self._downlink.channel.snr_db(0, self.slots)

    @cached_property
    def best(self) -> Best:
        """The genie's choices over the SNRs that really occur, in classes of 0.05 dB."""
        table = self.task.known("genie")
        floor, span = table.lowest - 1.0, table.step * len(table.error_rate) + 2.0
        classes = np.round((np.clip(self.snr - floor, 0.0, span)) / _CLASS).astype(np.int64)
        numbers = np.bincount(classes.ravel())
        met = np.flatnonzero(numbers)
        success = 1.0 - self._downlink.errors.error_rate(floor + met * _CLASS)
        return best_average(success, self.task.rates, self.task.eta, numbers[met] / numbers.sum())

    def success(self, slot: int) -> Floats:
        """One less the block error rate of every arm at the slot's SNR."""
        return 1.0 - self._downlink.errors.error_rate(self.snr[slot])

    def play(self, policy: Policy, progress: Callable[[float], None]) -> Episode:
        """Slots, late reports and late acknowledgements as events on the simulation engine. May be called once."""
        sent = self._downlink.run(_Transmitter(policy, self.slots, progress))
        return Episode(sent.rates, 1.0 - sent.errors, sent.acks)


class _Transmitter:
    """A policy at its antenna: remembers the contexts in which it acted until it hears what became of it."""

    def __init__(self, policy: Policy, slots: int, progress: Callable[[float], None]) -> None:
        self._policy, self._slots, self._progress = policy, slots, progress
        self._contexts: dict[int, Arms] = {}

    def act(self, slot: int, cqi: NDArray[np.int8]) -> Arms:
        """The policy's arms."""
        if slot % 256 == 0:
            self._progress(slot / self._slots)
        contexts = self._contexts[slot] = cqi.astype(np.int64)
        return self._policy.act(contexts)

    def hear(
        self, slot: int, rates: NDArray[np.integer[Any]], acks: NDArray[np.bool_], heard: NDArray[np.bool_]
    ) -> None:
        """The policy learns."""
        outcome = np.where(heard, acks, LOST).astype(np.int8)
        self._policy.update(Feedback(self._contexts.pop(slot), rates.astype(np.int64), outcome))
