"""The packet header vector: which containers a program's fields take.

Every field lives in containers of its own: the smallest that holds it, larger ones when those are used up, several of
32 bits if it is wider. Validity bits share containers of 8. The compiler packs tighter where it can, so a program that
this refuses might just fit; one that it accepts does.
"""

from dataclasses import dataclass
from math import ceil

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.program import Program
from sim.errors import UserError


@dataclass(frozen=True)
class Containers:
    """Containers of 8, 16 and 32 bits that are taken, and the bits in them that fields use."""

    taken_8: int
    taken_16: int
    taken_32: int
    bits: int


def containers(program: Program, card: TofinoCard) -> Containers:
    """The containers of a program. Raises `UserError` if the card has too few."""
    sizes = (8, 16, 32)
    have = dict(zip(sizes, (card.phv.containers_8, card.phv.containers_16, card.phv.containers_32), strict=True))
    taken = dict.fromkeys(sizes, 0)
    valid = {header.valid.name for header in program.headers}
    widths = [field.width for name, field in program.fields.items() if name not in valid]
    pieces = [min(32, width - at) for width in widths for at in range(0, width, 32)] + [8] * ceil(len(valid) / 8)
    for bits in sorted(pieces, reverse=True):
        size = next((size for size in sizes if bits <= size and taken[size] < have[size]), None)
        if size is None:
            raise UserError(
                f"program {program.name} needs {sum(pieces)} bits of header vector in {len(pieces)} containers; "
                f"{card.card} has {', '.join(f'{have[one]} of {one} bits' for one in sizes)}"
            )
        taken[size] += 1
    return Containers(taken[8], taken[16], taken[32], sum(widths) + len(valid))
