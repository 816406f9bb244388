"""Histories in EDN, Clojure's data notation: one map per event, as Knossos, Jepsen and Porcupine's kv logs have them.

Only as much of EDN as histories need: maps, vectors, lists, sets, strings, numbers, keywords, nil, comments; tags
are skipped. The notation is that of github.com/edn-format/edn.

The rules: `:fail` means that the operation did not happen; `:info`, or no return, that nobody knows. A `read` of nil
is one without a value and says nothing, as in Knossos; a `get` of nil is one of the empty string. Events of the
nemesis, whose process is no number, are not for us.
"""

import re
from collections.abc import Hashable, Iterator

from sim.errors import UserError
from sim.linearizability.readers.events import TYPES, Event

_TOKEN = re.compile(
    r"""[\s,]+ | ;[^\n]* | (?P<string>"(?:[^"\\]|\\.)*") | (?P<open>\#?\{|\[|\() | (?P<close>[\])}])
      | (?P<discard>\#_) | (?P<tag>\#[^\s,;()\[\]{}"]+) | (?P<atom>[^\s,;()\[\]{}"]+)""",
    re.VERBOSE,
)
_CLOSES = {"{": "}", "#{": "}", "[": "]", "(": ")"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_KINDS = frozenset({"read", "write", "cas", "get", "put", "append"})
_MAP = "{"


class _Node(tuple[object, ...]):
    """A collection, with its line and its opening bracket."""

    line: int
    bracket: str

    def __new__(cls, parts: list[object], line: int, bracket: str) -> "_Node":
        made = super().__new__(cls, parts)
        made.line, made.bracket = line, bracket
        return made


def events(text: str) -> Iterator[Event]:
    """The events of a text: maps one after another, or all in one vector or list.

    Raises UserError naming the line that cannot be understood.
    """
    for form in _forms(text):
        listed = [form] if not isinstance(form, _Node) or form.bracket == _MAP else form
        for one in listed:
            if not isinstance(one, _Node) or one.bracket != _MAP:
                line = one.line if isinstance(one, _Node) else form.line if isinstance(form, _Node) else 1
                raise UserError(f"line {line}: an event is a map {{:process ..., :type ...}}, not {one!r:.40}")
            yield from _event(one)


def _event(node: _Node) -> Iterator[Event]:
    if len(node) % 2:
        raise UserError(f"line {node.line}: the map has a key without a value")
    told = dict(zip(node[::2], node[1::2], strict=True))
    process, type_, kind = told.get(":process"), str(told.get(":type", "")), str(told.get(":f", ""))
    if not isinstance(process, int):
        if process is None:
            raise UserError(f"line {node.line}: the event has no :process")
        return  # the nemesis
    type_, kind = type_.removeprefix(":"), kind.removeprefix(":")
    if type_ not in TYPES or kind not in _KINDS:
        raise UserError(
            f"line {node.line}: :type is one of {', '.join(sorted(TYPES))} and :f one of {', '.join(sorted(_KINDS))}, "
            f"not '{type_}' and '{kind}'"
        )
    value = _plain(told.get(":value"))
    if kind == "cas" and type_ == "invoke" and not (isinstance(value, tuple) and len(value) == 2):
        raise UserError(f"line {node.line}: '{value}' is not what a cas takes, [EXPECTED NEW]")
    if type_ == "ok" and value is None:
        if kind == "read":
            type_ = "info"
        elif kind == "get":
            value = ""
    done = True if kind == "cas" and type_ == "ok" else None
    yield Event(node.line, process, type_, kind, _plain(told.get(":key")), value, done)


def _plain(value: object) -> Hashable:
    return tuple(map(_plain, value)) if isinstance(value, _Node) else value


def _forms(text: str) -> Iterator[object]:
    """The top-level forms."""
    stack: list[tuple[list[object], int, str]] = [([], 1, "")]
    discards: list[int] = []  # the depth at which the next form is dropped
    place, line = 0, 1
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise UserError(f"line {line}: '{text[place : place + 20]}' is not EDN; is a quotation mark missing?")
        token, what = found[0], found.lastgroup
        form: object = None
        if what == "open":
            stack.append(([], line, token))
        elif what == "close":
            parts, began, bracket = stack.pop() if len(stack) > 1 else ([], line, "")
            if _CLOSES.get(bracket) != token:
                raise UserError(f"line {line}: '{token}' closes nothing that is open")
            form = _Node(parts, began, bracket)
        elif what == "discard":
            discards.append(len(stack))
        elif what == "string":
            form = _ESCAPE.sub(lambda one: _unescaped(one[1]), token[1:-1])
        elif what == "atom":
            form = _atom(token)
        if what in ("close", "string", "atom"):
            if discards and discards[-1] == len(stack):
                discards.pop()
            elif len(stack) == 1:
                yield form
            else:
                stack[-1][0].append(form)
        place, line = found.end(), line + token.count("\n")
    if len(stack) > 1:
        raise UserError(f"line {stack[-1][1]}: the '{stack[-1][2]}' is never closed")


def _unescaped(escape: str) -> str:
    return chr(int(escape[1:], 16)) if escape[0] == "u" and len(escape) == 5 else _ESCAPED.get(escape, escape)


def _atom(token: str) -> object:
    if token in ("nil", "true", "false"):
        return {"nil": None, "true": True, "false": False}[token]
    if re.fullmatch(r"[+-]?\d+[NM]?", token):
        return int(token.rstrip("NM"))
    return float(token) if re.fullmatch(r"[+-]?\d+\.\d*(?:[eE][+-]?\d+)?M?", token.rstrip("M")) else token
