"""Radio links of `hardware_models.wireless` as the policies' world."""

import numpy as np
from numba import njit

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.link import Channel
from scenarios.con_ts.average import Best, best_average
from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import OfflineTable, Task
from scenarios.con_ts.world import Draws
from sim.rng import Streams

#: Width of the SNR classes in which the average-constraint genie is worked out, dB.
_CLASS = 0.05


class Links:
    """`links` radio links over `slots` slots; contexts are the CQI last reported.

    The policies' offline table is the card's own block error model: what a vendor would have measured of this
    decoder. What they do not know is the SNR now, the CQI's bias and error, and how the link moves.
    """

    def __init__(self, card: WirelessCard, target: float, streams: Streams, links: int, slots: int) -> None:
        self.links, self.slots = links, slots
        self._errors = BlockErrorModel.of(card)
        reporter = CqiReporter(card, self._errors, streams, links)
        lowest, step, table = self._errors.grid()
        known = OfflineTable(lowest, step, table, reporter.snr_of(np.arange(card.cqi.levels)))
        self.task = Task(np.asarray(card.table.bits, np.float64), target, card.cqi.levels, card.cqi.delay, known)
        self._lowest, self._per_db, self._table = lowest, 1.0 / step, table
        self.snr = Channel(card, streams, links, slots).snr_db(0, slots)
        self._contexts = reporter.report(self.snr).astype(np.int64)
        self._draws = Draws(streams, links)

    def contexts(self, slot: int) -> Arms:
        """The CQI each transmitter knows."""
        contexts: Arms = self._contexts[slot]
        return contexts

    def success(self, slot: int) -> Floats:
        """One less the block error rate of every arm at the slot's SNR."""
        return 1.0 - self._errors.error_rate(self.snr[slot])

    def success_of(self, slot: int, arms: Arms) -> Floats:
        """The same for the chosen arms only."""
        return _success(self.snr[slot], arms, self._lowest, self._per_db, self._table)

    def draws(self, slot: int) -> Floats:
        """The slot's draws."""
        return self._draws.at(slot)

    def best(self) -> Best:
        """The genie over the SNRs that really occur, in classes of 0.05 dB."""
        floor = self._lowest - 1.0
        ceiling = self._lowest + len(self._table) / self._per_db + 1.0
        classes = np.round((np.clip(self.snr, floor, ceiling) - floor) / _CLASS).astype(np.int64)
        numbers = np.bincount(classes.ravel())
        met = np.flatnonzero(numbers)
        success = 1.0 - self._errors.error_rate(floor + met * _CLASS)
        return best_average(success, self.task.rates, self.task.eta, numbers[met] / numbers.sum())


@njit(cache=True, error_model="numpy")
def _success(snr: Floats, arms: Arms, lowest: float, per_db: float, table: Floats) -> Floats:
    """One less the interpolated block error rate per link, clamped at the table's ends; -inf dB is its lowest row."""
    found, last = np.empty(len(arms)), len(table) - 1
    for link in range(len(arms)):
        place = max(0.0, min(float(last), (snr[link] - lowest) * per_db))
        below = min(int(place), last - 1)
        share = place - below
        found[link] = 1.0 - (1.0 - share) * table[below, arms[link]] - share * table[below + 1, arms[link]]
    return found
