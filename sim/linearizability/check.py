"""One verdict for a history: zones where writes differ, else the search of every key in turn, a slice each."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from sim.errors import UserError, did_you_mean
from sim.linearizability.history import History, Operation, shown
from sim.linearizability.models import MODELS, Model
from sim.linearizability.search import Search
from sim.linearizability.verdict import Verdict
from sim.linearizability.witness import smallest
from sim.linearizability.zones import check_columns

#: Told (share of the keys decided, what is being done).
Watch = Callable[[float, str], None]

#: Configurations that are remembered at most, all keys together (some 250 bytes each).
REMEMBERED = 2_000_000
#: Configurations that are looked at, at most.
STEPS = 20_000_000
_SHORTEST, _LONGEST = 256, 16_384


def check(
    history: History,
    model: str = "",
    remembered: int = REMEMBERED,
    steps: int = STEPS,
    watch: Watch = lambda share, doing: None,
) -> Verdict:
    """Whether a history is linearizable under `model`: "register", "cas-register", "kv", or "" for what its kinds need.

    `remembered` bounds memory and `steps` time; beyond either the verdict is unknown, unless another key decides.
    Raises UserError for an unknown model and for an operation the model does not know.

    >>> from sim.linearizability.history import Operation
    >>> stale = [Operation(0, "write", "x", 1, None, 0, 1), Operation(1, "write", "x", 2, None, 2, 3),
    ...          Operation(2, "read", "x", None, 1, 4, 5)]
    >>> print(check(History.of(stale)))
    not linearizable: 1 and 2 each had to come first: 0: write x 1 [0, 1]; 1: write x 2 [2, 3]; 2: read x -> 1 [4, 5]
    """
    made = _model(history, model)
    if _writes_differ(history.operations):
        return _by_zones(history.operations)
    return _by_search(history, made, remembered, steps, watch)


def _model(history: History, name: str) -> type[Model]:
    kinds = {operation.kind: operation for operation in history.operations}
    if not name:
        name = next((name for name, model in MODELS.items() if kinds.keys() <= model.kinds), "register")
    if name not in MODELS:
        raise UserError(f"'{name}' is not a model; {did_you_mean(name, MODELS)}")
    for kind, operation in kinds.items():
        if kind not in MODELS[name].kinds:
            raise UserError(
                f"{operation}: the model {name} knows {', '.join(sorted(MODELS[name].kinds))} but no {kind}"
            )
    return MODELS[name]


def _writes_differ(operations: Sequence[Operation]) -> bool:
    """Whether zones decide: only reads and writes, of which no two of a key write one value, or the initial one."""
    if not all(one.kind in ("read", "write") for one in operations):
        return False
    writes = [(one.key, one.argument) for one in operations if one.kind == "write"]
    return len(set(writes)) == len(writes) and all(value is not None for _, value in writes)


def _by_zones(operations: Sequence[Operation]) -> Verdict:
    keys: dict[Hashable, int] = {}
    values: dict[Hashable, int] = {None: 0}
    columns = np.array(
        [
            (
                keys.setdefault(one.key, len(keys)),
                values.setdefault(one.argument if one.kind == "write" else one.result, len(values)),
                one.kind == "write",
            )
            for one in operations
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    begin = np.array([one.invocation for one in operations], dtype=np.float64)
    end = np.array([one.response for one in operations], dtype=np.float64)
    found = check_columns(columns[:, 0], columns[:, 1], columns[:, 2], begin, end, initial=0)
    if found.linearizable:
        return Verdict(True)
    names = list(values)
    told = [shown(names[int(code)]) for code in found.values]  # type: ignore[call-overload]
    return Verdict(False, tuple(operations[row] for row in found.rows), found.why.format(*told))


def _by_search(history: History, model: type[Model], remembered: int, steps: int, watch: Watch) -> Verdict:
    """Every key gets a slice in turn, longer each round, so one that is violated speaks before others run away."""
    parts = history.by_key()
    live = {key: Search.of(operations, model) for key, operations in parts.items()}
    given_up = ""
    size, left = _SHORTEST, steps
    while live:
        for key, search in list(live.items()):
            watch(1.0 - len(live) / len(parts), f"key {key}" if key is not None else "searching")
            before = search.looked_at
            verdict = search.run(min(size, left))
            left -= search.looked_at - before
            if verdict is False:
                return smallest(parts[key], search, model)
            if verdict:
                del live[key]
        if left <= 0 and live:
            return Verdict(None, reason=f"{len(live)} of {len(parts)} keys undecided after {steps:,} configurations")
        while sum(len(search.seen) for search in live.values()) > remembered:
            largest = max(live, key=lambda key: len(live[key].seen))
            given_up = (
                f"key {largest} takes more than {remembered:,} configurations"
                if largest is not None
                else (f"it takes more than {remembered:,} configurations")
            )
            del live[largest]
        size = min(2 * size, _LONGEST)
    return Verdict(None, reason=given_up) if given_up else Verdict(True)
