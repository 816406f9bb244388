"""The `where` conditions of a study: comparisons over a config, with quantities written as people write them.

>>> holds("hardware.memory >= 4GiB and batch < 100", {"hardware": {"memory": 8 * 2**30}, "batch": 64})
True
"""

import re
from collections.abc import Mapping
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from sim.errors import UserError, did_you_mean
from sim.units import UNITS, parse

_UNIT_OF = {unit: dimension for dimension, units in UNITS.items() for unit in units if unit}
_LITERAL = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?) ?("
    + "|".join(re.escape(unit) for unit in sorted(_UNIT_OF, key=len, reverse=True))
    + r")(?![\w/])"
)


class _Names(dict[str, Any]):
    """A config's table whose entries are also attributes, as an expression writes them."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __missing__(self, name: str) -> Any:
        raise UserError(f"no setting is called '{name}'; {did_you_mean(name, self)}")


def _names(tree: Mapping[str, Any]) -> _Names:
    return _Names({key: _names(value) if isinstance(value, Mapping) else value for key, value in tree.items()})


def holds(expression: str, config: Mapping[str, Any]) -> bool:
    """Whether `expression` holds for a config (nested, in SI). Raises `UserError` for a bad expression."""
    text = _LITERAL.sub(lambda match: repr(parse(match[0], _UNIT_OF[match[2]])), expression)
    try:
        return bool(EvalWithCompoundTypes(names=_names(config)).eval(text))
    except UserError as error:
        raise UserError(f"where '{expression}': {error}") from None
    except (InvalidExpression, SyntaxError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise UserError(f"where '{expression}' cannot be evaluated: {error}") from None
