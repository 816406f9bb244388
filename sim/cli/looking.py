"""`list`, `show` and `hardware`: what there is, without running anything."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from sim.card import CardFile, Figure, card_paths, find_card, read_card_cached
from sim.config import field_of, known_keys
from sim.errors import UserError, did_you_mean
from sim.registry import (
    Broken,
    all_scenarios,
    find_scenario,
    hardware_kinds,
    problem_names,
    scenario_names,
    study_paths,
)
from sim.scenario import Scenario
from sim.units import Quantity
from sim.units import show as show_quantity


def list_all(given: Namespace) -> int:
    """Scenarios, studies and hardware; one `broken:` line for each plug-in that does not load."""
    scenarios = all_scenarios()
    kinds = hardware_kinds()
    cards = _cards_by_kind()
    if given.json:
        print(
            orjson.dumps(
                {
                    "scenarios": {s.name: s.question for s in scenarios if not isinstance(s, Broken)},
                    "studies": sorted(study_paths()),
                    "problems": problem_names(),
                    "hardware": cards,
                    "broken": [b.reason for b in [*scenarios, *kinds.values()] if isinstance(b, Broken)],
                }
            ).decode()
        )
        return 0
    for scenario in scenarios:
        if not isinstance(scenario, Broken):
            print(f"scenario  {scenario.name:<22} {scenario.question}")
    for name in study_paths():
        print(f"study     {name}")
    for name in problem_names():
        print(f"problem   {name}")
    for kind, names in cards.items():
        print(f"hardware  {kind:<22} {', '.join(names)}")
    for broken in [*scenarios, *kinds.values()]:
        if isinstance(broken, Broken):
            print(f"broken:   {broken.reason}")
    return 0


def _cards_by_kind() -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for name, path in card_paths().items():
        kinds.setdefault(read_card_cached(path).kind, []).append(name)
    return kinds


def show(given: Namespace) -> int:
    """What is behind a name: a scenario, a study, a card or a record."""
    if ":" in given.name or given.name in scenario_names():
        _print(given, _scenario(find_scenario(given.name)))
    elif given.name.endswith(".toml") or given.name in {n for s in study_paths() for n in (s, s.split("/")[1])}:
        _print(given, _study(given.name))
    elif given.name in card_paths():
        _print(given, {"card": given.name, "figures": _figures(read_card_cached(card_paths()[given.name]))})
    elif given.results.exists() and set(given.name) <= set("0123456789abcdef") and given.name:
        from sim.store import Store

        store = Store(given.results)
        record = store.get(store.full_key(given.name))
        _print(given, orjson.loads(record.encode()) if record else {})
    else:
        everything = [*scenario_names(), *study_paths(), *card_paths()]
        raise UserError(f"nothing is called '{given.name}'; {did_you_mean(given.name, everything)}")
    return 0


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "version": scenario.version,
        "question": scenario.question,
        "settings": {key: _setting(scenario, key) for key in known_keys(scenario.config)},
        "metrics": {m.name: f"{m.about} [{m.unit}, {m.better} is better, {m.label}]" for m in scenario.metrics},
    }


def _setting(scenario: Scenario, key: str) -> str:
    field = field_of(scenario.config, key)
    assert field is not None
    unit = next((f" [{mark.dimension}]" for mark in field.metadata if isinstance(mark, Quantity)), "")
    default = "" if field.is_required() or field.default is None else f" (default {field.default})"
    return f"{field.description or ''}{unit}{default}".strip()


def _study(name: str) -> dict[str, Any]:
    from sim.study import load_study

    study = load_study(name)
    return {
        "study": study.name,
        "title": study.title,
        "about": study.about,
        "scenario": study.scenario,
        "points": study.points(),
        "repeat": study.repeat,
        "settings": dict(study.settings),
        "axes": {" + ".join(part.keys): [list(point) for point in part.points[:50]] for part in study.axes},
    }


def hardware(given: Namespace) -> int:
    """`list` all cards, `show` the figures of one with their sources, `diff` two, `measure` one on this machine."""
    if given.action == "measure":
        from sim.cli.measuring import measure

        return measure(given)
    if given.action == "list":
        for kind, names in _cards_by_kind().items():
            print(f"{kind}: {', '.join(names)}")
        return 0
    wanted = {"show": 1, "diff": 2}[given.action]
    if len(given.cards) != wanted:
        raise UserError(f"hardware {given.action} takes {wanted} card{'s' * (wanted > 1)}, {len(given.cards)} given")
    cards = [_card(name) for name in given.cards]
    if given.action == "show":
        _print(given, {"card": cards[0].name, "title": cards[0].title, "figures": _figures(cards[0])})
        return 0
    left, right = cards
    pairs = {name: (_value(left, name), _value(right, name)) for name in [*left.figures, *right.figures]}
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if given.json:
        print(orjson.dumps(changed).decode())
        return 0
    from sim.cli.tables import print_table

    rows = [[name, str(before), str(after)] for name, (before, after) in changed.items()]
    print_table("hardware", ["figure", left.name, right.name], rows)
    return 0


def _card(name: str) -> CardFile:
    if name.endswith(".toml"):
        from pathlib import Path

        from sim.card import read_card

        return read_card(Path(name))
    if name not in card_paths():
        raise UserError(f"no card is called '{name}'; {did_you_mean(name, card_paths())}")
    found = read_card_cached(card_paths()[name])
    return find_card(found.kind, name)


def _value(card: CardFile, name: str) -> object:
    figure = card.figures.get(name)
    return figure.value if figure else "–"


def _figures(card: CardFile) -> dict[str, str]:
    return {name: f"{figure.value} ({_sure(figure)}: {figure.source})" for name, figure in card.figures.items()}


def _sure(figure: Figure) -> str:
    spread = "" if figure.spread is None else f" ±{show_quantity(figure.spread, 'ratio', 2)}"
    return figure.confidence + spread


def _print(given: Namespace, tree: dict[str, Any]) -> None:
    if given.json:
        sys.stdout.buffer.write(orjson.dumps(tree) + b"\n")
    else:
        print("\n".join(_lines(tree.items())))


def _lines(items: Iterable[tuple[str, Any]], indent: str = "") -> Iterator[str]:
    for key, value in items:
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value.items(), indent + "  ")
        else:
            yield f"{indent}{key}: {value}"
