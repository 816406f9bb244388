"""A history from a file, whichever format it has."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sim.errors import UserError, did_you_mean
from sim.linearizability.history import History
from sim.linearizability.readers import edn, jepsen_log
from sim.linearizability.readers.events import Event, history_of

FORMATS = ("jepsen-log", "kv-log", "edn")

_OFTEN = 4_096
_FIRST_OF_EDN = re.compile(r"\s*[;\[({#]")


def read(path: Path, form: str = "auto", watch: Callable[[int], None] = lambda line: None) -> History:
    """The history in a file: of format "jepsen-log", "kv-log", "edn", or "auto", which looks at how it begins.

    Porcupine's kv logs are EDN, a map a line. `watch` is told the line every now and then. Raises UserError, which
    names the line, for what cannot be understood, and for a file that cannot be read or has no operation.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"it is not text: byte {error.start} is not UTF-8") from error
    if form == "auto":
        form = "edn" if _FIRST_OF_EDN.match(text.removeprefix("\ufeff")) else "jepsen-log"
    if form not in FORMATS:
        raise UserError(f"'{form}' is not a format; {did_you_mean(form, ('auto', *FORMATS))}")
    text = text.removeprefix("\ufeff")
    events = jepsen_log.events(text.splitlines()) if form == "jepsen-log" else edn.events(text)
    return history_of(_watched(events, watch))


def _watched(events: Iterable[Event], watch: Callable[[int], None]) -> Iterator[Event]:
    for number, event in enumerate(events):
        if number % _OFTEN == 0:
            watch(event.line)
        yield event
