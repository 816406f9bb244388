"""Where scenarios, hardware models and studies are found: entry points, or `module:object`.

A plug-in is loaded when it is asked for by name. One that raises at import is a `Broken` entry with the
reason; it never keeps the others from working.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from sim.card import Card, CardFile
from sim.errors import UserError, did_you_mean
from sim.scenario import Scenario

#: What a scenario must have; checked one by one so that the sentence can name what is missing.
_PARTS = ("name", "version", "question", "config", "metrics", "run")


#: Measures this machine: (settings as typed, progress) -> a card. Raises `UserError` for settings it does not know.
Measurement = Callable[[Mapping[str, Any], Callable[[float, str], None]], CardFile]


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that could not be loaded, and why."""

    name: str
    value: str
    reason: str


@cache
def installed(group: str) -> Mapping[str, metadata.EntryPoint]:
    """The entry points of a group by name, importing none of them."""
    return {entry.name: entry for entry in metadata.entry_points(group=group)}


def scenario_names() -> list[str]:
    """Names of all installed scenarios, importing none of them."""
    return sorted(installed("windtunnel.scenarios"))


def problem_names() -> list[str]:
    """Names of all installed decision problems, importing none of them."""
    return sorted(installed("windtunnel.problems"))


def find_scenario(name: str) -> Scenario:
    """The scenario called `name`, or the object at `module:object`. Raises `UserError`."""
    entries = installed("windtunnel.scenarios")
    if ":" in name:
        reference = name
    elif name in entries:
        reference = entries[name].value
    else:
        raise UserError(f"no scenario is called '{name}'; {did_you_mean(name, entries)}")
    found = load(reference, f"scenario '{name}'")
    scenario = found() if isinstance(found, type) else found
    missing = [part for part in _PARTS if not hasattr(scenario, part)]
    if missing:
        raise UserError(f"scenario '{name}' ({reference}) lacks {', '.join(missing)}")
    return scenario  # type: ignore[no-any-return]


def all_scenarios() -> list[Scenario | Broken]:
    """Every installed scenario, and a `Broken` for each that does not load."""
    found: list[Scenario | Broken] = []
    for name in scenario_names():
        try:
            found.append(find_scenario(name))
        except UserError as error:
            found.append(Broken(name, installed("windtunnel.scenarios")[name].value, str(error)))
    return found


def hardware_kinds() -> dict[str, type[Card] | Broken]:
    """Kind of hardware -> its card class."""
    kinds: dict[str, type[Card] | Broken] = {}
    for name, entry in sorted(installed("windtunnel.hardware").items()):
        try:
            kinds[name] = load(entry.value, f"hardware '{name}'")
        except UserError as error:
            kinds[name] = Broken(name, entry.value, str(error))
    return kinds


def find_measurement(kind: str) -> Measurement:
    """What makes a card of `kind` out of this machine. Raises `UserError`."""
    entries = installed("windtunnel.measurements")
    if kind not in entries:
        raise UserError(f"nothing measures '{kind}'; {did_you_mean(kind, entries)}")
    return load(entries[kind].value, f"measurement '{kind}'")  # type: ignore[no-any-return]


def checkups() -> dict[str, Any]:
    """What `doctor` asks besides its own checks: objects with `check() -> (ok, detail)` and `clean() -> [what]`."""
    found = {}
    for name, entry in sorted(installed("windtunnel.checkups").items()):
        try:
            found[name] = load(entry.value, f"check-up '{name}'")
        except UserError:
            continue  # named as broken by its scenario
    return found


def find_tool(name: str) -> Callable[..., Any]:
    """What a verb hands its work to: the entry point `name` of `windtunnel.tools`. Raises `UserError`."""
    entries = installed("windtunnel.tools")
    if name not in entries:
        raise UserError(f"nothing is installed for '{name}'; {did_you_mean(name, entries)}")
    return load(entries[name].value, f"tool '{name}'")  # type: ignore[no-any-return]


def study_paths() -> dict[str, Path]:
    """Shipped studies by "package/stem", from the packages named by entry points `windtunnel.studies`."""
    found: dict[str, Path] = {}
    for name, entry in sorted(installed("windtunnel.studies").items()):
        try:
            folder = Path(str(resources.files(entry.value)))
        except Exception:  # importing a plug-in may raise anything
            continue  # named as broken by its scenario
        found.update({f"{name}/{path.stem}": path for path in sorted(folder.glob("*.toml"))})
    return found


def load(reference: str, what: str) -> Any:
    """The object at `module:object`; `what` it is to be called in the sentence of a `UserError`."""
    module, _, attribute = reference.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a user's own module:object lies beside their study
    try:
        found = importlib.import_module(module)
    except Exception as error:  # a plug-in may raise anything at import; its own error is the message
        raise UserError(f"{what} ({reference}) does not import: {type(error).__name__}: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UserError(f"{what}: {module} has no '{part}'; {did_you_mean(part, vars(found))}")
        found = getattr(found, part)
    return found
