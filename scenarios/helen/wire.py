"""Numbers as bytes and back: every length is known to both sides beforehand, and what does not fit is refused.

>>> out = Writer(modulus_bits=64); out.integers([-5, 300], bits=12); out.ciphertexts([7]); len(out.data())
20
>>> data = Reader(out.data(), modulus_bits=64); data.integers(2, bits=12), data.ciphertexts(1), data.end()
([-5, 300], [mpz(7)], None)
"""

from collections.abc import Iterable

from gmpy2 import mpz


class Malformed(Exception):  # noqa: N818 - what the bytes are
    """Bytes that are not what they should be."""


class Writer:
    """Collects numbers; ciphertexts are those of a modulus of `modulus_bits` bits."""

    def __init__(self, modulus_bits: int) -> None:
        self._width, self._parts = _ciphertext_width(modulus_bits), list[bytes]()

    def ciphertexts(self, numbers: Iterable[mpz]) -> None:
        """Numbers modulo N^2."""
        self._parts.extend(int(number).to_bytes(self._width, "big") for number in numbers)

    def integers(self, numbers: Iterable[int], bits: int) -> None:
        """Numbers of either sign, of at most `bits` bits beside the sign; a longer one keeps its lowest bits."""
        width = bits // 8 + 1
        half = 1 << (8 * width - 1)
        self._parts.extend(
            ((int(number) + half) % (2 * half) - half).to_bytes(width, "big", signed=True) for number in numbers
        )

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._parts.append(data)

    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


class Reader:
    """Takes numbers off bytes; `Malformed` if there are too few, or too many at the `end`."""

    def __init__(self, data: bytes, modulus_bits: int) -> None:
        self._width, self._data, self._at = _ciphertext_width(modulus_bits), data, 0

    def ciphertexts(self, count: int) -> list[mpz]:
        """So many numbers modulo N^2."""
        return [mpz(int.from_bytes(self.raw(self._width), "big")) for _ in range(count)]

    def integers(self, count: int, bits: int) -> list[int]:
        """So many numbers of at most `bits` bits beside the sign; `Malformed` for one that is longer."""
        width = bits // 8 + 1
        numbers = [int.from_bytes(self.raw(width), "big", signed=True) for _ in range(count)]
        if any(abs(number) >> bits for number in numbers):
            raise Malformed(f"a number is longer than {bits} bits")
        return numbers

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        self._at += size
        if self._at > len(self._data):
            raise Malformed(f"{len(self._data)} bytes are too few")
        return self._data[self._at - size : self._at]

    def end(self) -> None:
        """`Malformed` if anything is left."""
        if self._at != len(self._data):
            raise Malformed(f"{len(self._data) - self._at} bytes too many")


def _ciphertext_width(modulus_bits: int) -> int:
    return (2 * modulus_bits + 7) // 8
