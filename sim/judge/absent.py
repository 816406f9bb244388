"""A metric that does not apply is absent, and says why; for programs it is null, with the reason among the notes.

>>> numbers, notes = apart({"A1": 1.5, "A9": {"noise": 0.9, "shifted": Absent("there are none")}})
>>> numbers, notes
({'A1': 1.5, 'A9': {'noise': 0.9, 'shifted': None}}, {'A9 shifted': 'there are none'})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands where a number would: `why` there is none, as half a sentence."""

    why: str


def apart(told: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """`told` with None for what is absent, and the reasons by name (inner names after the outer, with a space)."""
    plain: dict[str, Any] = {}
    notes: dict[str, str] = {}
    for name, value in told.items():
        if isinstance(value, Absent):
            plain[name], notes[name] = None, value.why
        elif isinstance(value, Mapping):
            plain[name], inner = apart(value)
            notes |= {f"{name} {part}": why for part, why in inner.items()}
        else:
            plain[name] = value
    return plain, notes
