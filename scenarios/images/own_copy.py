"""Files of a data set that the user has: nothing is ever downloaded."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from sim.errors import UserError


def found(path: Path, title: str) -> Path:
    """`path`, if there is such a file. Raises `UserError` if not."""
    if not path.is_file():
        raise UserError(f"folder: no file '{path.name}' of {title} in '{path.parent}'; download it there yourself")
    return path


def digest_of(paths: Iterable[Path]) -> str:
    """Eight hexadecimal digits of all files' content, so that a record tells which copy was used."""
    digest = blake2b(digest_size=4)
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
