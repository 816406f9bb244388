"""A slot of a thousand links: fading, block errors of all rates and reports, beside the same thing written plainly.

    python benchmarks/wireless_channel.py [slots] [--picture FILE.svg]

Prints microseconds per (slot, link) on one thread, medians of five, interleaved, CPU time, and the ratio to plain
NumPy: a sum of 32 sinusoids per sample, `np.interp` per rate, and levels by the rule on those errors. With --picture it
draws what the models are checked against instead. Exit status 1 if all three parts together cost more than 1 us.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import j0

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.decoder import PROFILES
from hardware_models.wireless.link import Channel, fading_of
from sim.rng import Streams

LINKS, REPEATS, BAR = 1000, 5, 1.0
PLAIN_LINKS, SINUSOIDS = 50, 32

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]

#: Where the labels of the decoder profiles stand: SNR in dB, block error.
PLACES = ((6.15, 8.5, 9.2), (5e-4, 6e-3, 5e-4))


def plain_snr(card: WirelessCard, links: int, slots: int) -> Floats:
    """Sums of sinusoids, all samples at once per link."""
    generator = np.random.default_rng(1)
    time = np.arange(slots)[:, None]
    columns = []
    for _ in range(links):
        angle = 2 * np.pi * (np.arange(SINUSOIDS) + generator.random(SINUSOIDS)) / SINUSOIDS
        turns = card.normalised_doppler * np.cos(angle) * time + generator.random(SINUSOIDS)
        columns.append(np.abs(np.exp(2j * np.pi * turns).sum(axis=1)) ** 2 / SINUSOIDS)
    return 10 * np.log10(np.stack(columns, axis=1)) + float(card.mean_snr)


def plain_errors(model: BlockErrorModel, snr_db: Floats) -> Floats:
    """One `np.interp` per rate."""
    rows = model.snr_db_min + model.step_db * np.arange(len(model.table))
    return np.stack([np.interp(snr_db, rows, curve) for curve in model.table.T], axis=-1)


def plain_levels(model: BlockErrorModel, reference: NDArray[np.int64], errors: Floats) -> NDArray[np.int64]:
    """The rule, on the errors of the reference rates."""
    of = errors[..., reference]
    return np.where(of <= 0.1, (1 - of) * model.mcs.bits[reference], 0.0).argmax(axis=-1)


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    begin = process_time()
    call()
    return process_time() - begin


def compare(slots: int) -> int:
    """Prints the table."""
    card = WirelessCard.model_validate("lte-6prb")
    model = BlockErrorModel.of(card)
    snr = Channel(card, Streams(1, "bench", 0), LINKS, slots).snr_db(0, slots)
    few = snr[:, :PLAIN_LINKS].copy()
    reporter = CqiReporter(card, model, Streams(1, "bench", 0), LINKS)
    errors = plain_errors(model, few)
    parts: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "fading": (
            lambda: Channel(card, Streams(1, "bench", 0), LINKS, slots).snr_db(0, slots),
            lambda: plain_snr(card, PLAIN_LINKS, slots),
        ),
        "block errors of 29 rates": (lambda: model.error_rate(snr), lambda: plain_errors(model, few)),
        "reports": (lambda: reporter.report(snr), lambda: plain_levels(model, reporter.reference_mcs, errors)),
    }
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(REPEATS):
        for name, (ours, plain) in parts.items():
            spent[name].append((seconds(ours) / LINKS, seconds(plain) / PLAIN_LINKS))
    table = Table(title=f"us per (slot, link), {LINKS} links x {slots} slots, one thread")
    for column in ("part", "ours", "plain NumPy", "ratio"):
        table.add_column(column, justify="left" if column == "part" else "right")
    total = 0.0
    for name, times in spent.items():
        ours, plain = (median(time[side] for time in times) / slots * 1e6 for side in (0, 1))
        total += ours
        table.add_row(name, f"{ours:.3f}", f"{plain:.3f}", f"{plain / ours:.1f}")
    Console(width=100).print(table)
    Console().print(f"together {total:.2f} us; making the streams of {LINKS} links is part of the fading")
    return 0 if total <= BAR else 1


def correlation(card: WirelessCard, lags: Floats) -> Floats:
    """Autocorrelation of 1000 links at whole lags."""
    slots = 600
    fading, streams = fading_of(card, slots, 1), Streams(1, "picture", 0)
    h = np.stack([fading.gains(fading.draw(streams("fading", link).generator), 0)[0] for link in range(1000)])
    return np.array([np.mean(h[:, lag:] * h[:, : slots - lag].conj()).real for lag in lags.astype(int)])


def picture(path: Path) -> None:
    """Left: correlation of three generators and J0. Right: block error of one rate under each decoder profile."""
    import vl_convert

    lags = np.arange(0.0, 101.0)
    left = [
        {"lag": lag / 20, "r": r, "of": "J0, exact"} for lag, r in zip(lags, j0(2 * np.pi * lags / 20), strict=True)
    ]
    for method in ("ifft_doppler", "ar1_fast"):
        card = WirelessCard.model_validate({"card": "lte-6prb", "doppler": 0.05, "fading": {"method": method}})
        found = correlation(card, lags)
        left += [{"lag": lag / 20, "r": r, "of": method} for lag, r in zip(lags, found, strict=True)][::3]
    snr, right = np.arange(4.0, 14.0, 0.05), []
    for profile in PROFILES:
        card = WirelessCard.model_validate({"card": "lte-6prb", "decoder": {"profile": profile}})
        error = BlockErrorModel.of(card).error_of(snr, 17)
        right += [{"snr": s, "e": e, "of": profile} for s, e in zip(snr, error, strict=True) if e > 2e-6]
    where = {"J0, exact": (0.62, -0.47), "ifft_doppler": (2.75, -0.27), "ar1_fast": (1.5, 0.62)}
    left_labels = [{"lag": lag, "r": r, "of": of} for of, (lag, r) in where.items()]
    right_labels = [{"snr": s, "e": e, "of": of} for s, e, of in zip(*PLACES, PROFILES, strict=True)]
    drawn = _panel("Does the fading remember as it should?", left, left_labels, ("lag", "lag, in 1 / f_D"), "r")
    drawn["layer"][1]["transform"] = [{"filter": "datum.of != 'J0, exact'"}]
    drawn["layer"][0]["transform"] = [{"filter": "datum.of == 'J0, exact'"}]
    curves = _panel("Which decoder is meant? (64QAM, 1800 bits)", right, right_labels, ("snr", "SNR, dB"), "e")
    del curves["layer"][1]
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "hconcat": [drawn, curves],
        "resolve": {"scale": {"color": "independent"}},
        "config": {"range": {"category": ["#0072B2", "#D55E00", "#009E73"]}, "font": "sans-serif"},
    }
    path.write_text(vl_convert.vegalite_to_svg(spec))


def _panel(title: str, points: Rows, labels: Rows, x: tuple[str, str], y: str) -> dict[str, Any]:
    """A picture of lines, points and labels; block error (`y` = "e") on a log scale."""
    log = {"scale": {"type": "log", "domain": [1e-5, 1]}, "axis": {"values": [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5]}}
    encoding = {
        "x": {"field": x[0], "type": "quantitative", "title": x[1], "scale": {"zero": y == "r"}},
        "y": {"field": y, "type": "quantitative"}
        | ({"title": "block error (log scale)"} | log if y == "e" else {"title": "autocorrelation"}),
        "color": {"field": "of", "type": "nominal", "legend": None},
    }
    return {
        "title": title, "width": 340, "height": 240, "data": {"values": points}, "encoding": encoding,
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2, "clip": True}},
            {"mark": {"type": "point", "filled": True, "size": 30},
             "encoding": {"shape": {"field": "of", "legend": None}}},
            {"mark": {"type": "text", "fontSize": 12, "align": "left"}, "data": {"values": labels},
             "encoding": {"text": {"field": "of"}}},
        ],
    }  # fmt: skip


if __name__ == "__main__":
    if "--picture" in sys.argv:
        picture(Path(sys.argv[sys.argv.index("--picture") + 1]))
        sys.exit(0)
    sys.exit(compare(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
