"""What crosses a process boundary by name: functions as "module:function", with arguments that are plain data."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sim.errors import UserError


class Made(NamedTuple):
    """Something that a process makes for itself: `function` ("module:function") called with `arguments`.

    >>> Made("fractions:Fraction", {"numerator": 1, "denominator": 3})()
    Fraction(1, 3)
    """

    function: str
    arguments: Mapping[str, Any] = {}

    def __call__(self, *given: Any) -> Any:
        """Makes it."""
        return named(self.function)(*given, **self.arguments)


def named(name: str) -> Callable[..., Any]:
    """The function called "module:function". Raises `UserError` if there is none."""
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"there is no function '{name}': {error}") from None
