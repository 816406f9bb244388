"""How fast does the explorer search, is anything wrong with the protocols, and does it find what is?

Every `SAFE` world is searched up to a million states or more, every cell of mutants until its violation. The claims,
checked at the end: no violation in the former, the expected violation in each of the latter. Give a number of states
to search farther.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "scenarios" / "harmonia"))

#: Each has SAFE and CELLS.
MODULES = ("explored_chain", "explored_quorum")


def main(states=1_200_000):
    explored = [import_module(module) for module in MODULES if find_spec(module)]
    failed = [name for module in explored for name, search in module.SAFE.items() if not safe(name, search, states)]
    for module in explored:
        failed += [cell for cell, (violation, search) in module.CELLS.items() if not found(cell, violation, search)]
    print(f"failed: {failed}" if failed else "no violation without a mutation, one for each mutation")
    return bool(failed)


def safe(name, search, states):
    started = process_time()
    result = search(states=states)
    seconds = process_time() - started
    speed, memory = result.states / seconds / 1e3, getrusage(RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name:46s} {result}, {result.depth} steps deep, {speed:.0f} k states/s, {memory:.0f} MB", flush=True)
    return not result.violation


def found(cell, violation, search):
    result = search()
    print(f"\n{' with '.join(cell)}, {result.states:,} states\n{result}", flush=True)
    return violation in result.violation


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
