"""Messages as bytes: named tuples of whole numbers, strings, bytes, None, tuples and each other, through msgpack.

Both ends must list the same classes in the same order.

>>> from typing import NamedTuple
>>> class Hello(NamedTuple):
...     who: str
...     seen: tuple[int, ...]
>>> codec = Messages([Hello])
>>> codec.decode(codec.encode(Hello("you", (1, 2))))
Hello(who='you', seen=(1, 2))
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Protocol

import msgpack


class Codec(Protocol):
    """Messages to bytes and back. `decode` raises `ValueError` for bytes that are no message."""

    def encode(self, message: Any) -> bytes:
        """A message as bytes."""

    def decode(self, data: bytes) -> Any:
        """The message that `encode` was given."""


class Messages:
    """A codec of named tuples and whole-number enumerations of these classes (128 at most)."""

    def __init__(self, classes: Sequence[type]) -> None:
        if len(classes) > 128:
            raise ValueError("at most 128 classes")
        self._classes = tuple(classes)
        self._codes = {made: code for code, made in enumerate(classes)}

    def encode(self, message: Any) -> bytes:
        """A message as bytes; `TypeError` for what is not of a class listed."""
        return msgpack.packb(message, default=self._ext, strict_types=True)  # type: ignore[no-any-return]

    def decode(self, data: bytes) -> Any:
        """The message. Raises `ValueError` for bytes that are none."""
        try:
            return msgpack.unpackb(data, ext_hook=self._made, use_list=False, strict_map_key=False)
        except (msgpack.UnpackException, TypeError, IndexError) as error:
            raise ValueError(f"no message: {error}") from None

    def _ext(self, value: Any) -> "list[Any] | msgpack.ExtType":
        if value.__class__ is tuple:
            return list(value)
        code = self._codes.get(value.__class__)
        if code is None:
            raise TypeError(f"{value.__class__.__name__} is no class of this codec")
        inner = int(value) if isinstance(value, IntEnum) else list(value)
        return msgpack.ExtType(code, msgpack.packb(inner, default=self._ext, strict_types=True))

    def _made(self, code: int, data: bytes) -> Any:
        made = self._classes[code]
        inner = msgpack.unpackb(data, ext_hook=self._made, use_list=False, strict_map_key=False)
        return made._make(inner) if hasattr(made, "_make") else made(inner)
