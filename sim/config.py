"""From what a person typed to a scenario's frozen config, or to one sentence about what is wrong.

Settings are dotted keys, `hardware.memory = "8GiB"`. The name of a hardware card stands for a table with that
card, so `hardware = "v100"` and `hardware.memory = "8GiB"` go together whatever their order.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sim.card import Card
from sim.errors import UserError, did_you_mean
from sim.units import Quantity

Tree = dict[str, Any]


def split_setting(text: str) -> tuple[str, str]:
    """("hardware.memory", "8GiB") from "hardware.memory=8GiB". Raises `UserError`."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"'{text}' is not a setting; write KEY=VALUE, e.g. hardware.memory=8GiB")
    return key.strip(), value.strip()


def assign(tree: Tree, dotted: str, value: Any) -> None:
    """Set `dotted` in `tree` in place, keeping a card's name and its overrides together."""
    *parents, leaf = dotted.split(".")
    for parent in parents:
        below = tree.get(parent)
        if not isinstance(below, dict):
            below = tree[parent] = {} if below is None else {"card": below}
        tree = below
    current = tree.get(leaf)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            assign(tree, f"{leaf}.{key}", inner)
    elif isinstance(current, dict):
        current["card"] = value
    else:
        tree[leaf] = value


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of a nested table.

    >>> flatten({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def build(model: type[BaseModel], tree: Mapping[str, Any], where: str = "", border: bool = True) -> Any:
    """The validated config. `border`: quantities need units (a record being replayed holds SI numbers).

    Raises `UserError` naming the first bad key, its value and what is allowed.
    """
    try:
        return model.model_validate(_with_default_cards(model, tree), context={"border": border})
    except ValidationError as error:
        details = error.errors(include_url=False)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        raise UserError(f"{where}{_sentence(model, details[0])}{more}") from None


def _with_default_cards(model: type[BaseModel], tree: Mapping[str, Any]) -> Mapping[str, Any]:
    fill_up = getattr(model, "defaults_for", dict)
    filled: dict[str, Any] = dict(fill_up(tree))
    for name, field in model.model_fields.items():
        below = filled.get(name)
        if isinstance(field.default, str) and isinstance(below, dict) and _model_in(field.annotation, Card):
            filled[name] = {"card": field.default} | below
    return filled


def _model_in(annotation: Any, base: type[BaseModel] = BaseModel) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, base):
            return candidate
    return None


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted key that `model` accepts."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        nested = _model_in(field.annotation)
        if nested:
            keys += known_keys(nested, f"{prefix}{name}.")
    return keys


def field_of(model: type[BaseModel], dotted: str) -> FieldInfo | None:
    """The field at a dotted key, or None."""
    first, _, rest = dotted.partition(".")
    field = model.model_fields.get(first)
    if field is None or not rest:
        return field
    nested = _model_in(field.annotation)
    return field_of(nested, rest) if nested else None


def dimension_of(model: type[BaseModel], dotted: str) -> str:
    """The dimension (a key of `sim.units.UNITS`) of the quantity at a dotted key, or ""."""
    marks = getattr(field_of(model, dotted), "metadata", ())
    return next((mark.dimension for mark in marks if isinstance(mark, Quantity)), "")


def _sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    location = [str(part) for part in detail["loc"]]
    dotted = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"no setting is called '{dotted}'; {did_you_mean(dotted, known_keys(model))}"
    if detail["type"] == "missing":
        return f"{dotted} is missing"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if detail["type"] == "value_error":
        return f"{dotted}: {message}" if dotted else message
    if detail["type"] in ("literal_error", "enum"):
        allowed = _quoted(str((detail.get("ctx") or {}).get("expected", "")))
        return f"{dotted} = '{detail['input']}' is not allowed; {did_you_mean(str(detail['input']), allowed)}"
    return f"{dotted} = {detail['input']!r}: {message[:1].lower()}{message[1:]}"


def _quoted(expected: str) -> Sequence[str]:
    return expected.split("'")[1::2]
