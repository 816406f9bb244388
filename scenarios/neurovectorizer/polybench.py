"""Loop nests in the manner of PolyBench: linear algebra, stencils and data mining, each with its innermost loop marked.

The nests are written anew after the algorithms that the suite names; no text is the suite's. Outer loops take 32 steps,
the innermost one `n`, so that a nest has the trip count that is asked for; matrices are rows of `n` or, where the
innermost loop goes down a column, of 32. Only the marked loop gets a pragma, so an order of loops that is bad stays
bad: that is what Polly is measured for.
"""

from pathlib import Path

from scenarios.neurovectorizer.kernel import Kernel

#: Rows of room in each array: the outer loops' 32, and the one further that a stencil looks at.
_ROOM = 34


def polybench(n: int = 1000) -> tuple[Kernel, ...]:
    """14 nests whose innermost loop takes `n` iterations."""
    text = (Path(__file__).parent / "polybench.c").read_text(encoding="ascii")
    found = [Kernel(source + "\n", n, reach=_ROOM) for source in text.strip().split("\n\n")]
    return tuple(Kernel(one.source, n, one.name, _ROOM) for one in found)
