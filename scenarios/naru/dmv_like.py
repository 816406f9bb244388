"""A generated table with the shape of New York's vehicle registrations: 11 columns, skewed, dependent beyond a tree.

Each column depends on earlier ones: the class on the record's type, the body on both, the fuel on body and type, the
color on body and fuel, the county on the state, the flags on county, date and each other; dates have ages, seasons and
days on which offices are shut. Domain sizes are those published for the DMV table (Naru, arXiv:1905.04278, Table 1:
2 to 2101 values). Exponents are this generator's own, chosen for an entropy near that of the real table.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.naru.column import Column
from scenarios.naru.table import Table
from sim.errors import UserError

Ints = NDArray[np.int64]

TYPES, CLASSES, STATES, COUNTIES, BODIES, FUELS, DATES, COLORS = 4, 75, 89, 63, 59, 9, 2101, 225
_TYPE_SHARES = (0.05, 0.01, 0.06, 0.88)


def dmv_like(rows: int, random: np.random.Generator) -> Table:
    """`rows` registrations. Raises `UserError` for fewer than one.

    >>> table = dmv_like(100, np.random.default_rng(1))
    >>> len(table), table.domains
    (100, (4, 75, 89, 63, 59, 9, 2101, 225, 2, 2, 2))
    """
    if rows < 1:
        raise UserError(f"rows is {rows}; a table needs at least 1")
    kind = random.choice(TYPES, size=rows, p=_TYPE_SHARES)
    group = _zipf(random, kind, TYPES, CLASSES, 2.6)
    state = _state(random, group)
    county = _county(random, state)
    body = _zipf(random, kind * CLASSES + group, TYPES * CLASSES, BODIES, 2.4)
    fuel = _zipf(random, body * TYPES + kind, BODIES * TYPES, FUELS, 3.6)
    day = _day(random, group)
    color = (_zipf(random, body, BODIES, COLORS, 2.0) + 3 * fuel) % COLORS
    flags = _flags(random, county, day)
    codes = np.stack([kind, group, state, county, body, fuel, day, color, *flags], axis=1)
    return Table("dmv_like", _columns(), np.asfortranarray(codes.astype(np.int32)))


def _zipf(random: np.random.Generator, given: Ints, parents: int, size: int, exponent: float) -> Ints:
    """One value below `size` per row, Zipf by rank; which value has which rank differs from parent to parent."""
    shares = np.arange(1, size + 1) ** -exponent
    rank = np.minimum(np.searchsorted(np.cumsum(shares) / shares.sum(), random.random(len(given))), size - 1)
    ranked = random.permuted(np.tile(np.arange(size), (parents, 1)), axis=1)
    return np.asarray(ranked[given, rank], dtype=np.int64)


def _state(random: np.random.Generator, group: Ints) -> Ints:
    """State 0 for 98.5 % of the rows; for every seventh class, commercial say, for 80 %."""
    at_home = random.random(len(group)) < np.where(group % 7 == 3, 0.8, 0.985)
    return np.where(at_home, 0, 1 + _zipf(random, np.zeros_like(group), 1, STATES - 1, 1.3))


def _county(random: np.random.Generator, state: Ints) -> Ints:
    """The last county stands for "out of state", where 97 % of the rows from other states are."""
    within = _zipf(random, np.zeros_like(state), 1, COUNTIES - 1, 1.2)
    return np.where((state > 0) & (random.random(len(state)) < 0.97), COUNTIES - 1, within)


def _day(random: np.random.Generator, group: Ints) -> Ints:
    """Ages fall off exponentially; each class renews around a day of the year; no Sundays but for 2 %."""
    age = random.exponential(450.0, len(group))
    season = random.integers(0, 365, CLASSES)[group] + random.normal(0.0, 45.0, len(group))
    day = np.clip(DATES - 1 - np.where(random.random(len(group)) < 0.6, age, 365 * (age // 365) + season), 0, DATES - 1)
    shut = (day.astype(np.int64) % 7 == 6) & (random.random(len(group)) < 0.98)
    return np.asarray(day.astype(np.int64) - shut, dtype=np.int64)


def _flags(random: np.random.Generator, county: Ints, day: Ints) -> tuple[Ints, Ints, Ints]:
    """Scofflaws by county; suspensions by scofflaw and date; revocations by suspension."""
    draws = random.random((3, len(county)))
    scofflaw = draws[0] < np.where(county % 5 == 1, 0.012, 0.0005)
    suspended = draws[1] < np.where(scofflaw, 0.3, np.where(day < DATES // 2, 0.04, 0.01))
    revoked = draws[2] < np.where(suspended, 0.2, 0.001)
    return scofflaw.astype(np.int64), suspended.astype(np.int64), revoked.astype(np.int64)


def _columns() -> tuple[Column, ...]:
    days: NDArray[Any] = np.datetime64("2014-01-01") + np.arange(DATES)
    names = {"reg_class": CLASSES, "state": STATES, "county": COUNTIES, "body": BODIES, "fuel": FUELS}
    flag = np.array(["N", "Y"], dtype=object)
    return (
        Column("record_type", np.array(["BOAT", "SNOW", "TRL", "VEH"], dtype=object)),
        *(Column(name, _labels(name, size)) for name, size in names.items()),
        Column("valid_date", days),
        Column("color", _labels("color", COLORS)),
        *(Column(name, flag) for name in ("scofflaw", "suspension", "revocation")),
    )


def _labels(name: str, size: int) -> NDArray[Any]:
    return np.array([f"{name}-{number:03d}" for number in range(size)], dtype=object)
