"""Quantities at the border: text with a unit in, an SI number out, and back.

Two rules. Inside the house every number is SI (seconds, bytes, bits per second, watts, joules, FLOP)
and carries no unit; levels stay in decibels, as everyone in radio reads them. At the border a number
without a unit, or with one that two people could read in two ways ("100G", "16Gb"), is refused.
"""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from sim.errors import UserError, did_you_mean

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_SMALL = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "n": 1e-9, "p": 1e-12}


def _scaled(symbol: str, *tables: dict[str, float]) -> dict[str, float]:
    return {prefix + symbol: scale for table in tables for prefix, scale in table.items()}


#: Dimension -> {unit text: SI factor}. The SI unit of each dimension is the one whose factor is 1.
UNITS: dict[str, dict[str, float]] = {
    "time": _scaled("s", {"": 1.0}, _SMALL) | {"min": 60.0, "h": 3600.0},
    "bytes": _scaled("B", _DECIMAL, _BINARY),
    "bits": _scaled("bit", _DECIMAL, _BINARY),
    "byte rate": _scaled("B/s", _DECIMAL, _BINARY),
    "bit rate": _scaled("bit/s", _DECIMAL, _BINARY),
    "compute": _scaled("FLOP", _DECIMAL),
    "compute rate": _scaled("FLOP/s", _DECIMAL),
    "power": _scaled("W", {"": 1.0, "k": 1e3, "M": 1e6}, _SMALL),
    "energy": _scaled("J", {"": 1.0, "k": 1e3, "M": 1e6}, _SMALL),
    "frequency": _scaled("Hz", _DECIMAL),
    "length": {"m": 1.0, "km": 1e3, "cm": 1e-2, "mm": 1e-3},
    "speed": {"m/s": 1.0, "km/h": 1.0 / 3.6},
    "level": {"dB": 1.0},
    "power level": {"dBm": 1.0},
    "ratio": {"": 1.0, "%": 0.01},
    "money": {"USD": 1.0},
    "money rate": {"USD/s": 1.0, "USD/h": 1.0 / 3600.0},
}
_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


def parse(text: str, dimension: str) -> float:
    """The SI value of `text`, which must carry a unit of `dimension` (a key of `UNITS`).

    Raises `UserError` naming the text and the units that are allowed.

    >>> parse("16GiB", "bytes")
    17179869184.0
    >>> parse("3 us", "time")
    3e-06
    """
    units = UNITS[dimension]
    match = _NUMBER.match(text)
    if not match:
        raise UserError(
            f"'{text}' is not a quantity of {dimension}; write a number and a unit, e.g. {_example(dimension)}"
        )
    number, unit = float(match[1].replace("_", "")), match[2]
    if not math.isfinite(number):
        raise UserError(f"'{text}' is not finite")
    if unit in units:
        return number * units[unit]
    raise UserError(f"'{text}': {_unit_problem(unit, dimension)}")


def _unit_problem(unit: str, dimension: str) -> str:
    if not unit:
        return f"a quantity of {dimension} needs a unit, e.g. {_example(dimension)}"
    for other, units in UNITS.items():
        if unit in units:
            return f"{unit} is a unit of {other}, not of {dimension}; write e.g. {_example(dimension)}"
    if unit.split("/")[0] in {"K", "k", "M", "G", "T", "P", "Kb", "kb", "Mb", "Gb", "Tb", "Ki", "Mi", "Gi", "Ti"}:
        return f"{unit} is ambiguous (bits or bytes, decimal or binary?); write e.g. {_example(dimension)}"
    return f"{unit} is not a unit of {dimension}; {did_you_mean(unit, UNITS[dimension])}"


_EXAMPLES = {
    "time": "3us", "bytes": "16GiB", "bits": "512bit", "byte rate": "900GB/s", "bit rate": "25Gbit/s",
    "compute": "2GFLOP", "compute rate": "15.7TFLOP/s", "power": "300W", "energy": "20pJ",
    "frequency": "1.4GHz", "length": "200m", "speed": "3km/h", "level": "15dB", "power level": "23dBm",
    "ratio": "0.1 or 10%", "money": "2.5USD", "money rate": "2.5USD/h",
}  # fmt: skip


def _example(dimension: str) -> str:
    return _EXAMPLES[dimension]


_SHOWN = {
    "bytes": (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0)),
    "time": (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)),
    "energy": (("kJ", 1e3), ("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6), ("nJ", 1e-9), ("pJ", 1e-12)),
}


def show(value: float, dimension: str, digits: int = 4) -> str:
    """`value` (SI) as a person would write it; `parse` reads it back to `digits` figures.

    >>> show(8 * 2**30, "bytes"), show(3.2e-6, "time"), show(25e9, "bit rate"), show(0.125, "ratio")
    ('8 GiB', '3.2 us', '25 Gbit/s', '12.5 %')
    """
    if not math.isfinite(value):
        return f"{value:g}"
    if dimension == "ratio":
        return f"{value * 100:.{digits}g} %"
    base = next(unit for unit, factor in UNITS[dimension].items() if factor == 1.0)
    ladder = _SHOWN.get(dimension) or tuple(
        (prefix + base, _DECIMAL[prefix]) for prefix in reversed(_DECIMAL) if prefix + base in UNITS[dimension]
    )
    unit, scale = next(((u, s) for u, s in ladder if abs(value) >= s * 0.9999), ladder[-1] if value else (base, 1.0))
    if value >= 0 and unit in ("h", "min") and value < 600:
        unit, scale = "s", 1.0
    return f"{value / scale:.{digits}g} {unit}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Marks a pydantic field as a quantity of `dimension`: text is parsed, SI numbers pass.

    `words` are texts that stand for a figure to be derived from others, e.g. "geometry"; they pass as they are.

    With the validation context `{"border": True}` (study files, the command line) a bare number other
    than zero is refused for every dimension that has a unit, since nobody can tell what it counts.
    """

    dimension: str
    words: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        whole = source is int

        def coerce(value: Any, info: ValidationInfo) -> Any:
            at_border = bool(info.context and info.context.get("border"))
            if isinstance(value, str) and value in self.words:
                return value
            if isinstance(value, str):
                value = _parsed(value, self.dimension)
            elif at_border and value and type(value) in (int, float) and self.dimension != "ratio":
                raise ValueError(f"'{value}': {_unit_problem('', self.dimension)}")
            if whole and isinstance(value, float):
                if not value.is_integer():
                    raise ValueError(f"{value:g} is not a whole number of {self.dimension}")
                value = int(value)
            return value

        return core_schema.with_info_before_validator_function(coerce, handler(source))


def _parsed(text: str, dimension: str) -> float:
    try:
        return parse(text, dimension)
    except UserError as error:
        raise ValueError(str(error)) from None


Seconds = Annotated[float, Quantity("time")]
Bytes = Annotated[int, Quantity("bytes")]
Bits = Annotated[int, Quantity("bits")]
BytesPerSecond = Annotated[float, Quantity("byte rate")]
BitsPerSecond = Annotated[float, Quantity("bit rate")]
FlopPerSecond = Annotated[float, Quantity("compute rate")]
Watts = Annotated[float, Quantity("power")]
Joules = Annotated[float, Quantity("energy")]
Hertz = Annotated[float, Quantity("frequency")]
Metres = Annotated[float, Quantity("length")]
MetresPerSecond = Annotated[float, Quantity("speed")]
Decibels = Annotated[float, Quantity("level")]
DecibelMilliwatts = Annotated[float, Quantity("power level")]
Ratio = Annotated[float, Quantity("ratio")]
