"""What a page says, as data. `sim.report.render` makes the HTML of it.

Numbers are SI with their dimension; units are chosen when the page is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: A Vega-Lite specification.
Spec = Mapping[str, Any]
Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. With a `unit` (a dimension of `sim.units.UNITS`, or text) its cells are numbers."""

    title: str
    unit: str | None = None
    digits: int = 4


@dataclass(frozen=True, slots=True)
class Table:
    """A table: one cell per column in every row, None where there is nothing to say.

    `keys`, if given, has the record behind each row; its row then offers the command that reproduces it. Only
    the first `limit` rows are shown, and the page says so.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    keys: Sequence[str] = ()
    limit: int = 200

    def __post_init__(self) -> None:
        ragged = next((row for row in self.rows if len(row) != len(self.columns)), None)
        if ragged is not None:
            raise ValueError(f"table '{self.title}': a row has {len(ragged)} cells for {len(self.columns)} columns")
        if self.keys and len(self.keys) != len(self.rows):
            raise ValueError(f"table '{self.title}': {len(self.keys)} keys for {len(self.rows)} rows")


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a picture; `title` says what sets it apart from its neighbours."""

    spec: Spec
    title: str = ""


@dataclass(frozen=True, slots=True)
class Swatch:
    """An entry of a picture's key: a colour (or none), a mark and what it stands for."""

    text: str
    colour: str = ""
    mark: str = "line"


@dataclass(frozen=True, slots=True)
class Picture:
    """One or several plots side by side under one title, which is a finding or a question.

    `alt` says in words what the picture shows, for those who cannot see it.
    """

    title: str
    panels: tuple[Panel, ...]
    alt: str
    caption: str = ""
    swatches: tuple[Swatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A report. `title` is the question, `answer` one or more sentences that answer it.

    `facts` say what was run (study, seed, versions, machine), in the order given. `reproduce` is the command
    that reruns a record, with `{key}` in it. `records` lists the runs behind the numbers.
    """

    title: str
    answer: tuple[str, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    records: Table | None = None
    reproduce: str = "windtunnel replay {key}"
