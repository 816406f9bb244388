"""Histories to check: random small ones, simulated ones, a decision by trying every order, writers of log formats."""

import random
from collections.abc import Callable, Sequence
from math import inf

from sim.linearizability.history import READS, History, Operation

UPDATES = {"register": ["write"], "cas-register": ["write", "cas", "cas"], "kv": ["put", "append", "append"]}


def step(state: object, operation: Operation) -> tuple[bool, object]:
    """Whether an operation can take effect in a state as the client saw it, and the state after it."""
    match operation.kind:
        case "read" | "get":
            return state == operation.result, state
        case "write" | "put":
            return True, operation.argument
        case "append":
            return True, str(state) + str(operation.argument)
    expected, new = operation.argument  # type: ignore[misc]
    if not operation.known:
        return True, new if state == expected else state
    if operation.result:
        return state == expected, new
    return state != expected, state


def some_order(operations: Sequence[Operation], state: object) -> bool:
    """Whether any order of the operations is right: each of those that could come next is tried."""
    if not any(one.known for one in operations):
        return True
    horizon = min(one.response for one in operations)
    for one in operations:
        if one.invocation <= horizon and (one.known or one.kind not in READS):
            possible, after = step(state, one)
            if possible and some_order([other for other in operations if other is not one], after):
                return True
    return False


def small(dice: random.Random, model: str, most: int = 7) -> list[Operation]:
    """Up to `most` operations on one key, a client each, with the results of a run, of one with errors, or random."""
    count = dice.randint(1, most)
    span, lost, values = dice.choice([2, 4, 20]), dice.choice([0.0, 0.2]), dice.choice([2, 3])
    whole = dice.random() < 0.3  # times that coincide
    draws = []
    for _ in range(count):
        begin = float(dice.randint(0, 2 * count)) if whole else dice.uniform(0, 2 * count)
        length = dice.randint(0, span)
        draws.append((begin + length * dice.random(), begin, inf if dice.random() < lost else begin + length))
    state: object = "" if model == "kv" else None
    wrong = dice.choice([0.0, 0.15, 1.0])
    made = []
    for client, (_, begin, end) in enumerate(sorted(draws)):
        kind = dice.choice([{"kv": "get"}.get(model, "read"), *UPDATES[model]])
        argument: object = {"put": "abc", "append": "abc"}.get(kind) and dice.choice("abc")
        result: object = None
        if kind == "write":
            argument = dice.randint(1, values)
        elif kind == "cas":
            argument = dice.randint(1, values), dice.randint(1, values)
            result = (state == argument[0]) is not (dice.random() < wrong) if end < inf else None
        elif kind == "read":
            result = dice.choice([None, *range(1, values + 1)]) if dice.random() < wrong else state
        elif kind == "get":
            guess = "".join(dice.choice("abc") for _ in range(dice.randint(0, 3)))
            result = guess if dice.random() < wrong else state
        operation = Operation(client, kind, "k", argument, result, begin, end)  # type: ignore[arg-type]
        made.append(operation)
        if end < inf or dice.random() < 0.5:
            possible, after = step(state, operation)
            state = after if possible else state
    return made


def store(
    dice: random.Random,
    clients: int,
    each: int,
    keys: int,
    puts: float = 0.1,
    stale: int = 0,
    lost: float = 0.0,
    slow: float = 0.0,
) -> History:
    """Clients of a key-value store, one operation at a time; `stale` gets return the string of eight updates ago.

    A share `slow` of the operations takes thirty times as long as the rest.
    """
    drawn = []
    for client in range(clients):
        clock = dice.random()
        for number in range(each):
            length = dice.expovariate(1.0) * (30.0 if dice.random() < slow else 1.0)
            kind = dice.choices(["get", "put", "append"], [0.5, puts, 0.5 - puts])[0]
            moment = clock + dice.random() * length
            drawn.append((moment, client, number, kind, str(dice.randrange(keys)), clock, clock + length))
            clock += length + dice.expovariate(5.0)
    drawn.sort()
    gets = [place for place, one in enumerate(drawn) if one[3] == "get" and place > len(drawn) // 3]
    wrong = set(dice.sample(gets, stale))
    past: dict[str, list[str]] = {str(key): [""] for key in range(keys)}
    made = []
    for place, (_, client, number, kind, key, begin, end) in enumerate(drawn):
        gone = dice.random() < lost
        who = (client, number) if gone else client  # a client whose operation is lost comes back under a new name
        text = f"x {client} {number} y"
        if kind == "get":
            seen = past[key][max(0, len(past[key]) - 9)] if place in wrong else past[key][-1]
            made.append(Operation(who, kind, key, None, seen, begin, inf if gone else end))
            continue
        if not gone or dice.random() < 0.5:
            past[key].append(text if kind == "put" else past[key][-1] + text)
        made.append(Operation(who, kind, key, text, None, begin, inf if gone else end))
    return History.of(made)


def registers(dice: random.Random, clients: int, count: int, values: int = 5, lost: float = 0.1) -> list[Operation]:
    """Clients of one cas-register, as Jepsen's: slow updates time out, and their client comes back under a new name."""
    clocks = [dice.random() for _ in range(clients)]
    drawn = []
    for number in range(count):
        client = min(range(clients), key=clocks.__getitem__)
        begin, length = clocks[client], dice.expovariate(1.0)
        kind = dice.choice(["read", "write", "cas"])
        gone = kind != "read" and dice.random() < lost
        moment = begin + (dice.expovariate(0.3) if gone else length * dice.random())
        drawn.append((moment, (client, number) if gone else client, kind, begin, inf if gone else begin + length))
        clocks[client] += 2.0 if gone else length + dice.expovariate(8.0)
    state: object = None
    made = []
    for _, client, kind, begin, end in sorted(drawn, key=lambda one: one[0]):
        argument: object = None
        if kind == "write":
            argument = dice.randrange(values)
        elif kind == "cas":
            argument = dice.randrange(values), dice.randrange(values)
        result = state if kind == "read" else None
        if kind == "cas" and end < inf:
            result = state == argument[0]  # type: ignore[index]
        operation = Operation(client, kind, None, argument, result, begin, end)  # type: ignore[arg-type]
        made.append(operation)
        if end < inf or dice.random() < 0.6:
            possible, after = step(state, operation)
            state = after if possible else state
    return made


def _events(operations: Sequence[Operation]) -> list[tuple[float, int, bool, Operation]]:
    """Calls and returns in order; a call comes before a return at its time."""
    events = [(one.invocation, 0, False, one) for one in operations]
    events += [(one.response, 1, True, one) for one in operations if one.known]
    return sorted(events, key=lambda event: event[:2])


def _numbers(operations: Sequence[Operation]) -> Callable[[object], int]:
    names: dict[object, int] = {}
    for one in operations:
        names.setdefault(one.process, len(names))
    return names.__getitem__


def _word(value: object) -> str:
    return "nil" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _pair(argument: object) -> str:
    return "[{} {}]".format(*argument) if isinstance(argument, tuple) else _word(argument)


def jepsen_log(operations: Sequence[Operation]) -> str:
    """As Jepsen's log; what never returned is logged as timed out right at the end, half of it not at all."""
    number = _numbers(operations)
    lines = []
    for _, _, returned, one in _events(operations):
        refused = one.kind == "cas" and one.result is False
        type_ = ("fail" if refused else "ok") if returned else "invoke"
        value = _word(one.result) if returned and one.kind == "read" else _pair(one.argument)
        lines.append(f"INFO  jepsen.util - {number(one.process)}\t:{type_}\t:{one.kind}\t{value}")
    open_ones = [one for one in operations if not one.known]
    for one in open_ones[::2]:
        type_ = "fail" if one.kind == "read" else "info"
        lines.append(f"INFO  jepsen.util - {number(one.process)}\t:{type_}\t:{one.kind}\t:timed-out")
    return "\n".join(lines) + "\n"


def edn(operations: Sequence[Operation], whole: bool = True) -> str:
    """As Knossos keeps histories (one vector), or Porcupine its kv logs (a map a line)."""
    number = _numbers(operations)
    lines = []
    for _, _, returned, one in _events(operations):
        if one.kind == "cas" and one.result is False and returned:
            lines.append(f"{{:process {number(one.process)}, :type :fail, :f :cas, :value {_pair(one.argument)}}}")
            continue
        key = "" if one.key is None else f":key {_word(one.key)}, "
        value = _word(one.result) if returned and one.kind in READS else _pair(one.argument)
        type_ = "ok" if returned else "invoke"
        lines.append(f"{{:process {number(one.process)}, :type :{type_}, :f :{one.kind}, {key}:value {value}}}")
    return "[" + "\n ".join(lines) + "]\n" if whole else "\n".join(lines) + "\n"
