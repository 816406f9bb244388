"""What a stream's name may be, and that its draws stay what they are."""

import numpy as np
import pytest

from sim.rng import Streams, spawn_key


def test_equal_names_are_one_stream_in_any_order_of_creation() -> None:
    assert spawn_key("host", np.int64(3)) == spawn_key("host", 3)
    assert spawn_key("host", np.str_("a")) == spawn_key("host", "a")
    numpy_first, plain_first = Streams(1, "s", 0), Streams(1, "s", 0)
    assert numpy_first("host", np.int64(1)) is numpy_first("host", 1)
    assert plain_first("host", 1) is plain_first("host", True)
    assert numpy_first("host", 1).uniform() == plain_first("host", 1).uniform()


def test_a_name_that_could_be_rounded_is_refused() -> None:
    with pytest.raises(TypeError):
        Streams(1, "s", 0)("load", 0.5)  # type: ignore[arg-type]


def test_the_first_draws_never_change() -> None:
    stream = Streams(7, "queue", 0)("arrivals")
    assert (stream.uniform(), stream.exponential(1.0), stream.normal()) == (
        0.0270175851994231,
        0.5880443336952059,
        -0.05183512368497857,
    )
