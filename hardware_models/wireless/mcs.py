"""Modulation and coding schemes: which rates a transmitter may pick, and how many bits a packet then carries.

A table is a TOML file in `tables/`, or the user's own, with `modulation_bits` and either `code_rate_1024` (1024 times
the code rate, as TS 38.214 prints it) or `bits` and the `symbols` they hold for. A table gives as many bits per
packet as the resource elements allow, in whole bytes: bits = 8 floor(symbols Q R / 8), at least 8.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError, did_you_mean

#: Bits per symbol of the modulations whose mutual information is tabulated: QPSK to 1024QAM.
MODULATIONS = (2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True, eq=False)
class McsTable:
    """K rates in their table's order. Arrays have shape (K,).

    `modulation_bits` per symbol, `code_rate` in (0, 1], `bits` per packet of `symbols` resource elements.
    `cqi` are the reference rates of the CQI levels, empty if the table names none.
    """

    name: str
    modulation_bits: NDArray[np.int64]
    code_rate: NDArray[np.float64]
    bits: NDArray[np.float64]
    symbols: int
    cqi: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def efficiency(self) -> NDArray[np.float64]:
        """Bits per symbol, shape (K,)."""
        return np.asarray(self.bits / self.symbols, dtype=np.float64)


def _check(table: McsTable) -> None:
    what = f"table of rates '{table.name}'"
    if len(table.bits) == 0:
        raise UserError(f"{what} is empty; it needs at least one rate")
    if not len(table.bits) == len(table.modulation_bits) == len(table.code_rate):
        raise UserError(f"{what}: modulation_bits, code_rate and bits differ in length")
    odd = sorted({int(bits) for bits in table.modulation_bits} - set(MODULATIONS))
    if odd:
        raise UserError(f"{what}: modulation_bits of {odd[0]}; allowed: {', '.join(map(str, MODULATIONS))}")
    wrong = table.code_rate[~((table.code_rate > 0) & (table.code_rate <= 1))]
    if len(wrong):
        raise UserError(f"{what}: a code rate of {wrong[0]:g}; more than 0 and at most 1 is allowed")
    if not (np.isfinite(table.bits) & (table.bits > 0)).all():
        raise UserError(f"{what}: bits per packet must be more than 0, not {table.bits.min():g}")
    for modulation in np.unique(table.modulation_bits):
        falling = np.flatnonzero(np.diff(table.bits[table.modulation_bits == modulation]) < 0)
        if len(falling):
            rates = np.flatnonzero(table.modulation_bits == modulation)[falling[0] : falling[0] + 2]
            raise UserError(
                f"{what} is not sorted: rate {rates[1]} carries {table.bits[rates[1]]:g} bits, fewer than rate "
                f"{rates[0]} of the same modulation with {table.bits[rates[0]]:g}"
            )
    if any(not 0 <= rate < len(table.bits) for rate in table.cqi) or list(table.cqi) != sorted(set(table.cqi)):
        raise UserError(f"{what}: cqi must name rates 0 to {len(table.bits) - 1} in rising order, not {table.cqi}")


def table_names() -> list[str]:
    """Names of the tables that come with the package."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def mcs_table(name: str, symbols: int | None = None) -> McsTable:
    """The table called `name`, or the one in the file `name` when that ends in .toml, for `symbols` resource elements.

    Without `symbols`, those the table was made for. Bits that a table states for its own number of symbols are
    taken as they stand; for any other number they follow from the code rate.
    Raises `UserError` for an unknown name or a table that makes no sense.

    >>> table = mcs_table("lte-6prb")
    >>> len(table), table.symbols, table.bits[-1].item(), round(float(table.code_rate[-1]), 3)
    (29, 864, 4008.0, 0.773)
    """
    path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
    if not path.exists():
        raise UserError(f"no table of rates is called '{name}'; {did_you_mean(name, table_names())}")
    return _read(path, symbols)


def _folder() -> Path:
    return Path(str(resources.files("hardware_models.wireless.tables")))


@cache
def _read(path: Path, symbols: int | None) -> McsTable:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"table of rates {path} is not TOML: {error}") from None
    return _from_tree(path, tree, symbols)


def _from_tree(path: Path, tree: Mapping[str, Any], symbols: int | None) -> McsTable:
    try:
        own = int(tree["symbols"])
        modulation = np.array(tree["modulation_bits"], dtype=np.int64)
        cqi = tuple(int(rate) for rate in tree.get("cqi", ()))
        bits = np.array(tree["bits"], dtype=np.float64) if "bits" in tree else None
        if bits is not None and bits.shape != modulation.shape:
            raise UserError(f"table of rates '{path.stem}': modulation_bits, code_rate and bits differ in length")
        if own < 1:
            raise UserError(f"table of rates '{path.stem}': symbols is {own}; at least 1 is needed")
        rate = bits / (own * modulation) if bits is not None else np.array(tree["code_rate_1024"], dtype=float) / 1024.0
    except KeyError as error:
        raise UserError(f"table of rates {path} lacks {error.args[0]}") from None
    except (TypeError, ValueError) as error:
        raise UserError(f"table of rates {path} has entries that are no numbers: {error}") from None
    wanted = own if symbols is None else symbols
    if bits is None or wanted != own:
        if rate.shape != modulation.shape:
            raise UserError(f"table of rates '{path.stem}': modulation_bits, code_rate and bits differ in length")
        bits = np.maximum(8.0 * np.floor(wanted * modulation * rate / 8.0 + 1e-9), 8.0)
    return McsTable(path.stem, modulation, rate, bits, wanted, cqi)
