"""One self-contained HTML page per study: the answer, pictures, tables, and how to reproduce each number.

`page` is what a page says, `charts` makes pictures of rows, `render` writes the HTML. Nothing is fetched when the
page is opened; the charting library is written into it.
"""

from sim.report.page import Column, Page, Panel, Picture, Swatch, Table
from sim.report.render import render

__all__ = ["Column", "Page", "Panel", "Picture", "Swatch", "Table", "render"]
