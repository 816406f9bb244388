"""Channel quality reports: what the transmitter knows of the channel at each slot, late, coarse and wrong as it is.

A receiver measures every `period` slots, from slot 0. It sees the SNR with a bias and a Gaussian error in dB, and
reports the level whose reference rate has the largest (1 - BLER) * bits among those with BLER <= target (level 0 if
none has). The report arrives `delay` slots later or is lost; then the transmitter keeps the last one that arrived.
Before the first report it knows level 0.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.wireless.block_error import BlockErrorModel, Floats
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.mcs import McsTable
from sim.rng import Streams


class CqiReporter:
    """Reports of `links` links, slot after slot.

    `reference_mcs` holds the reference rate of each level, shape (levels,). Link i draws its measurement errors
    from `streams("cqi error", i)` and its losses from `streams("cqi loss", i)`, so it hears the same whatever else
    is in the batch and however time is cut into calls.
    """

    def __init__(self, card: WirelessCard, errors: BlockErrorModel, streams: Streams, links: int) -> None:
        self._cqi, self._links = card.cqi, links
        self.reference_mcs = reference_rates(errors.mcs, card.cqi.levels)
        self._lowest = errors.threshold_db(card.cqi.target)[self.reference_mcs]
        self._edges = level_edges(errors, self.reference_mcs, card.cqi.target)
        self._noise = [streams("cqi error", link).generator for link in range(links)] if card.cqi.error else []
        self._losses = [streams("cqi loss", link).generator for link in range(links)] if card.cqi.loss else []
        self._slot = 0
        # Row i is what is known once report `_first + i` has arrived (or was lost); row 0 before any is level 0.
        self._known = np.zeros((1, links), dtype=np.int8)
        self._first = -1

    def report(self, snr_db: ArrayLike) -> NDArray[np.int8]:
        """What the transmitter knows at each of the next slots, shape (slots, links), from their SNRs in that shape.

        Successive calls go on where the last one ended.
        """
        snr = np.asarray(snr_db, dtype=np.float64)
        if snr.ndim != 2 or snr.shape[1] != self._links:
            raise ValueError(f"SNRs of shape (slots, {self._links}) are needed, not {snr.shape}")
        period, begin, end = self._cqi.period, self._slot, self._slot + len(snr)
        offset = -begin % period
        self._append(self.quantise(self._measured(snr[offset::period])))
        known_at = np.maximum((np.arange(begin, end) - self._cqi.delay) // period, -1)
        known: NDArray[np.int8] = self._known[known_at - self._first]
        self._slot = end
        needed = max((end - self._cqi.delay) // period, -1) - self._first
        self._known, self._first = self._known[needed:], self._first + needed
        return known

    def quantise(self, snr_db: ArrayLike) -> NDArray[np.int8]:
        """The level of an SNR measured without error, in the shape of `snr_db`; NaN counts as -inf dB."""
        snr = np.nan_to_num(np.asarray(snr_db, dtype=np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        return np.searchsorted(self._edges, snr, side="right").astype(np.int8)

    def snr_of(self, cqi: ArrayLike) -> Floats:
        """The SNR in dB that an outer loop assumes for a level, in the shape of `cqi`.

        It is where the block error of the level's reference rate is the target: the worst SNR the level stands for,
        but for level 0, which also stands for everything below.
        """
        return np.asarray(self._lowest[np.asarray(cqi, dtype=np.int64)], dtype=np.float64)

    def _measured(self, snr: Floats) -> Floats:
        if not self._noise:
            return snr + self._cqi.bias
        noise = np.empty(snr.shape)
        for link, generator in enumerate(self._noise):
            noise[:, link] = generator.standard_normal(len(snr))
        return snr + (self._cqi.bias + self._cqi.error * noise)

    def _append(self, levels: NDArray[np.int8]) -> None:
        """Adds reports to what is known, a lost one repeating what was known before it."""
        known = np.concatenate([self._known, levels])
        if self._losses:
            source = np.arange(len(known))[:, None] * np.ones(self._links, dtype=np.int64)
            for link, generator in enumerate(self._losses):
                source[len(self._known) :, link][generator.random(len(levels)) < self._cqi.loss] = 0
            known = np.take_along_axis(known, np.maximum.accumulate(_kept(source, len(self._known)), axis=0), axis=0)
        self._known = known


def _kept(source: NDArray[np.int64], old: int) -> NDArray[np.int64]:
    """Rows to take: all `old` ones as they are; a lost new one (0) gives way to the running maximum."""
    source[old:] = np.maximum(source[old:], old - 1)
    return source


def reference_rates(table: McsTable, levels: int) -> NDArray[np.int64]:
    """The reference rate of each level, shape (levels,): the table's own, or spread evenly over its rates."""
    if len(table.cqi) == levels:
        return np.array(table.cqi, dtype=np.int64)
    return np.round(np.linspace(0, len(table) - 1, levels)).astype(np.int64)


def level_edges(errors: BlockErrorModel, reference: NDArray[np.int64], target: float) -> Floats:
    """The SNRs in dB from which levels 1, 2, ... are reported, rising, shape (levels - 1,).

    They lie on the rows of the block error table; inf where a level is never the best.
    """
    curves = errors.table[:, reference]
    goodput = np.where(curves <= target, (1.0 - curves) * errors.mcs.bits[reference], 0.0)
    level = np.maximum.accumulate(goodput.argmax(axis=1))
    first = np.searchsorted(level, np.arange(1, len(reference)), side="left")
    edges = errors.snr_db_min + errors.step_db * first.astype(np.float64)
    return np.where(first < len(level), edges, np.inf)
