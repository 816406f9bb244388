"""Secret numbers of a testbed: from named streams, so that a run repeats bit for bit; nothing that guards real data."""

from sim.rng import Streams


class Draws:
    """Draws numbers of any length from the stream called `names`.

    >>> draw = Draws(Streams(1, "helen", 0), "party", 0)
    >>> draw(200).bit_length() <= 200, draw(200) != draw(200)
    (True, True)
    """

    def __init__(self, streams: Streams, *names: str | int) -> None:
        self._generator = streams(*names).generator

    def __call__(self, bits: int) -> int:
        """Uniform from 0 to 2^bits - 1."""
        whole = int.from_bytes(self._generator.bytes((bits + 7) // 8), "big")
        return whole >> (-bits % 8)
