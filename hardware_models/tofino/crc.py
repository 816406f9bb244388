"""Cyclic redundancy checks of 32 bits, most significant bit first: what a switch's hash units compute.

Initial value and final exclusive or are all ones, as in CRC-32/BZIP2, whose check value is that of the CRC catalogue:

>>> hex(crc(b"123456789", POLYNOMIALS["crc32"]))
'0xfc891918'
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Generators without their leading term, by name. They differ enough for the stages of a multi-stage hash table.
#: Source: the CRC catalogue (reveng.sourceforge.io) for all but crc32k2, which is Castagnoli et al. 1993; from memory.
POLYNOMIALS = {
    "crc32": 0x04C11DB7,
    "crc32c": 0x1EDC6F41,
    "crc32d": 0xA833982B,
    "crc32k": 0x741B8CD7,
    "crc32autosar": 0xF4ACFB13,
    "crc32q": 0x814141AB,
    "crc32cdrom": 0x8001801B,
    "crc32k2": 0x32583499,
}
ONES = 0xFFFFFFFF


def reciprocal(generator: int) -> int:
    """The generator whose coefficients are those of `generator` backwards: as good a code, and another hash.

    >>> hex(reciprocal(0x04C11DB7))
    '0xdb710641'
    """
    whole = (1 << 32) | generator
    return int(f"{whole:033b}"[::-1], 2) & ONES


@cache
def byte_table(generator: int) -> tuple[int, ...]:
    """The remainder of each byte's polynomial, 256 of them."""
    table = []
    for byte in range(256):
        rest = byte << 24
        for _ in range(8):
            rest = ((rest << 1) ^ generator if rest & 0x80000000 else rest << 1) & ONES
        table.append(rest)
    return tuple(table)


def crc(data: bytes, generator: int) -> int:
    """The CRC of `data`, 0 to 2**32 - 1."""
    table, rest = byte_table(generator), ONES
    for byte in data:
        rest = ((rest << 8) & ONES) ^ table[(rest >> 24) ^ byte]
    return rest ^ ONES


def crc_of_words(words: NDArray[np.uint32], generator: int) -> NDArray[np.uint32]:
    """The CRCs of many 32-bit words, each as four bytes, most significant first.

    >>> words = np.array([0x31323334], dtype=np.uint32)
    >>> int(crc_of_words(words, POLYNOMIALS["crc32"])[0]) == crc(b"1234", POLYNOMIALS["crc32"])
    True
    """
    table = np.array(byte_table(generator), dtype=np.uint32)
    rest = np.full(words.shape, ONES, dtype=np.uint32)
    for shift in (24, 16, 8, 0):
        rest = (rest << np.uint32(8)) ^ table[((rest >> np.uint32(24)) ^ (words >> np.uint32(shift))) & np.uint32(255)]
    return rest ^ np.uint32(ONES)
