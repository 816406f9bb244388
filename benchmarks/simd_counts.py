"""Instructions that the trace says are executed, against single steps: every action of every judging loop.

No sample is taken and no trip count shortened. "unseen" counts the loops of that set instead. The ratio at the end is
instructions interpreted per second over instructions stepped per second, disassembly and start of programs included.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from hardware_models.simd.compiled import traces
from hardware_models.simd.stepping import counted
from scenarios.neurovectorizer.actions import ACTIONS
from scenarios.neurovectorizer.harness import build
from scenarios.neurovectorizer.image import arguments
from scenarios.neurovectorizer.own_loops import judging, unseen

SYMBOLS = [f"variant_{k}" for k in range(len(ACTIONS))]


def main() -> None:
    equal = pairs = instructions = 0
    interpreting = stepping = 0.0
    for kernel in unseen() if "unseen" in sys.argv else judging():
        with tempfile.TemporaryDirectory() as place:
            built = build(kernel, Path(place))
            start = perf_counter()
            found = traces(built.program, SYMBOLS, arguments(kernel))
            between = perf_counter()
            steps = [counted(built.program, ["count", str(k)], s, Path(place)) for k, s in enumerate(SYMBOLS)]
            stepping += perf_counter() - between
            interpreting += between - start
        said = [len(found[s][1]) for s in SYMBOLS]
        equal += sum(a == b for a, b in zip(said, steps, strict=True))
        pairs += len(steps)
        instructions += sum(steps)
        print(f"  {kernel.name:24s} {equal} of {pairs} equal", flush=True)
    print(f"instruction counts equal to single steps: {equal} of {pairs} pairs, {instructions} instructions; "
          f"interpreted {stepping / interpreting:.1f} times as fast as stepped")  # fmt: skip


if __name__ == "__main__":
    main()
