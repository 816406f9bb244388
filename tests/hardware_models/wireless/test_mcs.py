"""Tables of rates: what the standard says, what a user's own file may say."""

from pathlib import Path

import numpy as np
import pytest

from hardware_models.wireless.mcs import McsTable, mcs_table, table_names
from sim.errors import UserError


@pytest.mark.parametrize(
    ("name", "rates", "first", "last"),
    # Spectral efficiencies of the first and the last row of TS 38.214 tables 5.1.3.1-1 to -4.
    [
        ("nr-1", 29, 0.2344, 5.5547),
        ("nr-2", 28, 0.2344, 7.4063),
        ("nr-3", 29, 0.0586, 4.5234),
        ("nr-4", 27, 0.2344, 9.2578),
    ],
)
def test_the_standard_s_efficiencies(name: str, rates: int, first: float, last: float) -> None:
    table = mcs_table(name)
    efficiency = table.modulation_bits * table.code_rate
    assert len(table) == rates
    assert efficiency[[0, -1]] == pytest.approx([first, last], abs=1e-4)


def test_lte_states_its_bits_and_keeps_its_ties() -> None:
    table = mcs_table("lte-6prb")
    assert (table.bits[9], table.bits[10]) == (936, 936)
    assert (table.bits[16], table.bits[17]) == (1800, 1800)
    assert table.cqi[-1] == 28
    assert table.efficiency[28] == pytest.approx(4008 / 864)


def test_bits_follow_from_the_rate_for_other_numbers_of_symbols() -> None:
    double = mcs_table("lte-6prb", 1728)
    assert double.symbols == 1728
    assert np.all(np.abs(double.bits - 2 * mcs_table("lte-6prb").bits) <= 8)
    assert np.all(mcs_table("nr-1", 1).bits == 8)
    assert np.all(mcs_table("nr-1", 7344).bits % 8 == 0)


GOOD = "symbols = 100\nmodulation_bits = [2, 4]\nbits = [50, 150]\n"


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    table = mcs_table(str(path))
    assert (table.name, table.bits.tolist(), table.cqi) == ("mine", [50.0, 150.0], ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbols = ", "is not TOML"),
        ("symbols = 100\nbits = [50]", "lacks modulation_bits"),
        ("symbols = 100\nmodulation_bits = [2]", "lacks code_rate_1024"),
        (GOOD.replace("50, 150", ""), "differ in length"),
        (GOOD.replace("50, 150", "").replace("2, 4", ""), "is empty"),
        ("symbols = 100\nmodulation_bits = [2, 2]\ncode_rate_1024 = [100]", "differ in length"),
        (GOOD.replace("2, 4", "2, 3"), "modulation_bits of 3; allowed: 2, 4, 6, 8, 10"),
        (GOOD.replace("50, 150", "0, 150"), "a code rate of 0"),
        (GOOD.replace("50, 150", "-8, 150"), "a code rate of -0.04"),
        (GOOD.replace("50, 150", "50, 500"), "a code rate of 1.25"),
        (GOOD.replace("50, 150", "nan, 150"), "a code rate of nan"),
        (GOOD.replace("2, 4", "4, 4").replace("50, 150", "150, 50"), "is not sorted: rate 1 carries 50 bits"),
        (GOOD.replace("[50", "['many'"), "entries that are no numbers"),
        (GOOD + "cqi = [1, 0]", "cqi must name rates 0 to 1 in rising order"),
        (GOOD + "cqi = [0, 2]", "cqi must name rates 0 to 1"),
        (GOOD.replace("100", "0"), "symbols is 0"),
    ],
)
def test_bad_tables_are_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as raised:
        mcs_table(str(path))
    assert "\n" not in str(raised.value)


def test_a_table_in_code_is_checked_too() -> None:
    with pytest.raises(UserError, match="bits per packet must be more than 0"):
        McsTable("mine", np.array([2]), np.array([0.5]), np.array([0.0]), 10)
    with pytest.raises(UserError, match="no table of rates is called 'nr-9'"):
        mcs_table("nr-9")
    assert table_names() == ["lte-6prb", "nr-1", "nr-2", "nr-3", "nr-4"]
