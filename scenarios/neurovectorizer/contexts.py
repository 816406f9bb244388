"""Path contexts of a loop's syntax tree, as code2vec has them, without names and without numbers.

A context is two leaves and the path between them. Of all pairs of leaves so many are drawn uniformly, since the first
ones would say little more than the declarations. Names become what they are (array, counter, scalar) with a running
number, constants their magnitude; tokens and paths are hashed into fixed tables, so nothing is out of vocabulary.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.rng import Stream

#: Contexts of a loop, and the sizes of the tables of tokens and paths.
CONTEXTS, TOKENS, PATHS = 64, 512, 2048
_OPERATORS = ("BINARY_OPERATOR", "UNARY_OPERATOR", "COMPOUND_ASSIGNMENT_OPERATOR")
Ints = NDArray[np.int64]


def contexts(cursor: Any, stream: Stream, number: int = CONTEXTS) -> Ints:
    """`number` rows (leaf, path, leaf) of hashed ids from 1 on; rows of 0 where the tree has fewer pairs."""
    leaves = _leaves(cursor)
    pairs = [(a, b) for a in range(len(leaves)) for b in range(len(leaves)) if a != b]
    if len(pairs) > number:
        chosen = stream.generator.choice(len(pairs), number, replace=False)
        pairs = [pairs[k] for k in sorted(chosen)]
    found = np.zeros((number, 3), dtype=np.int64)
    for row, (a, b) in enumerate(pairs):
        (first, up), (second, down) = leaves[a], leaves[b]
        found[row] = _hashed(first, TOKENS), _hashed(_path(up, down), PATHS), _hashed(second, TOKENS)
    return found


def _hashed(text: str, size: int) -> int:
    digest = blake2b(text.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % (size - 1)


def _leaves(root: Any) -> list[tuple[str, tuple[tuple[int, str], ...]]]:
    """(token, way from the root as (place among siblings, label)) of every leaf."""
    found: list[tuple[str, tuple[tuple[int, str], ...]]] = []
    names: dict[str, str] = {}

    def walk(cursor: Any, way: tuple[tuple[int, str], ...]) -> None:
        below = list(cursor.get_children())
        if not below:
            found.append((_token(cursor, names), way))
        for place, child in enumerate(below):
            walk(child, (*way, (place, _label(child))))

    walk(root, ((0, _label(root)),))
    return found


def _label(cursor: Any) -> str:
    from hardware_models.simd.source import _operator

    kind = cursor.kind.name
    return f"{kind}:{_operator(cursor)}" if kind in _OPERATORS else kind


def _token(cursor: Any, names: dict[str, str]) -> str:
    kind = cursor.kind.name
    if kind.endswith("LITERAL"):
        text = next((t.spelling for t in cursor.get_tokens()), "0").rstrip("fFuUlL")
        try:
            value = abs(float(int(text, 0))) if not any(c in text for c in ".eE") else abs(float(text))
        except ValueError:
            value = 0.0
        return f"{cursor.type.kind.name} {int(np.log2(value + 1.0))}"
    if cursor.spelling:
        what = f"{cursor.type.get_canonical().kind.name} {_element(cursor)}"
        return names.setdefault(cursor.spelling, f"{what} {len(names) % 4}")
    return str(kind)


def _element(cursor: Any) -> str:
    pointee = cursor.type.get_canonical().get_pointee()
    return str(pointee.get_canonical().kind.name) if pointee.kind.name != "INVALID" else ""


def _path(up: tuple[tuple[int, str], ...], down: tuple[tuple[int, str], ...]) -> str:
    shared = 0
    while shared < min(len(up), len(down)) - 1 and up[shared] == down[shared]:
        shared += 1
    rising = "^".join(label for _, label in reversed(up[shared - 1 :]))
    return rising + "|" + "_".join(label for _, label in down[shared:])
