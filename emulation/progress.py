"""How far a call in a room is, told to whoever made it."""

import os

import orjson

_told_to = -1


def tell_to(descriptor: int) -> None:
    """Progress goes there from now on, a line of JSON each."""
    global _told_to
    _told_to = descriptor


def tell(share: float, doing: str) -> None:
    """Progress of the call, from 0 to 1; nobody hears it outside a room."""
    if _told_to >= 0:
        os.write(_told_to, orjson.dumps([share, doing]) + b"\n")
