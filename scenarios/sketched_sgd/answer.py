"""The answer of a study in words: where compression pays (`winning`), and what it costs in accuracy (`learned`)."""

from collections.abc import Sequence

from scenarios.sketched_sgd import learned, winning
from sim.record import Record


def sentences(records: Sequence[Record]) -> list[str]:
    """What can be said of these runs; nothing where nothing was varied."""
    return [*winning.sentences(records), *learned.sentences(records)]
