"""Files that are expensive to make, kept by content: what `Context.cached` gives a run."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path


def cached(folder: Path, name: str, key: str, build: Callable[[], bytes]) -> bytes:
    """The bytes stored under (name, key) in `folder`, or those of `build()`, which are then stored.

    `key` is the text of everything `build` depends on. A file that does not match its checksum is made again.
    """
    path = folder / f"{name}-{_hash(key.encode()).hex()}"
    with suppress(OSError):
        stored = path.read_bytes()
        if stored[:16] == _hash(stored[16:]):
            return stored[16:]
    body = build()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(_hash(body) + body)
    temporary.replace(path)
    return body


def _hash(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()
