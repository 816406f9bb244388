"""What a number is on a page: its unit, how it is written, and the range an axis gives it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sim.units import UNITS

_LADDERS: dict[str, tuple[str, ...]] = {
    "bytes": ("B", "KiB", "MiB", "GiB", "TiB"),
    "time": ("ns", "us", "ms", "s", "h"),
    "energy": ("pJ", "nJ", "uJ", "mJ", "J", "kJ"),
}
_DECIMAL = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True, slots=True)
class Unit:
    """Numbers are divided by `scale` and followed by `text`."""

    text: str = ""
    scale: float = 1.0

    def titled(self, title: str) -> str:
        """`title` with the unit in brackets, if there is one."""
        return f"{title} ({self.text})" if self.text else title


def unit_for(dimension: str, values: Iterable[float]) -> Unit:
    """The unit in which the largest of `values` (SI) reads best.

    `dimension` is a key of `sim.units.UNITS`, or a unit that is shown as it is ("1" and "" mean none).

    >>> unit_for("bytes", [3 * 2**30, 100.0])
    Unit(text='GiB', scale=1073741824.0)
    >>> unit_for("img/s", [3.0])
    Unit(text='img/s', scale=1.0)
    """
    if dimension not in UNITS:
        return Unit("" if dimension == "1" else dimension)
    if dimension == "ratio":
        return Unit("%", 0.01)
    units = UNITS[dimension]
    base = next(text for text, scale in units.items() if scale == 1.0)
    ladder = [text for text in _LADDERS.get(dimension, tuple(prefix + base for prefix in _DECIMAL)) if text in units]
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    fitting = [text for text in ladder if units[text] <= largest]
    text = fitting[-1] if fitting else (base if largest == 0.0 else ladder[0])
    return Unit(text.replace("us", "µs").replace("uJ", "µJ"), units[text])


def written(value: float, digits: int = 4) -> str:
    """`value` to `digits` significant figures, without an exponent where a person would write none.

    >>> written(1234.5678), written(0.001234), written(3.0), written(1.5e9)
    ('1235', '0.001234', '3', '1.5e9')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value and not 1e-4 <= abs(value) < 10 ** max(6, digits):
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_trimmed(mantissa)}e{int(exponent)}"
    decimals = max(0, digits - 1 - (math.floor(math.log10(abs(value))) if value else 0))
    return _trimmed(f"{value:.{decimals}f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def domain(values: Iterable[float], log: bool = False, zero: bool = False) -> tuple[float, float]:
    """The range of an axis that shows `values`: a little air on both sides, from zero if `zero`."""
    shown = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not shown:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = min(shown), max(shown)
    if log:
        air = (high / low) ** 0.05 if high > low else 2.0
        return low / air, high * air
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    air = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
    return (low if zero and low == 0.0 else low - air), high + air
