"""Block error against SNR, per rate: the normal approximation of BICM at the SNR less the decoder's gap.

A block of k bits in n symbols of a modulation with moments I and V (`mutual_information`) fails with probability

    BLER = Q( (n I - k + log2(n) / 2) / (spread sqrt(n V)) )         Q: tail of the normal law

(Polyanskiy, Poor, Verdu: "Channel coding rate in the finite blocklength regime", IEEE Trans. IT 56(5), 2010, eq. 291
without its O(1); `spread`, near 1, is the decoder's). What holds beyond the formula:

1. Left of the capacity limit, where n I < k, a block fails more than half the time: log2(n) / 2 does not count there,
   and comes in smoothly right of it.
2. Block error falls with the SNR, and among rates of the same modulation it rises with the bits.
3. A packet of C blocks fails if one of them does: 1 - (1 - BLER)^C.
4. Block error never falls below the profile's floor; -inf dB gives 1 and +inf dB the floor. NaN dB stays NaN.

`BlockErrorModel` tabulates the curves once, 1/64 dB apart, and interpolates linearly (within 3e-3 of the formula).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.decoder import DecoderProfile, decoder_profile
from hardware_models.wireless.mcs import McsTable
from hardware_models.wireless.mutual_information import SNR_RANGE_DB, bicm_moments
from sim.errors import UserError

Floats = NDArray[np.float64]

#: dB between two rows of the table.
STEP_DB = 1.0 / 64.0


def normal_argument(information: ArrayLike, dispersion: ArrayLike, length: ArrayLike, symbols: ArrayLike) -> Floats:
    """(m + b m^2 / (m^2 + b^2)) / sqrt(n V) with m = n I - k and b = log2(n) / 2; m / sqrt(n V) where m < 0.

    `information` is n I in bits, `dispersion` n V, `length` k in bits, `symbols` n. Broadcast shape; without
    dispersion +-inf, or 0 where n I = k.
    """
    margin = np.asarray(information, dtype=np.float64) - np.asarray(length, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        square, bonus = np.maximum(margin, 0.0) ** 2, 0.5 * np.log2(symbols)
        argument = (margin + np.where(square > 0, bonus * square / (square + bonus**2), 0.0)) / np.sqrt(dispersion)
    return np.nan_to_num(argument, nan=0.0, posinf=np.inf, neginf=-np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class BlockErrorModel:
    """Packet error of K rates against the SNR in dB. `table` has shape (S, K), row i at `snr_db_min + i * step_db`.

    `table` need not come from the normal approximation: any curves that start at an SNR where they say what happens
    below it, and do not rise, are a model.
    """

    mcs: McsTable
    snr_db_min: float
    step_db: float
    table: Floats

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def of(cls, card: WirelessCard) -> Self:
        """The model of the card's rates, symbols and decoder."""
        return cls.normal(card.table, decoder_profile(card.decoder.profile), card.decoder.gap)

    @classmethod
    def normal(cls, mcs: McsTable, profile: DecoderProfile, gap_db: float = 0.0) -> Self:
        """The normal approximation with a profile's gap, and `gap_db` (0 or more) on top of it."""
        if not gap_db >= 0:
            raise UserError(f"decoder.gap of {gap_db} dB would put curves left of capacity; 0 dB or more is allowed")
        snr_db = np.arange(SNR_RANGE_DB[0], SNR_RANGE_DB[1] + STEP_DB / 2, STEP_DB)
        errors = np.stack([_curve(mcs, profile, gap_db, rate, snr_db) for rate in range(len(mcs))], axis=1)
        errors = _ordered(mcs, errors)
        first = max(int(np.argmax((errors < 1.0).any(axis=1))) - 1, 0)
        last = int(np.argmax((errors == errors[-1]).all(axis=1))) + 1
        return cls(mcs, float(snr_db[first]), STEP_DB, np.ascontiguousarray(errors[first:last]))

    @classmethod
    def from_table(cls, mcs: McsTable, snr_db: ArrayLike, errors: ArrayLike) -> Self:
        """A model from a user's own curves: `snr_db` shape (S,), rising; `errors` shape (S, K), none of them rising.

        SNRs need not be equally spaced. Raises `UserError` for a table that is empty, unsorted, has an SNR twice,
        leaves 0 to 1, or rises with the SNR.
        """
        snr = np.asarray(snr_db, dtype=np.float64)
        curves = np.asarray(errors, dtype=np.float64)
        if snr.ndim != 1 or len(snr) < 2:
            raise UserError(f"a block error table needs at least 2 SNRs, not {snr.size}")
        if curves.shape != (len(snr), len(mcs)):
            raise UserError(f"a block error table for {len(mcs)} rates at {len(snr)} SNRs has shape {curves.shape}")
        if not np.isfinite(snr).all():
            raise UserError("the SNRs of a block error table must be finite")
        if not (np.diff(snr) > 0).all():
            at = int(np.argmin(np.diff(snr) > 0))
            raise UserError(
                f"the SNRs of a block error table must rise: {snr[at]:g} dB is followed by {snr[at + 1]:g} dB"
            )
        rows = np.arange(0.0, snr[-1] - snr[0] + STEP_DB, STEP_DB) + snr[0]
        return cls(mcs, float(snr[0]), STEP_DB, np.stack([np.interp(rows, snr, curve) for curve in curves.T], axis=1))

    def grid(self) -> tuple[float, float, Floats]:
        """(snr_db_min, step_db, table of shape (S, K)) for a compiled loop that interpolates and clamps at the ends."""
        return self.snr_db_min, self.step_db, self.table

    def error_rate(self, snr_db: ArrayLike) -> Floats:
        """Packet error of every rate, shape (*snr_db.shape, K)."""
        snr = np.ascontiguousarray(snr_db, dtype=np.float64)
        out = np.empty((snr.size, self.table.shape[1]))
        _interpolate(snr.ravel(), self.snr_db_min, 1.0 / self.step_db, self.table, out)
        return out.reshape(*np.shape(snr_db), self.table.shape[1])

    def error_of(self, snr_db: ArrayLike, rate: ArrayLike) -> Floats:
        """Packet error of the rate chosen at each SNR; broadcast shape of `snr_db` and `rate` (0 to K-1)."""
        snr, chosen = np.broadcast_arrays(np.asarray(snr_db, dtype=np.float64), np.asarray(rate, dtype=np.int64))
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self.mcs)):
            raise UserError(f"a rate must lie in 0 to {len(self.mcs) - 1}, not {chosen.min()} to {chosen.max()}")
        out = np.empty(snr.size)
        _interpolate_one(snr.ravel(), chosen.ravel(), self.snr_db_min, 1.0 / self.step_db, self.table, out)
        return out.reshape(snr.shape)

    def threshold_db(self, error: float = 0.1) -> Floats:
        """The lowest SNR in dB at which each rate's error is `error` or less, shape (K,); inf if it never is."""
        reached = self.table <= error
        row = np.where(reached.any(axis=0), reached.argmax(axis=0), len(self.table) - 1)
        rates = np.arange(self.table.shape[1])
        above, below = self.table[np.maximum(row - 1, 0), rates], self.table[row, rates]
        with np.errstate(divide="ignore", invalid="ignore"):
            back = np.where(above > below, (error - below) / (above - below), 0.0)
        found = self.snr_db_min + self.step_db * (row - np.where(row > 0, back, 0.0))
        return np.where(reached.any(axis=0), found, np.inf)


def _check(model: BlockErrorModel) -> None:
    table = model.table
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] != len(model.mcs):
        raise UserError(f"a block error table for {len(model.mcs)} rates has shape {table.shape}")
    if not ((table >= 0) & (table <= 1)).all():
        raise UserError("block error must lie in 0 to 1 everywhere in its table")
    if (np.diff(table, axis=0) > 0).any():
        row, rate = np.argwhere(np.diff(table, axis=0) > 0)[0]
        snr = model.snr_db_min + model.step_db * row
        raise UserError(f"block error of rate {rate} rises with the SNR at {snr:.2f} dB; it must not")


def _curve(mcs: McsTable, profile: DecoderProfile, gap_db: float, rate: int, snr_db: Floats) -> Floats:
    blocks, length = profile.segmented(mcs.bits[rate])
    symbols = mcs.symbols / blocks
    code_rate = length / (symbols * mcs.modulation_bits[rate])
    moments = bicm_moments(int(mcs.modulation_bits[rate]))
    seen = snr_db - profile.gap_db(code_rate, length) - gap_db
    argument = normal_argument(symbols * moments.mean(seen), symbols * moments.variance(seen), length, symbols)
    return packet_error(np.maximum.accumulate(argument) / profile.spread, blocks, profile.floor)


def packet_error(argument: Floats, blocks: ArrayLike, floor: float) -> Floats:
    """Error of a packet of `blocks` equal blocks, each failing with Q(argument); `floor` to 1, broadcast shape.

    >>> packet_error(np.array([-np.inf, 0.0, np.inf]), 2, 1e-6).tolist()
    [1.0, 0.75, 1e-06]
    """
    with np.errstate(divide="ignore"):
        all_decoded = np.asarray(blocks) * log_ndtr(argument)
    return np.asarray(np.clip(-np.expm1(all_decoded), floor, 1.0), dtype=np.float64)


def _ordered(mcs: McsTable, errors: Floats) -> Floats:
    """Errors that rise with the bits among rates of the same modulation."""
    ordered = errors.copy()
    for modulation in np.unique(mcs.modulation_bits):
        rates = np.flatnonzero(mcs.modulation_bits == modulation)
        ordered[:, rates] = np.maximum.accumulate(errors[:, rates], axis=1)
    return ordered


@njit(cache=True, nogil=True)
def _interpolate(snr: Floats, low: float, scale: float, table: Floats, out: Floats) -> None:
    rows, rates = table.shape
    for i in range(len(snr)):
        position = (snr[i] - low) * scale
        if position != position:
            out[i, :] = np.nan
        elif position <= 0.0:
            out[i, :] = table[0]
        elif position >= rows - 1:
            out[i, :] = table[rows - 1]
        else:
            row = int(position)
            share = position - row
            for k in range(rates):
                out[i, k] = table[row, k] + share * (table[row + 1, k] - table[row, k])


@njit(cache=True, nogil=True)
def _interpolate_one(
    snr: Floats, rate: NDArray[np.int64], low: float, scale: float, table: Floats, out: Floats
) -> None:
    last = table.shape[0] - 1
    for i in range(len(snr)):
        position = (snr[i] - low) * scale
        if position != position:
            out[i] = np.nan
        elif position <= 0.0:
            out[i] = table[0, rate[i]]
        elif position >= last:
            out[i] = table[last, rate[i]]
        else:
            row = int(position)
            below = table[row, rate[i]]
            out[i] = below + (position - row) * (table[row + 1, rate[i]] - below)


def capacity_limit_db(mcs: McsTable, profile: DecoderProfile) -> Floats:
    """The SNR in dB at which each rate's blocks are as long as the BICM capacity of their symbols, shape (K,).

    No decoder gets below 50 % block error left of it, so every curve of a model lies right of it.
    """
    blocks, length = profile.segmented(mcs.bits)
    per_symbol = length * blocks / mcs.symbols
    snr_db = np.arange(SNR_RANGE_DB[0], SNR_RANGE_DB[1] + STEP_DB / 2, STEP_DB)
    curves = [bicm_moments(int(bits)).mean(snr_db) for bits in mcs.modulation_bits]
    return np.array(
        [np.interp(wanted, curve, snr_db, right=np.inf) for wanted, curve in zip(per_symbol, curves, strict=True)]
    )
