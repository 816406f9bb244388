"""Secret numbers of a testbed: from named streams, so that a run repeats bit for bit; nothing that guards real data."""

from sim.rng import Streams


class Draws:
    """Draws numbers of any length from the stream called `names`.

    >>> draw = Draws(Streams(1, "helen", 0), "party", 0)
    >>> draw(200).bit_length() <= 200, draw(200) != draw(200), len(draw.many(3, 10))
    (True, True, 3)
    """

    def __init__(self, streams: Streams, *names: str | int) -> None:
        self._generator = streams(*names).generator

    def __call__(self, bits: int) -> int:
        """Uniform from 0 to 2^bits - 1."""
        return self.many(1, bits)[0]

    def many(self, count: int, bits: int) -> list[int]:
        """So many of them."""
        width = (bits + 7) // 8
        data, excess = self._generator.bytes(count * width), -bits % 8
        return [int.from_bytes(data[i : i + width], "big") >> excess for i in range(0, count * width, width)]
