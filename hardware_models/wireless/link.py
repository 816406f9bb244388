"""Radio links over time: the SNR of every link in every slot, and slots, reports and acknowledgements on the engine.

`Channel` is arrays only. `Downlink` drives slots on the simulation engine: each slot is an event that asks the
transmitter for its rates, and acknowledgements come back as events of their own after the card's delay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import FadingMethod, WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.effective_snr import effective_snr_db
from hardware_models.wireless.fading import Ar1Fast, Complex, Fading, IfftDoppler, Steady, SumOfSinusoids
from hardware_models.wireless.path_loss import Shadowing, mean_snr_db
from hardware_models.wireless.taps import tap_profile
from sim.engine import Engine
from sim.rng import Streams

Floats = NDArray[np.float64]

#: Links written together: eight float64 fill a cache line of the (slots, links) array.
_GROUP = 8
#: Slots that a `Downlink` reads from the channel at a time.
_BLOCK = 1024


class Channel:
    """The SNR in dB of `links` links over `slots` slots.

    `links` is a count, or the numbers of the links; link i draws from `streams("fading", i)`, `streams("los", i)` and
    `streams("shadowing", i)`, so its SNR is the same whatever other links are there. `mean_snr_db` replaces the card's
    mean SNR by one of shape (links,).

    A stream goes on where it was left, so two channels on the same `streams` object differ; make one and share it.
    """

    def __init__(
        self,
        card: WirelessCard,
        streams: Streams,
        links: int | Sequence[int],
        slots: int,
        mean_snr_db: ArrayLike | None = None,
    ) -> None:
        if slots < 0:
            raise ValueError(f"a run has 0 slots or more, not {slots}")
        self.links = tuple(range(links)) if isinstance(links, int) else tuple(links)
        self.slots, self._card = slots, card
        mean = mean_snr_db_of(card) if mean_snr_db is None else np.asarray(mean_snr_db, dtype=np.float64)
        self.mean_snr_db: Floats = np.broadcast_to(mean, len(self.links)).copy()
        self._profile = tap_profile(card)
        self._fading = fading_of(card, slots, len(self._profile))
        self._states = [self._fading.draw(streams("fading", link).generator) for link in self.links]
        self._los_turns = [streams("los", link).uniform() if self._profile.los_power else 0.0 for link in self.links]
        self._shadowing = Shadowing.of(card, slots)
        self._shadows = [self._shadowing.draw(streams("shadowing", link).generator) for link in self.links]
        self._chunk, self._kept = -1, np.empty((0, len(self.links)))

    def snr_db(self, start: int, stop: int) -> Floats:
        """SNR in dB of slots `start` to `stop` - 1, shape (slots, links).

        With a tapped delay line it is the effective SNR over the subbands. A gain of exactly 0 gives -inf.
        """
        if not 0 <= start <= stop <= self.slots:
            raise ValueError(f"slots {start} to {stop} do not lie in a run of {self.slots} slots")
        size = self._fading.chunk
        out = np.empty((stop - start, len(self.links)))
        for chunk in range(start // size, -(-stop // size)):
            first, last = max(start, chunk * size), min(stop, (chunk + 1) * size)
            out[first - start : last - start] = self._chunk_snr(chunk)[first - chunk * size : last - chunk * size]
        return out

    def subband_snr_db(self, start: int, stop: int, link: int) -> Floats:
        """SNR in dB per subband of the link at position `link`, shape (slots, subbands)."""
        if not 0 <= start <= stop <= self.slots:
            raise ValueError(f"slots {start} to {stop} do not lie in a run of {self.slots} slots")
        size = self._fading.chunk
        chunks = range(start // size, max(-(-stop // size), start // size + 1))
        whole = np.concatenate([self._subbands(link, chunk) for chunk in chunks])
        return whole[start - chunks[0] * size : stop - chunks[0] * size]

    def _chunk_snr(self, chunk: int) -> Floats:
        """The SNRs of a chunk, shape (chunk, links); the last one made is kept."""
        if chunk != self._chunk:
            made = np.empty((self._fading.chunk, len(self.links)))
            group = np.empty((_GROUP, self._fading.chunk))
            for first in range(0, len(self.links), _GROUP):
                count = min(_GROUP, len(self.links) - first)
                for row in range(count):
                    group[row] = self._one(first + row, chunk)
                made[:, first : first + count] = group[:count].T
            self._chunk, self._kept = chunk, made
        return self._kept

    def _one(self, link: int, chunk: int) -> Floats:
        if len(self._profile) == 1:
            return self._level(link, chunk, self._with_los(link, chunk)[0])
        return effective_snr_db(self._card, self._subbands(link, chunk))

    def _subbands(self, link: int, chunk: int) -> Floats:
        """Shape (chunk, subbands)."""
        taps = self._with_los(link, chunk)
        response = self._profile.subband_matrix(self._card.bandwidth, self._card.delay.subbands) @ taps
        return np.stack([self._level(link, chunk, gains) for gains in response], axis=1)

    def _with_los(self, link: int, chunk: int) -> Complex:
        """Gains of the taps with their powers, and the direct path on the first, shape (taps, chunk)."""
        taps = self._fading.gains(self._states[link], chunk) * self._profile.amplitudes[:, None]
        if self._profile.los_power:
            slots = chunk * self._fading.chunk + np.arange(self._fading.chunk)
            shift = self._card.fading.los_doppler * self._card.normalised_doppler
            turns = (self._los_turns[link] + shift * slots) % 1.0
            taps[0] += np.sqrt(self._profile.los_power) * np.exp(2j * np.pi * turns)
        return taps

    def _level(self, link: int, chunk: int, gains: Complex) -> Floats:
        level = self.mean_snr_db[link]
        out = np.empty(len(gains))
        shadow = self._shadowing.at(self._shadows[link], chunk * self._fading.chunk, len(gains))
        _decibels(gains, shadow, level, out)
        return out


@njit(cache=True, nogil=True)
def _decibels(gains: Complex, shadow: Floats, level: float, out: Floats) -> None:
    for i in range(len(gains)):
        power = gains[i].real * gains[i].real + gains[i].imag * gains[i].imag
        out[i] = level + shadow[i] + (10.0 * np.log10(power) if power > 0.0 else -np.inf)


class Transmitter(Protocol):
    """Whoever picks rates. It sees reports and acknowledgements, never an SNR."""

    def act(self, slot: int, cqi: NDArray[np.int8]) -> NDArray[np.integer[Any]]:
        """The rate of every link in this slot, shape (links,), from the levels it knows now."""
        ...

    def hear(self, slot: int, rates: NDArray[np.int16], acks: NDArray[np.bool_], heard: NDArray[np.bool_]) -> None:
        """Feedback for an earlier `slot`, each of shape (links,); where `heard` is False the feedback was lost."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """What happened, each of shape (slots, links): rates sent, whether they were decoded, and their error then."""

    rates: NDArray[np.int16]
    acks: NDArray[np.bool_]
    errors: Floats


class Downlink:
    """Slots of `links` links on an engine, one callback for all links per slot.

    In slot t the transmitter acts on the reports that have arrived; the feedback of slot t is heard before it acts in
    slot t + 1 + ack.delay. Link i decodes by `streams("decode", i)` and loses feedback by `streams("ack loss", i)`.
    """

    def __init__(self, engine: Engine, card: WirelessCard, streams: Streams, links: int, slots: int) -> None:
        self.engine, self.card, self.slots = engine, card, slots
        self.channel = Channel(card, streams, links, slots)
        self.errors = BlockErrorModel.of(card)
        self.reporter = CqiReporter(card, self.errors, streams, links)
        self._decode = [streams("decode", link).generator for link in range(links)]
        self._losses = [streams("ack loss", link).generator for link in range(links)]
        self._sent = Sent(
            np.zeros((slots, links), dtype=np.int16),
            np.zeros((slots, links), dtype=np.bool_),
            np.zeros((slots, links)),
        )
        self._first, self._block = 0, self._read(0)

    def run(self, transmitter: Transmitter) -> Sent:
        """Lets the engine run until all slots are over and all feedback is heard."""
        if self.slots:
            self.engine.call_after(0.0, self._tick, transmitter, self.engine.now, 0)
            self.engine.run()
        return self._sent

    def _tick(self, transmitter: Transmitter, began: float, slot: int) -> None:
        if slot - self._first == len(self._block.snr):
            self._first, self._block = slot, self._read(slot)
        block, row = self._block, slot - self._first
        rates = transmitter.act(slot, block.cqi[row])
        error = self.errors.error_of(block.snr[row], rates)
        acks = block.decode[row] >= error
        self._sent.rates[slot], self._sent.acks[slot], self._sent.errors[slot] = rates, acks, error
        self.engine.trace.counter("wireless/decoded", self.engine.now, int(acks.sum()))
        heard_at = began + (slot + 1 + self.card.ack.delay) * self.card.slot
        self.engine.call_at(heard_at, transmitter.hear, slot, self._sent.rates[slot], acks, block.heard[row])
        if slot + 1 < self.slots:
            self.engine.call_at(began + (slot + 1) * self.card.slot, self._tick, transmitter, began, slot + 1)

    def _read(self, first: int) -> "_Block":
        last = min(first + _BLOCK, self.slots)
        snr = self.channel.snr_db(first, last)
        return _Block(
            snr=snr,
            cqi=self.reporter.report(snr),
            decode=_uniform(self._decode, last - first),
            heard=_uniform(self._losses, last - first) >= self.card.ack.loss,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    snr: Floats
    cqi: NDArray[np.int8]
    decode: Floats
    heard: NDArray[np.bool_]


def _uniform(generators: Sequence[np.random.Generator], slots: int) -> Floats:
    """Shape (slots, links), each column from a generator of its own."""
    draws = np.empty((slots, len(generators)))
    for link, generator in enumerate(generators):
        draws[:, link] = generator.random(slots)
    return draws


def mean_snr_db_of(card: WirelessCard) -> float:
    """The card's mean SNR in dB, from its geometry if the card says so."""
    return mean_snr_db(card) if isinstance(card.mean_snr, str) else card.mean_snr


def fading_of(card: WirelessCard, slots: int, taps: int) -> Fading:
    """The card's way of making gains."""
    if card.fading.law == "none":
        return Steady(slots, taps)
    made: dict[FadingMethod, Callable[[float, int, int], Fading]] = {
        "ifft_doppler": IfftDoppler, "sum_of_sinusoids": SumOfSinusoids, "ar1_fast": Ar1Fast,
    }  # fmt: skip
    return made[card.fading.method](card.normalised_doppler, slots, taps)
