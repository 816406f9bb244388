"""A study: a scenario, settings that stay, axes that vary, and the pictures that answer the question.

    title = "Does recomputation pay below 8 GiB?"
    scenario = "checkmate"
    repeat = 1

    [set]
    network = "unet"
    [axes]
    policy = ["greedy", "chen_sqrt"]
    "hardware.memory" = { logspace = ["4GiB", "16GiB", 5] }
    [[charts]]
    kind = "curve"
    x = "hardware.memory"
    y = "overhead"
    color = "policy"

`extends = "other"` takes another study as its base (single inheritance; keys of this file win).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.axis import MOST_POINTS, Axis, axis, axis_from_text, zipped
from sim.config import assign, build, split_setting
from sim.errors import UserError, did_you_mean
from sim.registry import scenario_names, study_paths
from sim.units import Seconds


class Chart(BaseModel):
    """One picture of the report. Keys are settings or metrics; `where` chooses the runs that are shown.

    A curve and bars show a metric over settings, a scatter one metric over another with a point per `color`.
    Replicates are one point: their mean with its 95 % interval (in a scatter paired over replicates). `limits` are
    vertical rules: {"text": x}.
    `beside` is a second metric of a curve, drawn on the axis of `y`: measured beside simulated, say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    kind: Literal["curve", "timeline", "bars", "scatter"] = "curve"
    caption: str = ""
    x: str = ""
    y: str = ""
    beside: str = ""
    color: str = ""
    facet: str = ""
    bound: str = ""
    series: str = ""
    where: str = ""
    log: bool = False
    limits: dict[str, float] = {}


class Pivot(BaseModel):
    """The table that answers the question: one metric over two settings, one block per value of the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: str
    columns: str
    value: str


class StudyFile(BaseModel):
    """What a study file may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    about: str = ""
    extends: str = ""
    scenario: str = ""
    seed: int = Field(0, ge=0)
    repeat: int = Field(1, ge=1)
    timeout: Seconds = 0.0
    set: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    zip: list[dict[str, Any]] = []
    where: list[str] = []
    charts: list[Chart] = []
    table: Pivot | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A study resolved: its settings nested, its axes expanded. `timeout` is seconds per run, 0 for none."""

    name: str
    title: str
    about: str
    scenario: str
    seed: int
    repeat: int
    timeout: float
    settings: Mapping[str, Any]
    axes: tuple[Axis, ...]
    where: tuple[str, ...]
    charts: tuple[Chart, ...]
    table: Pivot | None

    def points(self) -> int:
        """How many points the grid has, before `where`; each is run `repeat` times."""
        return prod(len(part.points) for part in self.axes)

    def varied(self) -> tuple[str, ...]:
        """The settings that vary, in the order of the axes."""
        return tuple(key for part in self.axes for key in part.keys)


def load_study(target: str, settings: Sequence[str] = (), axes: Sequence[str] = (), repeat: int = 0) -> Study:
    """The study in a file, a shipped one by name, or a scenario's name with axes from the command line.

    Raises `UserError` for what is missing, unknown, empty or too large.
    """
    tree = {"scenario": target} if _is_scenario(target) else _read(_find(target), target)
    file: StudyFile = build(StudyFile, tree, where=f"study {target}: ", border=False)
    if not file.scenario:
        raise UserError(f'study {target} does not name its scenario, e.g. scenario = "checkmate"')
    fixed: dict[str, Any] = {}
    for key, value in file.set.items():
        assign(fixed, key, value)
    typed = [axis_from_text(text, file.seed) for text in axes]
    overridden = {key for part in typed for key in part.keys} | {split_setting(text)[0] for text in settings}
    for text in settings:
        assign(fixed, *split_setting(text))
    kept = [axis(key, spec, file.seed) for key, spec in file.axes.items() if key not in overridden]
    kept += [zipped(table, file.seed) for table in file.zip if not overridden & set(table)]
    study = Study(
        name=Path(target).stem if target.endswith(".toml") else target.replace("/", "-").replace(":", "-"),
        title=file.title or target,
        about=file.about,
        scenario=file.scenario,
        seed=file.seed,
        repeat=repeat or file.repeat,
        timeout=file.timeout,
        settings=fixed,
        axes=tuple(kept + typed),
        where=tuple(file.where),
        charts=tuple(file.charts),
        table=file.table,
    )
    _refuse_impossible(study, target)
    return study


def _refuse_impossible(study: Study, target: str) -> None:
    keys = study.varied()
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise UserError(f"study {target}: {twice[0]} stands on two axes; name it once")
    runs = study.points() * study.repeat
    if runs > MOST_POINTS:
        raise UserError(f"study {target} has {runs:,} runs; at most {MOST_POINTS:,} are allowed")


def _is_scenario(target: str) -> bool:
    return ":" in target or target in scenario_names()


def _find(target: str) -> Path:
    if target.endswith(".toml"):
        return Path(target)
    shipped = study_paths()
    matches = [path for name, path in shipped.items() if target in (name, name.split("/", 1)[1])]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UserError(f"several studies are called '{target}'; name one of {', '.join(sorted(shipped))}")
    known = [*shipped, *scenario_names()]
    raise UserError(f"no study, scenario or file is called '{target}'; {did_you_mean(target, known)}")


def _read(path: Path, target: str, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path in below:
        raise UserError(f"study {target} extends itself through {path.name}")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"study file {path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"study file {path} is not TOML: {error}") from None
    base = tree.pop("extends", "")
    if not base:
        return tree
    beside = path.parent / (base if base.endswith(".toml") else f"{base}.toml")
    inherited = _read(beside if beside.exists() else _find(base), target, (*below, path))
    for key, value in tree.items():
        mergeable = isinstance(value, dict) and isinstance(inherited.get(key), dict)
        inherited[key] = inherited[key] | value if mergeable else value
    return inherited
