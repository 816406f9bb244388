"""Jepsen's own log of a register, as Porcupine keeps it: `INFO  jepsen.util - 4<tab>:invoke<tab>:cas<tab>[2 4]`.

The rules, per line of `jepsen.util`: the register is nil at first, and a read of nil saw that. `:fail :cas` is a
compare that failed, an observation like any other, unless it timed out. `:fail :read` has no result. `:info`, or
no return, leaves the result open. Lines of other loggers and of the nemesis are not for us.
"""

import re
from collections.abc import Hashable, Iterable, Iterator

from sim.errors import UserError
from sim.linearizability.readers.events import TYPES, Event

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LOGGER = re.compile(
    r"^.*?\b(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b\S*\s+(?:\[[^\]]*\]\s+)?(?P<logger>\S+)(?:\s+-|:)\s+"
)
_EVENT = re.compile(r"^(?P<process>\d+)\s+:(?P<type>\S+)\s+:(?P<kind>\S+)(?:\s+(?P<value>.*))?$")
_PAIR = re.compile(r"^\[\s*([^\s\],]+)[\s,]+([^\s\],]+)\s*\]")
_WORD = re.compile(r"^\S+")
_KINDS = frozenset({"read", "write", "cas"})


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a log's lines. Raises UserError naming the line that cannot be understood."""
    for number, raw in enumerate(lines, start=1):
        line = _COLOURS.sub("", raw).strip()
        logger = _LOGGER.match(line)
        if logger is not None:
            line = line[logger.end() :] if logger["logger"] == "jepsen.util" else ""
        if line:
            yield from _event(number, line)


def _event(number: int, line: str) -> Iterator[Event]:
    if line.startswith((":", "nemesis")):
        return
    found = _EVENT.match(line)
    if found is None or found["type"] not in TYPES or found["kind"] not in _KINDS:
        raise UserError(f"line {number}: '{line[:60]}' is not PROCESS :invoke|:ok|:fail|:info :read|:write|:cas VALUE")
    type_, kind, told = found["type"], found["kind"], found["value"] or ""
    done: bool | None = None
    if kind == "cas" and type_ == "fail":
        done, type_ = False, "info" if ":timed-out" in told else "ok"
    elif kind == "cas" and type_ == "ok":
        done = True
    needed = type_ == "invoke" or (type_ == "ok" and kind == "read")
    value = _value(number, kind if type_ == "invoke" else "read", told) if needed else None
    yield Event(number, int(found["process"]), type_, kind, None, value, done)


def _value(number: int, kind: str, told: str) -> Hashable:
    if kind == "cas":
        pair = _PAIR.match(told)
        if pair is None:
            raise UserError(f"line {number}: '{told[:60]}' is not what a cas takes, [EXPECTED NEW]")
        return _atom(pair[1]), _atom(pair[2])
    word = _WORD.match(told)
    if word is None or word[0].startswith(("[", ":")):
        raise UserError(f"line {number}: '{told[:60]}' is not a value to read or write")
    return _atom(word[0])


def _atom(word: str) -> Hashable:
    if word == "nil":
        return None
    return int(word) if re.fullmatch(r"[+-]?\d+", word) else word
