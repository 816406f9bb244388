"""The block error model against published tables: fitted to one set, judged on all others.

    pip install --no-deps --target FOLDER sionna-no-rt==2.2.0    # once; never imported, only its tables are read
    python benchmarks/calibrate_block_error.py FOLDER/sionna/sys/bler_tables

Refits the profile `nr-ldpc-ideal` on NVIDIA Sionna's PDSCH table 1 (Apache-2.0; blocks of 100 to 2000 bits) and prints
the constants beside those that are shipped; then, for every set of tables, how far the *shipped* profile is off in dB.

The published points lie about 1.8 dB apart, often with one point between 0 and 1, so a curve's SNR at 10 % is a matter
of reading. The deviation of a curve is the shift in dB that makes the shipped curve most likely to give the published
points ("shift"). Two readings of the SNR at 10 % stand beside it: both curves sampled at the published SNRs and read
with straight lines in log(BLER) ("like for like"), and the published points read so beside our exact SNR ("log"), which
is biased by the reading: a waterfall is not straight in log(BLER). The mean absolute difference of block error over
all published points needs no reading at all.

The profile `lte-turbo` is refitted on the SNRs at 10 % of 29 turbo-coded rates (no folder needed).
Exit status 1 if the held-out RMS shift exceeds 0.20 dB or a curve is off by more than 0.6 dB.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import log_ndtr, ndtr

from hardware_models.wireless.block_error import normal_argument
from hardware_models.wireless.decoder import PROFILES, DecoderProfile
from hardware_models.wireless.mcs import mcs_table
from hardware_models.wireless.mutual_information import bicm_moments

Floats = NDArray[np.float64]

FIT_SET = "PDSCH_table1"
SETS = (FIT_SET, "PDSCH_table2", "PDSCH_table3", "PDSCH_table4", "PUSCH_table1", "PUSCH_table2")
SHORTEST, RMS_BAR, WORST_BAR = 100, 0.20, 0.6
GRID = np.arange(-25.0, 45.0, 0.02)
SHIFTS = np.arange(-2.0, 4.0, 0.02)
SPREADS = (1.0, 1.1, 1.2, 1.3, 1.4)

#: TS 38.214 tables 6.1.4.1-1 and -2 (uplink with transform precoding) as (bits per symbol, 1024 R); pi/2-BPSK is read
#: as QPSK of half the rate, which has the same bits per symbol and distance.
PRECODED = {
    "PUSCH_table1": ([1] * 2 + [2] * 8 + [4] * 7 + [6] * 11, [
        240, 314, 193, 251, 308, 379, 449, 526, 602, 679, 340, 378, 434, 490, 553, 616, 658,
        466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948,
    ]),
    "PUSCH_table2": ([1] * 6 + [2] * 10 + [4] * 8 + [6] * 4, [
        60, 80, 100, 128, 156, 198, 120, 157, 193, 251, 308, 379, 449, 526, 602, 679,
        378, 434, 490, 553, 616, 658, 699, 772, 567, 616, 666, 772,
    ]),
}  # fmt: skip

#: SNRs in dB at 10 % block error, 864 resource elements, 29 rates of `lte-6prb`, read from the turbo-coded table of
#: github.com/vidits-kth/bayesla-link-adaptation (MIT), commit d1266b1.
TURBO = np.array([
    -5.70, -4.60, -4.00, -2.71, -1.82, -1.02, -0.17, 0.67, 1.49, 2.71, 3.43, 3.72, 4.44, 5.34, 6.38, 7.37, 7.67,
    8.05, 8.84, 9.87, 10.62, 11.88, 12.55, 13.43, 14.48, 15.78, 16.33, 16.82, 17.94,
])  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A published curve: block error at some SNRs, of a block of `length` bits at a code rate."""

    modulation: int
    rate: float
    length: int
    snr_db: Floats
    error: Floats

    @property
    def argument(self) -> Floats:
        """The normal approximation's argument on `GRID`, without gap and spread."""
        symbols = self.length / (self.rate * self.modulation)
        moments = bicm_moments(self.modulation)
        found = normal_argument(symbols * moments.mean(GRID), symbols * moments.variance(GRID), self.length, symbols)
        return np.maximum.accumulate(found)

    def best_shift(self, spread: float) -> tuple[float, float]:
        """(shift in dB, negative log-likelihood per block) at which the approximation explains the points best."""
        z = np.interp(self.snr_db - SHIFTS[:, None], GRID, self.argument / spread)
        failed, decoded = np.maximum(log_ndtr(-z), -9.2), np.maximum(log_ndtr(z), -9.2)
        loss = -(self.error * failed + (1.0 - self.error) * decoded).sum(axis=1)
        return float(SHIFTS[loss.argmin()]), float(loss.min())

    def modelled(self, profile: DecoderProfile, snr_db: Floats) -> Floats:
        """The profile's block error at these SNRs."""
        seen = snr_db - profile.gap_db(self.rate, self.length)
        return np.maximum(ndtr(-np.interp(seen, GRID, self.argument) / profile.spread), profile.floor)


def published(folder: Path, name: str) -> Iterator[Curve]:
    """The curves of a set that have at least `SHORTEST` bits and cross 10 %."""
    tree = json.loads((folder / f"{name}.json").read_text())["category"]
    table = mcs_table(f"nr-{name[-1]}")
    for index in (index for category in tree.values() for index in category["index"].values()):
        for rate, entry in ((int(rate), entry) for rate, entry in index["MCS"].items()):
            if name in PRECODED:
                bits, code_rate = PRECODED[name][0][rate], PRECODED[name][1][rate] / 1024
            else:
                bits, code_rate = int(table.modulation_bits[rate]), float(table.code_rate[rate])
            bits, code_rate = (2, code_rate / 2) if bits == 1 else (bits, code_rate)
            for length, block in entry["CBS"].items():
                error = np.array(block["BLER"])
                if int(length) >= SHORTEST and ((error[:-1] >= 0.1) & (error[1:] < 0.1)).any():
                    yield Curve(bits, code_rate, int(length), np.array(entry["SNR_db"]), error)


def read_straight(snr_db: Floats, error: Floats) -> float:
    """SNR at 10 % by straight lines in log10(BLER), with 1e-6 in place of 0."""
    at = int(np.flatnonzero((error[:-1] >= 0.1) & (error[1:] < 0.1))[0])
    y = np.log10(np.maximum(error[at : at + 2], 1e-6))
    return float(snr_db[at] + (y[0] + 1.0) / (y[0] - y[1]) * (snr_db[at + 1] - snr_db[at]))


def refit(curves: list[Curve]) -> None:
    """Prints spread and gap that fit these curves best, beside the shipped ones."""
    console, shipped = Console(highlight=False), PROFILES["nr-ldpc-ideal"]
    for spread in SPREADS:
        shifts, losses = np.array([curve.best_shift(spread) for curve in curves]).T
        design = np.stack([np.ones(len(curves)), [curve.rate for curve in curves]], axis=1)
        gap, *_ = np.linalg.lstsq(design, shifts, rcond=None)
        rms = np.sqrt(np.mean((shifts - design @ gap) ** 2))
        console.print(
            f"spread {spread}: gap = {gap[0]:.3f} {gap[1]:+.3f} R dB, RMS {rms:.3f} dB, loss {losses.sum():.2f}"
        )
    console.print(f"shipped: spread {shipped.spread}, gap = {shipped.gap[0]:.3f} {shipped.gap[1]:+.3f} R dB\n")


def judge(name: str, curves: list[Curve]) -> tuple[list[str], float, float]:
    """A row of the table, RMS and worst shift."""
    profile = PROFILES["nr-ldpc-ideal"]
    shifts = np.array([c.best_shift(profile.spread)[0] - profile.gap_db(c.rate, c.length) for c in curves])
    alike = np.array(
        [read_straight(c.snr_db, c.error) - read_straight(c.snr_db, c.modelled(profile, c.snr_db)) for c in curves]
    )
    fine = np.arange(-15.0, 40.0, 0.01)
    exact = np.array([np.interp(-0.1, -c.modelled(profile, fine), fine) for c in curves])
    straight = np.array([read_straight(c.snr_db, c.error) for c in curves]) - exact
    off = np.concatenate([np.abs(c.modelled(profile, c.snr_db) - c.error) for c in curves])
    rms, worst = float(np.sqrt(np.mean(shifts**2))), float(np.abs(shifts).max())
    within = f"{np.mean(np.abs(shifts) <= WORST_BAR):.1%}"
    columns = [f"{rms:.3f}", f"{worst:.2f}", within, *(f"{np.sqrt(np.mean(x**2)):.3f}" for x in (alike, straight))]
    return (
        [name + (" (fitted)" if name == FIT_SET else ""), str(len(curves)), *columns, f"{off.mean():.4f}"],
        rms,
        worst,
    )


def turbo() -> None:
    """Refits the LTE profile and prints it beside the shipped one."""
    table, profile = mcs_table("lte-6prb"), PROFILES["lte-turbo"]
    _, length = profile.segmented(table.bits)
    rate = length / (table.symbols * table.modulation_bits)
    gaps = []
    for modulation, k, wanted in zip(table.modulation_bits, length, TURBO, strict=True):
        curve = Curve(int(modulation), k / (864 * modulation), int(k), GRID, GRID)
        gaps.append(wanted - np.interp(-0.1, -ndtr(-curve.argument / profile.spread), GRID))
    design = np.stack([np.ones(29), rate, rate**2], axis=1)
    fitted, *_ = np.linalg.lstsq(design, np.array(gaps), rcond=None)
    off = np.array(gaps) - profile.gap_db(rate, length)
    Console(highlight=False).print(
        f"\nlte-turbo, 29 rates: fitted {np.round(fitted, 3).tolist()}, shipped {list(profile.gap[:3])}; "
        f"mean gap {np.mean(gaps):.2f} dB, RMS {np.sqrt(np.mean(off**2)):.3f} dB, worst {np.abs(off).max():.2f} dB"
    )


def main(folder: Path | None) -> int:
    """Everything; see the module."""
    turbo()
    if folder is None:
        Console().print(
            "name the folder of Sionna's bler_tables to judge nr-ldpc-ideal; nothing to compare it with here"
        )
        return 0
    sets = {name: list(published(folder, name)) for name in SETS}
    refit(sets[FIT_SET])
    table = Table(title="nr-ldpc-ideal against published tables, dB")
    for column in ("set", "curves", "RMS shift", "worst", "within 0.6", "like for like", "log", "mean |BLER diff|"):
        table.add_column(column, justify="left" if column == "set" else "right")
    ok = True
    for name, curves in sets.items():
        row, rms, worst = judge(name, curves)
        table.add_row(*row)
        ok &= rms <= RMS_BAR and worst <= WORST_BAR
    Console(width=110).print(table)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
