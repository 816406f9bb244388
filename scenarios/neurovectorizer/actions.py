"""The 36 actions: 7 vectorization factors times 5 interleave factors, and "no pragma".

>>> len(ACTIONS), ACTIONS[0].name, ACTIONS[-1].name
(36, '1x1', 'default')
>>> ACTIONS[index_of(8, 2)].pragma
'clang loop vectorize_width(8) interleave_count(2)'
"""

from dataclasses import dataclass

WIDTHS = (1, 2, 4, 8, 16, 32, 64)
INTERLEAVES = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Action:
    """A pair of factors; `width` and `interleave` of 0 leave the choice to the compiler."""

    width: int
    interleave: int

    @property
    def name(self) -> str:
        """E.g. "8x2", or "default"."""
        return f"{self.width}x{self.interleave}" if self.width else "default"

    @property
    def pragma(self) -> str:
        """What follows `#pragma`; empty for the compiler's own choice."""
        if not self.width:
            return ""
        return f"clang loop vectorize_width({self.width}) interleave_count({self.interleave})"


ACTIONS: tuple[Action, ...] = (*(Action(w, i) for w in WIDTHS for i in INTERLEAVES), Action(0, 0))
#: The action that leaves the loop as it is.
DEFAULT = len(ACTIONS) - 1
NAMES = tuple(action.name for action in ACTIONS)


def index_of(width: int, interleave: int) -> int:
    """Index of a pair in `ACTIONS`. Raises `ValueError` for one that is not there."""
    return ACTIONS.index(Action(width, interleave))
