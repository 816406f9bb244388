"""`check-history`: whether what clients saw could come from one copy of the data."""

import sys
from argparse import Namespace
from pathlib import Path

from sim.errors import UserError
from sim.linearizability.check import check
from sim.linearizability.readers.files import read
from sim.linearizability.verdict import Verdict
from sim.progress import Meter, meter

#: Of several files the first of these that one of them comes to: bad input, a violation, unknown.
_SEVERITY = (2, 1, 3, 0)
_STATUS = {True: 0, False: 1, None: 3}


def check_history(given: Namespace) -> int:
    """One line per file. Status 0 if all are linearizable, 1 if one is not, 3 if one is unknown, 2 for bad input."""
    statuses = set()
    with meter(len(given.files), "histories") as shown:
        for file in given.files:
            try:
                verdict = _verdict(file, given, shown)
            except UserError as error:
                print(f"windtunnel: {file}: {error}", file=sys.stderr)
                statuses.add(2)
            else:
                print(f"{file}: {verdict}", flush=True)
                statuses.add(_STATUS[verdict.linearizable])
            shown.step(str(file))
    return next(status for status in _SEVERITY if status in statuses)


def _verdict(file: Path, given: Namespace, shown: Meter) -> Verdict:
    history = read(file, given.format, lambda line: shown.watch(str(file), 0.0, f"reading line {line:,}"))
    return check(history, given.model, watch=lambda share, doing: shown.watch(str(file), share, doing))
