"""Hybrid ARQ: what is left of the block error after each attempt, when a receiver keeps what it heard.

    none    every attempt stands alone:        residual = product of the attempts' errors
    chase   the same bits again:               error at the sum of the attempts' SNRs (linear)
    ir      new parity bits every time:        normal approximation with sum of n I and sum of n V over the attempts

For incremental redundancy the code's rate falls to R / m after m attempts, and the decoder's gap is that of the lower
rate. Once the mother code has been sent whole (rate `lowest_rate` of the profile) bits repeat: its symbols then gather
the SNRs of all attempts. (Cheng: "Coding performance of hybrid ARQ schemes", IEEE Trans. Comm. 54(6), 2006, adds up
mutual information so.) It never does worse than the same bits again, and a residual never rises with the attempts.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.wireless.block_error import BlockErrorModel, normal_argument, packet_error
from hardware_models.wireless.card import Combining, WirelessCard
from hardware_models.wireless.decoder import DecoderProfile, decoder_profile
from hardware_models.wireless.mutual_information import bicm_moments
from sim.errors import UserError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HarqModel:
    """Residual block errors of a card's rates; `gap_db` is the implementation's loss on top of the profile's."""

    errors: BlockErrorModel
    profile: DecoderProfile
    gap_db: float
    combining: Combining

    @classmethod
    def of(cls, card: WirelessCard) -> Self:
        """The model of the card."""
        profile = decoder_profile(card.decoder.profile)
        return cls(BlockErrorModel.of(card), profile, card.decoder.gap, card.harq.combining)

    def residual(self, snr_db: ArrayLike, rate: ArrayLike) -> Floats:
        """Probability that a packet is still undecoded after each attempt, shape of `snr_db`.

        `snr_db` has shape (attempts, ...), what each attempt met; `rate` (0 to K-1) broadcasts to its rest.
        """
        snr = np.asarray(snr_db, dtype=np.float64)
        if snr.ndim == 0:
            raise UserError("residual errors need the SNR of each attempt, shape (attempts, ...)")
        chosen = np.broadcast_to(np.asarray(rate, dtype=np.int64), snr.shape[1:])
        alone = self.errors.error_of(snr, chosen)
        if self.combining == "none":
            return np.asarray(np.cumprod(alone, axis=0), dtype=np.float64)
        left = self.errors.error_of(_decibels(np.cumsum(_linear(snr), axis=0)), chosen)
        if self.combining == "ir":
            for one in np.unique(chosen):
                where = chosen == one
                left[1:, where] = np.minimum(left[1:, where], self._incremental(snr[:, where], int(one))[1:])
        return np.asarray(np.minimum.accumulate(left, axis=0), dtype=np.float64)

    def attempt_error(self, snr_db: ArrayLike, rate: ArrayLike) -> Floats:
        """Probability that an attempt fails given that those before it did, in the shape of `residual`."""
        left = self.residual(snr_db, rate)
        before = np.concatenate([np.ones_like(left[:1]), left[:-1]])
        return np.asarray(np.divide(left, before, out=np.ones_like(left), where=before > 0), dtype=np.float64)

    def over_time(self, snr_db: ArrayLike, rate: ArrayLike, round_trip: int, attempts: int) -> Floats:
        """What `queue.serve` wants: the error of attempt m in slot t if those before it, `round_trip` apart, failed.

        `snr_db` has shape (slots, ...), `rate` broadcasts to its rest (a packet keeps its rate); the result has shape
        (slots, attempts, ...). Attempts whose first would lie before slot 0 fail.
        """
        snr = np.asarray(snr_db, dtype=np.float64)
        if snr.ndim == 0 or round_trip < 1 or attempts < 1:
            raise UserError(
                f"SNRs of shape (slots, ...), a round_trip and attempts of 1 or more are needed, "
                f"not {snr.shape}, {round_trip} and {attempts}"
            )
        error = np.ones((len(snr), attempts, *snr.shape[1:]))
        for m in range(min(attempts, -(-len(snr) // round_trip))):
            ends = len(snr) - m * round_trip
            history = np.stack([snr[back * round_trip : back * round_trip + ends] for back in range(m + 1)])
            error[m * round_trip :, m] = self.attempt_error(history, rate)[m]
        return error

    def _incremental(self, snr_db: Floats, rate: int) -> Floats:
        """Shape (attempts, cases), for one rate."""
        mcs, attempts = self.errors.mcs, np.arange(1, len(snr_db) + 1)[:, None]
        bits = int(mcs.modulation_bits[rate])
        blocks, length = self.profile.segmented(mcs.bits[rate])
        symbols = mcs.symbols / blocks
        code_rate = length / (symbols * bits)
        gap = self.profile.gap_db(np.maximum(code_rate / attempts, self.profile.lowest_rate), length) + self.gap_db
        information, dispersion = _sums(bits, snr_db, gap)
        argument = normal_argument(symbols * information, symbols * dispersion, length, symbols * attempts)
        repeated = symbols * bits * attempts * self.profile.lowest_rate / length  # how often a mother bit was sent
        whole = length / (self.profile.lowest_rate * bits)
        moments = bicm_moments(bits)
        gathered = _decibels(np.cumsum(_linear(snr_db), axis=0) * (symbols / whole)) - gap
        at_mother = normal_argument(
            whole * moments.mean(gathered), whole * moments.variance(gathered), length, whole * np.ones_like(gathered)
        )
        chosen = np.where(repeated > 1.0, at_mother, argument)
        return packet_error(chosen / self.profile.spread, blocks, self.profile.floor)


def _sums(bits: int, snr_db: Floats, gap_db: Floats) -> tuple[Floats, Floats]:
    """Information and its variance per symbol, summed over the first m attempts at the gap that holds after m."""
    moments = bicm_moments(bits)
    information, dispersion = np.empty(snr_db.shape), np.empty(snr_db.shape)
    for last in range(len(snr_db)):
        seen = snr_db[: last + 1] - gap_db[last]
        information[last] = moments.mean(seen).sum(axis=0)
        dispersion[last] = moments.variance(seen).sum(axis=0)
    return information, dispersion


def _linear(snr_db: Floats) -> Floats:
    return np.asarray(10.0 ** (snr_db / 10.0), dtype=np.float64)


def _decibels(linear: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(linear), dtype=np.float64)
