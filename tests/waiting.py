"""Waiting for what happens by itself, as long as a loaded machine may need."""

import time
from collections.abc import Callable


def gone(what: Callable[[], object], wait: float = 60.0) -> bool:
    """Whether `what` gets empty or false within `wait` seconds."""
    until = time.monotonic() + wait
    while what():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
