"""What a step sends: messages of whole bytes, in order, as one worker sees them.

`size` is counted from the arrays that are sent, indices included. `paper` is the same message as the paper counts it
(arXiv:1903.04488, section 5): only values, 4 bytes each, no indices. `adds` says whether messages of several workers
add up to one of the same size, so that a tree, a ring or a switch can carry them; what does not add must be gathered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from scenarios.sketched_sgd.top_k import Floats

Way = Literal["up", "down"]


class Message(NamedTuple):
    """`size` bytes from each worker to the server (up), or from the server to each worker (down)."""

    way: Way
    size: int
    paper: float
    adds: bool = False


class Step(NamedTuple):
    """What a method makes of the workers' gradients: the update of the weights (before the rate), and the messages."""

    update: Floats
    messages: tuple[Message, ...]


class Method(Protocol):
    """A way to agree on an update. It holds what workers and server remember between steps."""

    def step(self, gradients: Floats) -> Step:
        """`gradients`: one row per worker, shape (workers, size), float32; the update is to their mean."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of one worker and step."""

    up: int
    down: int
    paper: float


def traffic(messages: Iterable[Message]) -> Traffic:
    """The bytes of a step, both ways, and as the paper counts."""
    messages = list(messages)
    up, down = (sum(message.size for message in messages if message.way == way) for way in ("up", "down"))
    return Traffic(up, down, sum(message.paper for message in messages))


def sent(way: Way, *arrays: NDArray[Any], paper: float | None = None, adds: bool = False) -> Message:
    """The message that consists of `arrays`. As the paper counts, floating-point ones only, unless said."""
    values = sum(array.nbytes for array in arrays if array.dtype.kind == "f")
    return Message(way, sum(array.nbytes for array in arrays), values if paper is None else paper, adds)


def pack(levels: NDArray[np.integer[Any]], bits: int) -> NDArray[np.uint8]:
    """Whole numbers from 0 to 2**bits - 1, `bits` bits each, in ceil(n bits / 8) bytes.

    >>> pack(np.array([1, 2, 3]), 3).nbytes, unpack(pack(np.array([1, 2, 3]), 3), 3, 3)
    (2, array([1, 2, 3]))
    """
    places = np.arange(bits)
    return np.packbits((levels[:, None] >> places & 1).astype(np.uint8))


def unpack(packed: NDArray[np.uint8], bits: int, number: int) -> NDArray[np.int64]:
    """The `number` whole numbers that `pack` packed."""
    single = np.unpackbits(packed, count=bits * number).reshape(number, bits).astype(np.int64)
    levels: NDArray[np.int64] = (single << np.arange(bits)).sum(axis=1)
    return levels
