"""The published logs of a search: one line per update, a Python list.

    ['9', '8', 11, 12, [0, 0, ...], [0, 3, ...]]

is target, source, epochs of the target, epochs of the source, old policy, new policy. A newer form has a mapping with
the policy under `hp_policy` instead of the list. Read with `ast.literal_eval`, which runs nothing.
"""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scenarios.pba.policy import Policy
from scenarios.pba.schedule import Update
from sim.errors import UserError

_KEY = "hp_policy"


def read(path: Path) -> tuple[Update, ...]:
    """All updates of the file. Raises `UserError` naming file and line that are not of this form."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a schedule log: {error}") from None
    lines = enumerate(text.splitlines(), 1)
    return tuple(_update(line, f"{path}, line {number}") for number, line in lines if line.strip())


def write(path: Path, updates: Iterable[Update]) -> None:
    """Writes the older form, which the authors' code reads too."""
    path.write_text("".join(f"{line(update)}\n" for update in updates), encoding="utf-8")


def line(update: Update) -> str:
    """One update as it stands in a log."""
    fields = [update.target, update.source, update.target_epochs, update.source_epochs]
    return repr([*fields, list(update.old.numbers), list(update.new.numbers)])


def _update(text: str, where: str) -> Update:
    try:
        fields = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UserError(f"{where} is not a Python list") from None
    if not isinstance(fields, list | tuple) or len(fields) != 6:
        raise UserError(f"{where}: six fields are needed: target, source, their epochs, old and new policy")
    target, source, target_epochs, source_epochs, old, new = fields
    for name, epochs in (("target", target_epochs), ("source", source_epochs)):
        if type(epochs) is not int or epochs < 0:
            raise UserError(f"{where}: the {name}'s epochs are {epochs!r}; a whole number from 0 on is needed")
    return Update(str(target), str(source), target_epochs, source_epochs, _policy(old, where), _policy(new, where))


def _policy(field: Any, where: str) -> Policy:
    numbers = field.get(_KEY) if isinstance(field, dict) else field
    if not isinstance(numbers, list | tuple):
        raise UserError(f"{where}: a policy is a list of whole numbers, or a mapping with one under '{_KEY}'")
    try:
        return Policy(tuple(numbers))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
