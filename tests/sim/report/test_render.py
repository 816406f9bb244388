import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sim.report import Column, Page, Table, render
from sim.report.charts import Axis, curve

ROWS = [{"x": x, "y": y, "who": "greedy", "key": f"k{x}"} for x, y in ((1, 2.0), (2, 3.0))]
PAGE = Page(
    title="Does recomputation pay below 8 GiB & <less>?",
    answer=("Yes: 3 % more time.", "Nothing can do better than 2.6 %."),
    facts={"study": "budget.toml", "seed": "7"},
    pictures=(curve(ROWS, Axis("x", "x"), Axis("y", "y"), title="A </script> in a title", alt="a line", colour="who"),),
    tables=(
        Table(
            "Overhead",
            (Column("policy"), Column("peak", "bytes"), Column("time", "1")),
            [("greedy", 2.5 * 2**30, 1.0), ("√n", 12 * 2**30, 1.27), ("none", None, None)],
            keys=("abc", "def", "ghi"),
        ),
    ),
    records=Table("All runs", (Column("policy"),), [(f"run {index}",) for index in range(500)], limit=20),
)
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Checked(HTMLParser):
    """Raises unless every element that opens is closed in order; collects attributes and script texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    return render(PAGE)


def test_it_is_well_formed_and_says_what_the_page_says(html: str) -> None:
    text = "".join(Checked(html).text)
    for said in (
        PAGE.title,
        *PAGE.answer,
        "budget.toml",
        "peak (GiB)",
        "The first 20 of 500 rows",
        "A </script> in a title",
    ):
        assert said in text


def test_nothing_is_fetched(html: str) -> None:
    attributes = Checked(html).attributes
    assert not [value for name, value in attributes if name in ("src", "href", "action", "srcset", "data")]
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    policy = next(value for name, value in attributes if name == "content" and "default-src" in (value or ""))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy
    specs = data_of(html)["specs"]
    assert '"url"' not in json.dumps(specs)


def data_of(html: str) -> dict[str, list[object]]:
    start = html.index('id="data">') + len('id="data">')
    found: dict[str, list[object]] = json.loads(html[start : html.index("</script>", start)])
    return found


def test_the_data_cannot_end_its_script(html: str) -> None:
    title = '"</script><b>'
    page = replace(
        PAGE,
        pictures=(
            curve([{**ROWS[0], "who": title}], Axis("x", "x"), Axis("y", "y"), title="t", alt="a", colour="who"),
        ),
    )
    assert title in json.dumps(data_of(render(page)), ensure_ascii=False).replace('\\"', '"')


def test_a_page_without_pictures_carries_no_library() -> None:
    plain = render(replace(PAGE, pictures=()))
    assert len(plain) < 60_000
    Checked(plain)


def test_every_row_offers_its_record_and_every_picture_its_words(html: str) -> None:
    attributes = Checked(html).attributes
    assert [value for name, value in attributes if name == "data-key"] == ["abc", "def", "ghi"]
    assert ("aria-label", "a line") in attributes
    assert ("role", "img") in attributes
    assert data_of(html)["reproduce"] == "windtunnel replay {key}"


def test_numbers_stand_on_their_decimal_point(html: str) -> None:
    cells = re.findall(r'<td class="number">([^<]*)</td>', html)
    assert cells[:2] == ["2.5", "1\u2008\u2007\u2007"]
    assert cells[2:4] == ["12\u2008\u2007", "1.27"]
    assert cells[4].strip("\u2007\u2008") == "–"


def test_the_same_page_is_the_same_bytes(html: str) -> None:
    assert render(PAGE) == html


def test_ragged_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="a row has 1 cells for 2 columns"):
        Table("t", (Column("a"), Column("b")), [("x",)])
    with pytest.raises(ValueError, match="1 keys for 2 rows"):
        Table("t", (Column("a"),), [("x",), ("y",)], keys=("k",))
