"""From a study file to its jobs, and every way to get it wrong."""

from pathlib import Path

import pytest

from sim.axis import axis, axis_from_text
from sim.errors import UserError
from sim.job import plan
from sim.study import load_study

BASE = """
title = "t"
scenario = "tape"
[set]
blocks = 5
"hardware.rate" = "100MB/s"
"""


def write(folder: Path, text: str, name: str = "s.toml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def points(target: str, *axes: str, **options: int) -> list[dict[str, object]]:
    return [dict(job.point) for job in plan(load_study(target, axes=axes, **options))]


def test_grid_is_the_product_with_the_last_axis_fastest(tmp_path: Path) -> None:
    target = write(tmp_path, BASE + '[axes]\nblocks = [1, 2]\n"hardware.wind" = ["1s", "2s"]\n')
    assert points(target) == [{"blocks": b, "hardware.wind": w} for b in (1, 2) for w in (1.0, 2.0)]


def test_a_card_and_its_overrides_go_together_in_any_order(tmp_path: Path) -> None:
    target = write(tmp_path, BASE + '[axes]\n"hardware.wind" = ["1s"]\nhardware = ["lto9"]\n')
    (job,) = plan(load_study(target))
    assert job.config["hardware"]["wind"] == 1.0
    assert job.config["hardware"]["rate"] == 100e6
    assert job.point == {"hardware.wind": 1.0, "hardware": "lto9"}


def test_zip_moves_together_and_where_excludes(tmp_path: Path) -> None:
    text = BASE.replace("[set]", 'where = ["block >= 2KiB or blocks == 1"]\n[set]')
    target = write(tmp_path, text + '[[zip]]\nblocks = [1, 2, 3]\nblock = ["1KiB", "1KiB", "2KiB"]\n')
    assert points(target) == [{"blocks": 1, "block": 1024}, {"blocks": 3, "block": 2048}]


def test_repeats_share_the_point_and_differ_in_the_key(tmp_path: Path) -> None:
    jobs = list(plan(load_study(write(tmp_path, BASE.replace("[set]", "repeat = 3\n[set]")))))
    assert [job.replicate for job in jobs] == [0, 1, 2]
    assert len({job.key for job in jobs}) == 3
    assert jobs[1].config == jobs[0].config


def test_extends_merges_tables_and_keeps_the_rest(tmp_path: Path) -> None:
    write(tmp_path, BASE, "base.toml")
    study = load_study(write(tmp_path, 'extends = "base"\ntitle = "u"\n[set]\nblocks = 7\n'))
    assert study.title == "u"
    assert study.settings == {"blocks": 7, "hardware": {"rate": "100MB/s"}}


def test_the_command_line_replaces_an_axis(tmp_path: Path) -> None:
    target = write(tmp_path, BASE + "[axes]\nblocks = [1, 2]\n")
    assert points(target, "blocks=3,4") == [{"blocks": 3}, {"blocks": 4}]
    fixed = load_study(target, settings=["blocks=9"])
    assert [job.config["blocks"] for job in plan(fixed)] == [9]


def test_the_same_point_twice_is_one_job(tmp_path: Path) -> None:
    assert len(points(write(tmp_path, BASE + '[axes]\nblock = ["1KiB", "1024B"]\n'))) == 1


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("k=1,2", ["1", "2"]),
        ("k=range(1,7,2)", [1, 3, 5, 7]),
        ("k=linspace(0,1,3)", [0.0, 0.5, 1.0]),
        ("k=logspace(1GiB,4GiB,3)", [f"{2**n}B" for n in (30, 31, 32)]),
        ("k=range(1us,3us,1us)", ["1e-06s", "2e-06s", "3e-06s"]),
    ],
)
def test_rules(text: str, values: list[object]) -> None:
    assert [value for (value,) in axis_from_text(text).points] == values


def test_random_axis_depends_on_seed_and_key_only() -> None:
    spec = {"random": [0.0, 1.0, 5]}
    assert axis("a", spec, 1) == axis("a", spec, 1)
    assert axis("a", spec, 1).points != axis("b", spec, 1).points
    assert axis("a", spec, 1).points != axis("a", spec, 2).points


@pytest.mark.parametrize(
    ("addition", "said"),
    [
        ("[axes]\nblocks = []", "axis blocks is empty"),
        ("[axes]\nblocks = { range = [1, 10000000, 1] }", "axis blocks has 10,000,000 points"),
        ("[axes]\nblocks = { linspace = [1, 2, 10000000] }", "axis blocks has 10,000,000 points"),
        ("[axes]\nblocks = { rang = [1, 2, 1] }", "did you mean range"),
        ("[axes]\nblocks = { range = [1, 2] }", "takes three values"),
        ("[axes]\nblocks = { range = [1, 2, 0] }", "a step above zero"),
        ('[axes]\nblock = { range = ["1G", "2G", "1G"] }', "no unit that is known"),
        ('[axes]\nblock = { range = ["1GB", "2s", "1GB"] }', "a unit of time, not of bytes"),
        ("[axes]\nblocks = { logspace = [0, 2, 3] }", "ends above zero"),
        ("[axes]\nblokcs = [1]", "did you mean blocks"),
        ("[axes]\nblocks = [1]\n[[zip]]\nblocks = [1]", "stands on two axes"),
        ("[[zip]]\nblocks = [1]\nblock = ['1B', '2B']", "equally long"),
        ("[axes]\nblocks = { range = [1, 1001, 1] }\nblock = { range = ['1B', '1000B', '1B'] }", "1,001,000 runs"),
        ("[ste]\nblocks = 1", "no setting is called 'ste'; did you mean set"),
        ("[axes]\nblocks = [0]", "blocks = 0"),
        ("[axes]\nblock = [5]", "needs a unit"),
        ("[axes]\nhardware = ['lto8']", "no tape card is called 'lto8'; did you mean lto9"),
    ],
)
def test_bad_studies_are_one_sentence(tmp_path: Path, addition: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")) as raised:
        points(write(tmp_path, BASE + addition))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("blokcs > 1", "no setting is called 'blokcs'"),
        ("blocks >", "cannot be evaluated"),
        ("__import__('os')", "cannot be evaluated"),
        ("blocks > 100", "no run left"),
        ("hardware > 3", "cannot be evaluated"),
    ],
)
def test_bad_conditions_are_one_sentence(tmp_path: Path, condition: str, said: str) -> None:
    text = BASE.replace("[set]", f'where = ["{condition}"]\n[set]')
    with pytest.raises(UserError, match=said):
        points(write(tmp_path, text))


def test_missing_and_malformed_files(tmp_path: Path) -> None:
    for target, said in [
        (str(tmp_path / "none.toml"), "does not exist"),
        (write(tmp_path, "= 3", "a.toml"), "is not TOML"),
        (write(tmp_path, "title = 'x'", "b.toml"), "does not name its scenario"),
        (write(tmp_path, "extends = 's'\n"), "extends itself"),
        ("tapp", "did you mean tape"),
    ]:
        with pytest.raises(UserError, match=said):
            load_study(target)
