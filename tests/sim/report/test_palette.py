import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.report.palette import HUES, PAPER, colours, dark

#: Full loss of one kind of cone, on linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> NDArray[np.float64]:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    x, y, z = (np.cbrt(each) if each > 0.008856 else 7.787 * each + 16 / 116 for each in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", [0, 1])
def test_every_colour_can_be_seen_on_its_page(page: int) -> None:
    assert min(contrast(pair[page], PAPER[page]) for pair in HUES) >= 3


@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("sight", SIGHTS)
def test_every_pair_can_be_told_apart(page: int, sight: str) -> None:
    seen = [lab(SIGHTS[sight] @ linear(pair[page])) for pair in HUES]
    assert min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2)) > 14


names = st.lists(st.text(min_size=1, max_size=5), max_size=8)


@given(names, names)
def test_declared_names_keep_their_colour_whoever_else_is_there(shown: list[str], others: list[str]) -> None:
    declared = ["keep all", "greedy", "optimal"]
    assert colours(["greedy", *shown, *others], declared)["greedy"] == colours(["greedy"], declared)["greedy"]


@given(names)
def test_colours_depend_on_names_not_on_their_order(shown: list[str]) -> None:
    assert colours(shown) == colours(list(reversed(shown)))


@given(st.sets(st.text(max_size=5), max_size=len(HUES)))
def test_up_to_eight_names_have_eight_colours(shown: set[str]) -> None:
    assert len(set(colours(shown).values())) == len(shown)


def test_every_light_colour_has_a_dark_one() -> None:
    assert set(colours(map(str, range(20))).values()) <= set(dark())
