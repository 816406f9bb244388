"""Hardware cards: the published figures of a device, each with its unit, its source and how sure it is.

A card is a TOML file. Its tables that hold a `value` are figures; other tables nest.

    kind = "gpu"
    title = "NVIDIA V100 SXM2 16 GB"

    [memory]
    value = "16GiB"
    source = "NVIDIA V100 datasheet (2020)"
    confidence = "datasheet"

A hardware model declares a subclass of `Card`: the typed, frozen form its code works with, in SI. A what-if
is a card with some figures overridden, written `hardware = "v100"`, `hardware.memory = "8GiB"`.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator

from sim.errors import UserError, did_you_mean

#: How sure a figure is, from best to worst.
CONFIDENCE = ("measured", "datasheet", "derived", "estimate")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: the text with its unit, where it stands, how sure it is.

    A measured one has a `spread`: half the width of the middle half of the repeats, over their median.
    """

    value: str | float | int
    source: str
    confidence: str
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card as written: `figures` maps dotted names to figures."""

    kind: str
    name: str
    title: str
    figures: Mapping[str, Figure]

    def values(self) -> dict[str, Any]:
        """The bare values, nested as in the file."""
        tree: dict[str, Any] = {}
        for dotted, figure in self.figures.items():
            *parents, leaf = dotted.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = figure.value
        return tree


def read_card(path: Path) -> CardFile:
    """The card in a TOML file. Raises `UserError` for a figure without source or confidence."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"card file {path} does not exist") from None
    except OSError as error:
        raise UserError(f"card file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"card file {path} is not TOML: {error}") from None
    kind, title = tree.pop("kind", None), tree.pop("title", path.stem)
    if not isinstance(kind, str):
        raise UserError(f'card file {path} does not say its kind, e.g. kind = "gpu"')
    return CardFile(kind, path.stem, str(title), dict(_figures(tree, (), path)))


def _figures(tree: Mapping[str, Any], parents: tuple[str, ...], path: Path) -> Iterator[tuple[str, Figure]]:
    for key, node in tree.items():
        dotted = ".".join((*parents, key))
        if not isinstance(node, dict):
            raise UserError(f"card file {path}: {dotted} needs a table with value, source and confidence")
        if "value" not in node:
            yield from _figures(node, (*parents, key), path)
            continue
        missing = [part for part in ("source", "confidence") if not node.get(part)]
        if missing:
            raise UserError(f"card file {path}: {dotted} lacks its {' and '.join(missing)}")
        if node["confidence"] not in CONFIDENCE:
            raise UserError(
                f"card file {path}: {dotted}.confidence is '{node['confidence']}'; allowed: {', '.join(CONFIDENCE)}"
            )
        yield dotted, Figure(node["value"], node["source"], node["confidence"], node.get("spread"))


def write_card(card: CardFile, path: Path) -> None:
    """Writes the TOML that `read_card` reads. Raises `UserError` if the file cannot be written."""
    blocks = [f"kind = {_text(card.kind)}\ntitle = {_text(card.title)}"]
    for name, figure in card.figures.items():
        lines = [f"[{'.'.join(map(_key, name.split('.')))}]", f"value = {_text(figure.value)}"]
        lines += [f"source = {_text(figure.source)}", f"confidence = {_text(figure.confidence)}"]
        lines += [] if figure.spread is None else [f"spread = {figure.spread:.4f}"]
        blocks.append("\n".join(lines))
    try:
        path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def _key(part: str) -> str:
    return part if part.replace("_", "").replace("-", "").isalnum() and part.isascii() else _text(part)


def _text(value: str | float | int) -> str:
    """A TOML value; JSON's strings and numbers are TOML's."""
    return json.dumps(value, ensure_ascii=False)


@cache
def card_paths() -> Mapping[str, Path]:
    """Every installed card by name, from the packages named by entry points `windtunnel.cards`."""
    found: dict[str, Path] = {}
    for entry in metadata.entry_points(group="windtunnel.cards"):
        try:
            folder = Path(str(resources.files(entry.value)))
        except Exception:  # importing a plug-in may raise anything
            continue  # a broken plug-in is reported by `list`; the cards of the others stay usable
        found.update({path.stem: path for path in sorted(folder.glob("*.toml"))})
    return found


def find_card(kind: str, name: str) -> CardFile:
    """The card called `name`, or the one in the file `name` when that ends in .toml.

    Raises `UserError` for an unknown card or one of another kind.
    """
    if name.endswith(".toml"):
        card = read_card(Path(name))
    else:
        paths = card_paths()
        if name not in paths:
            known = [known for known, path in paths.items() if read_card_cached(path).kind == kind]
            raise UserError(f"no {kind} card is called '{name}'; {did_you_mean(name, known)}")
        card = read_card_cached(paths[name])
    if card.kind != kind:
        raise UserError(f"card '{name}' is a {card.kind} card, a {kind} card is needed")
    return card


read_card_cached = cache(read_card)


class Card(BaseModel):
    """Base of every hardware model's card. Fields are the figures, in SI; `card` is where they came from.

    Validates from a card's name, from a table of overrides with the card's name under `card`, or from a
    table that already has every figure (a record being replayed).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str]
    card: str = "custom"

    @model_validator(mode="wrap")
    @classmethod
    def _resolve(cls, data: Any, handler: ModelWrapValidatorHandler["Card"]) -> "Card":
        if isinstance(data, str):
            data = {"card": data}
        if isinstance(data, Mapping):
            data = dict(data)
            name = data.get("card")
            complete = all(field in data for field, info in cls.model_fields.items() if info.is_required())
            if isinstance(name, str) and not complete:
                try:
                    card = find_card(cls.kind, name)
                except UserError as error:
                    raise ValueError(str(error)) from None
                data = _merged(card.values(), data) | {"card": card.name}
        return handler(data)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def card_class(config: type[BaseModel]) -> type[Card] | None:
    """The class of the config's `hardware` field, if it has one."""
    field = config.model_fields.get("hardware")
    if field is None:
        return None
    candidates = (field.annotation, *get_args(field.annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Card)), None)
