"""Decoder profiles: how far from the normal approximation a real decoder is, and how a packet is cut into blocks.

The gap in dB between a decoder and the normal approximation is a polynomial in the code rate R and the block length k,

    gap(R, k) = c0 + c1 R + c2 R^2 + c3 log10(k / 1000 bits),

held constant outside the range of R and k it was fitted on, and its waterfall is `spread` times as wide in SNR as the
normal approximation's. Each profile is fitted to one published table set, by
`benchmarks/calibrate_block_error.py`, which also prints how well it does on the tables it has not seen. Three
simulators that claim the same rates differ by up to 3 dB in threshold, so a profile is always named, never mixed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.errors import UserError, did_you_mean


@dataclass(frozen=True, slots=True)
class DecoderProfile:
    """A decoder family. `gap` is c0 to c3 in dB, at 50 % block error; `rates` and `lengths` (bits) its range.

    A packet gets `crc` check bits; if it is then longer than `largest_block` bits it is cut into equal blocks, each
    with `crc` check bits of its own. `lowest_rate` is the mother code's: below it bits are repeated. `floor` is the
    lowest block error that is ever reported.
    """

    name: str
    gap: tuple[float, float, float, float]
    spread: float
    rates: tuple[float, float]
    lengths: tuple[float, float]
    largest_block: int
    lowest_rate: float
    crc: int
    floor: float
    source: str

    def gap_db(self, rate: ArrayLike, length: ArrayLike) -> NDArray[np.float64]:
        """Decibels between the normal approximation and the decoder, never below 0; broadcast shape of both.

        >>> [round(float(PROFILES[name].gap_db(0.5, 1000)), 1) for name in PROFILES]
        [0.9, 1.7, 3.9]
        """
        c0, c1, c2, c3 = self.gap
        held = np.clip(np.asarray(rate, dtype=np.float64), *self.rates)
        kilobits = np.clip(np.asarray(length, dtype=np.float64), *self.lengths) / 1000.0
        return np.maximum(c0 + c1 * held + c2 * held**2 + c3 * np.log10(kilobits), 0.0)

    def segmented(self, bits: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(C, k): code blocks per packet of `bits`, and bits per block with its check bits.

        TS 36.212 and TS 38.212, section 5.1.2 and 5.2.2, without their rounding to interleaver and lifting sizes.

        >>> [array.tolist() for array in PROFILES["lte-turbo"].segmented([4008.0, 12000.0])]
        [[1.0, 2.0], [4032.0, 6036.0]]
        """
        checked = np.asarray(bits, dtype=np.float64) + self.crc
        cut = checked > self.largest_block
        blocks = np.where(cut, np.ceil(checked / (self.largest_block - self.crc)), 1.0)
        return blocks, checked / blocks + np.where(cut, self.crc, 0.0)


PROFILES: Mapping[str, DecoderProfile] = {
    profile.name: profile
    for profile in (
        DecoderProfile(
            name="nr-ldpc-ideal",
            gap=(1.050, -0.340, 0.0, 0.0),
            spread=1.2,
            rates=(0.117, 0.926),
            lengths=(100.0, 2000.0),
            largest_block=8448,
            lowest_rate=0.2,
            crc=24,
            floor=1e-6,
            source="fitted to NVIDIA Sionna 2.2.0, sys/bler_tables/PDSCH_table1.json (Apache-2.0), 100 to 2000 bits",
        ),
        DecoderProfile(
            name="lte-turbo",
            gap=(2.176, -4.567, 7.144, 0.0),
            spread=1.25,
            rates=(0.102, 0.778),
            lengths=(176.0, 4032.0),
            largest_block=6144,
            lowest_rate=1.0 / 3.0,
            crc=24,
            floor=1e-6,
            source="fitted to the SNRs at 10 % block error of the 29 turbo-coded rates in "
            "github.com/vidits-kth/bayesla-link-adaptation (MIT), commit d1266b1, simulated there with IT++; "
            "spread: so that a genie's block error at 15 dB over that table, 1.63 %, comes out",
        ),
        DecoderProfile(
            name="conservative",
            gap=(3.94, 0.0, 0.0, 0.0),
            spread=1.0,
            rates=(0.03, 0.926),
            lengths=(24.0, 8448.0),
            largest_block=8448,
            lowest_rate=0.2,
            crc=24,
            floor=1e-6,
            source="mean gap of the 1332 curves of 5G-LENA's EESM table 1 (standard deviation 0.80 dB); one constant, "
            "no curve copied",
        ),
    )
}


def decoder_profile(name: str) -> DecoderProfile:
    """The profile called `name`. Raises `UserError` for an unknown one."""
    if name not in PROFILES:
        raise UserError(f"no decoder profile is called '{name}'; {did_you_mean(name, PROFILES)}")
    return PROFILES[name]
