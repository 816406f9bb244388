"""Quantities: what is read, what is refused, and that showing and parsing agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sim.config import build
from sim.errors import UserError
from sim.units import UNITS, Bytes, Ratio, Seconds, parse, show


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("16GiB", "bytes", 16 * 2**30),
        ("16 GB", "bytes", 16e9),
        ("25Gbit/s", "bit rate", 25e9),
        ("900GB/s", "byte rate", 900e9),
        ("15.7 TFLOP/s", "compute rate", 15.7e12),
        ("3us", "time", 3e-6),
        ("90W", "power", 90.0),
        ("512bit", "bits", 512),
        ("10%", "ratio", 0.1),
        ("0.25", "ratio", 0.25),
        ("1_000B", "bytes", 1000),
        ("1e-3s", "time", 1e-3),
        ("-2s", "time", -2.0),
    ],
)
def test_reads(text: str, dimension: str, value: float) -> None:
    assert parse(text, dimension) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "said"),
    [
        ("100G", "bytes", "ambiguous"),
        ("100Gb", "bytes", "ambiguous"),
        ("100Gb/s", "bit rate", "ambiguous"),
        ("16", "bytes", "needs a unit"),
        ("16GiB", "bit rate", "a unit of bytes"),
        ("16Gbit", "bytes", "a unit of bits"),
        ("16GIB", "bytes", "did you mean"),
        ("sixteen", "bytes", "not a quantity"),
        ("", "time", "not a quantity"),
        ("1e999s", "time", "not finite"),
        ("nan s", "time", "not a quantity"),
    ],
)
def test_refuses_in_one_sentence(text: str, dimension: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        parse(text, dimension)
    assert "\n" not in str(raised.value)


@given(st.sampled_from(sorted(UNITS)), st.floats(1e-9, 1e15))
def test_what_is_shown_is_read_back(dimension: str, value: float) -> None:
    assert parse(show(value, dimension, digits=15), dimension) == pytest.approx(value, rel=1e-12)


class Settings(BaseModel):
    memory: Bytes = 0
    wait: Seconds = 0.0
    share: Ratio = 0.0


def test_a_bare_number_needs_a_unit_at_the_border_only() -> None:
    assert build(Settings, {"memory": 5}, border=False).memory == 5
    with pytest.raises(UserError, match="memory: '5': a quantity of bytes needs a unit"):
        build(Settings, {"memory": 5})
    assert build(Settings, {"memory": 0, "share": 0.5}) == Settings(share=0.5)


def test_whole_quantities_stay_whole() -> None:
    assert build(Settings, {"memory": "1KiB"}).memory == 1024
    with pytest.raises(UserError, match="not a whole number of bytes"):
        build(Settings, {"memory": "0.3B"})
