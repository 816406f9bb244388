"""The axes of a study: a key (or several, zipped) and the points they take."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import UserError, did_you_mean
from sim.rng import Streams
from sim.units import UNITS, parse

#: A study with more points than this is a mistake more often than a plan.
MOST_POINTS = 1_000_000
_WHOLE = ("bytes", "bits")


@dataclass(frozen=True, slots=True)
class Axis:
    """`points[i]` are the values that `keys` take together at point i."""

    keys: tuple[str, ...]
    points: tuple[tuple[Any, ...], ...]


def axis(key: str, spec: Any, seed: int = 0) -> Axis:
    """An axis from a study file: a list, or a table with `range`, `linspace`, `logspace` or `random`.

    Raises `UserError` naming the key when it is empty, too long or malformed.

    >>> axis("batch", {"range": [32, 128, 32]}).points
    ((32,), (64,), (96,), (128,))
    >>> axis("hardware.memory", {"logspace": ["4GiB", "16GiB", 3]}).points
    (('4294967296B',), ('8589934592B',), ('17179869184B',))
    """
    values = spec if isinstance(spec, list) else _generated(key, spec, seed)
    if not values:
        raise UserError(f"axis {key} is empty; give it at least one value")
    _refuse_too_many(key, len(values))
    return Axis((key,), tuple((value,) for value in values))


def zipped(table: Mapping[str, Any], seed: int = 0) -> Axis:
    """Several keys that move together, point by point."""
    if not table:
        raise UserError("a zip axis is empty; give it at least one key")
    axes = [axis(key, spec, seed) for key, spec in table.items()]
    lengths = {part.keys[0]: len(part.points) for part in axes}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise UserError(f"zipped axes must be equally long: {said}")
    rows = zip(*(part.points for part in axes), strict=True)
    return Axis(tuple(table), tuple(tuple(value for (value,) in row) for row in rows))


def axis_from_text(text: str, seed: int = 0) -> Axis:
    """An axis from the command line: `key=a,b,c`, `key=range(1,9,2)`, `key=logspace(4GiB,64GiB,5)`."""
    key, equals, values = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"'{text}' is not an axis; write KEY=A,B,C or KEY=logspace(4GiB,64GiB,5)")
    call = re.fullmatch(r"\s*([a-z]+)\((.*)\)\s*", values)
    if call:
        return axis(key, {call[1]: [_number(part.strip()) for part in call[2].split(",")]}, seed)
    return axis(key, [part.strip() for part in values.split(",") if part.strip()], seed)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _refuse_too_many(key: str, count: int) -> None:
    if count > MOST_POINTS:
        raise UserError(f"axis {key} has {count:,} points; at most {MOST_POINTS:,} are allowed")


def _generated(key: str, spec: Any, seed: int) -> list[Any]:
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise UserError(f"axis {key} needs a list of values, or a table with one of {', '.join(sorted(_RULES))}")
    ((rule, arguments),) = spec.items()
    if rule not in _RULES:
        raise UserError(f"axis {key}: '{rule}' is not a rule; {did_you_mean(rule, _RULES)}")
    if not isinstance(arguments, list) or len(arguments) != 3:
        raise UserError(f"axis {key}: {rule} takes three values, e.g. {_RULES[rule]}")
    ends, unit, dimension = _with_unit(key, arguments[:2] if rule != "range" else arguments)
    points = _points(key, rule, ends, arguments[2], seed)
    if dimension in _WHOLE:
        points = [round(point) for point in points]
    elif all(isinstance(end, int) for end in arguments) and rule == "range":
        points = [int(point) for point in points]
    return [f"{point!r}{unit}" if unit else point for point in points]


_RULES = {
    "range": "range = [32, 256, 32]",
    "linspace": 'linspace = ["4GiB", "16GiB", 4]',
    "logspace": 'logspace = ["4GiB", "64GiB", 5]',
    "random": "random = [0.0, 1.0, 20]",
}


def _with_unit(key: str, values: Sequence[Any]) -> tuple[list[float], str, str]:
    """SI numbers, the SI unit to write behind them, and their dimension ("" for plain numbers)."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values], "", ""
    unit = re.sub(r"^[\s\d.eE+_-]+", "", str(values[0])).strip()
    dimension = next((name for name, units in UNITS.items() if unit in units), None)
    if dimension is None:
        raise UserError(f"axis {key}: '{values[0]}' has no unit that is known; write e.g. 4GiB or 25Gbit/s")
    try:
        numbers = [parse(str(value), dimension) for value in values]
    except UserError as error:
        raise UserError(f"axis {key}: {error}") from None
    return numbers, next(name for name, factor in UNITS[dimension].items() if factor == 1.0), dimension


def _points(key: str, rule: str, ends: list[float], last: Any, seed: int) -> list[float]:
    low, high = ends[0], ends[1]
    if rule == "range":
        step = ends[2]
        if step <= 0:
            raise UserError(f"axis {key}: range needs a step above zero, not {step:g}")
        count = math.floor((high - low) / step + 1e-9) + 1 if high >= low else 0
        _refuse_too_many(key, count)
        return [low + index * step for index in range(count)]
    if not isinstance(last, int) or last < 0:
        raise UserError(f"axis {key}: {rule} needs a whole number of points, not {last!r}")
    _refuse_too_many(key, last)
    if rule == "random":
        return [float(x) for x in Streams(seed, "axis", 0)(key).generator.uniform(low, high, last)]
    if rule == "logspace" and (low <= 0 or high <= 0):
        raise UserError(f"axis {key}: logspace needs ends above zero, not {low:g} and {high:g}")
    shares = [index / (last - 1) if last > 1 else 0.0 for index in range(last)]
    if rule == "logspace":
        return [low * (high / low) ** share for share in shares]
    return [low + (high - low) * share for share in shares]
