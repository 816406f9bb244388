"""Page -> HTML: one file with everything in it, which asks nothing of any network."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
import vl_convert
from markupsafe import Markup

from sim.report.page import Cell, Column, Page, Picture, Table
from sim.report.palette import INK, PAPER, dark
from sim.report.scales import unit_for, written
from sim.report.theme import FONT, config

_EXPORTS = "window.vegaEmbed = vegaEmbed;"
_FIGURE_SPACE, _POINT_SPACE = "\u2007", "\u2008"


def render(page: Page) -> str:
    """`page` as HTML."""
    pictures = [_Shown(f"picture-{number}", picture) for number, picture in enumerate(page.pictures, start=1)]
    tables = [_tabulated(table) for table in page.tables]
    needed = {
        "specs": [panel.spec for picture in page.pictures for panel in picture.panels],
        "themes": {"light": config(dark=False), "dark": config(dark=True)},
        "dark": dark(),
        "reproduce": page.reproduce,
    }
    return _environment().get_template("page.html.jinja").render(
        page=page,
        pictures=pictures,
        tables=tables,
        records=_tabulated(page.records) if page.records else None,
        data=_json(needed),
        library=_library() if page.pictures else "",
        paper=PAPER,
        ink=INK,
        font=FONT,
        dark=dark(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture and the name it goes by in the document."""

    id: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Tabulated:
    """A table as text: numbers are padded so that their decimal points stand below each other."""

    table: Table
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    note: str


def _tabulated(table: Table) -> Tabulated:
    rows = table.rows[: table.limit]
    columns = [[row[index] for row in rows] for index in range(len(table.columns))]
    written_columns = [_column(column, cells) for column, cells in zip(table.columns, columns, strict=True)]
    left_out = len(table.rows) - len(rows)
    note = (
        f"The first {len(rows):,} of {len(table.rows):,} rows; the study's records have them all." if left_out else ""
    )
    return Tabulated(
        table,
        tuple(head for head, _ in written_columns),
        tuple(column.unit is not None for column in table.columns),
        tuple(zip(*(cells for _, cells in written_columns), strict=True)) if rows else (),
        tuple(table.keys[: table.limit]),
        note,
    )


def _column(column: Column, cells: Sequence[Cell]) -> tuple[str, list[str]]:
    """The head of a column, with its unit, and its cells."""
    if column.unit is None:
        return column.title, ["–" if cell is None else str(cell) for cell in cells]
    numbers = [cell if isinstance(cell, int | float) else None for cell in cells]
    unit = unit_for(column.unit, [number for number in numbers if number is not None])
    texts = [None if number is None else written(number / unit.scale, column.digits) for number in numbers]
    return unit.titled(column.title), aligned(texts)


def aligned(texts: Sequence[str | None]) -> list[str]:
    """Right-aligned texts padded behind, so that decimal points stand below each other; None becomes a dash.

    >>> [text.replace("\u2007", "_").replace("\u2008", ":") for text in aligned(["1.25", "10", None])]
    ['1.25', '10:__', '–:__']
    """
    split = [("–" if text is None else text).partition(".") for text in texts]
    places = max((len(behind) for _, _, behind in split), default=0)
    padded = []
    for front, point, behind in split:
        missing = _FIGURE_SPACE * (places - len(behind))
        padded.append(front + (point or _POINT_SPACE) + behind + missing if places else front)
    return padded


def _json(data: object) -> Markup:
    """`data` inside a script element: no character in it can end the element."""
    return Markup(json.dumps(data, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c"))


@functools.cache
def _library() -> Markup:
    """The charting library, as JavaScript that cannot end its script element."""
    return Markup(vl_convert.javascript_bundle(_EXPORTS).replace("</script", "<\\/script"))


@functools.cache
def _environment() -> jinja2.Environment:
    def load(name: str) -> str | None:
        resource = files(__package__) / name
        return resource.read_text(encoding="utf-8") if resource.is_file() else None

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
