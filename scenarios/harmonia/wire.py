"""Harmonia's header as bytes: what `switch_program.header` lays out, for packets of `packet.Packet`.

Key and value are payload and stay with whoever sends them; clients are numbered on the wire.
"""

from struct import Struct

from scenarios.harmonia.packet import Op, Packet, Stamp
from scenarios.harmonia.switch_program import SINGLE
from sim.errors import UserError
from sim.protocol import Address

#: op, flags, group, object, switch and sequence of the stamp and of the last committed point, client, request.
_LAYOUT = Struct(">BBHIHHIIII")
HEADER_BYTES = _LAYOUT.size


#: Bytes that a message takes on the wire beside its value: Ethernet with preamble and gap, IP, UDP, and the header.
ENVELOPE = 38 + 20 + 8 + 32


def encode(packet: Packet, client: int, group: int = 1) -> bytes:
    """The header of a packet whose client has the number `client`."""
    return _LAYOUT.pack(
        packet.op,
        SINGLE if packet.single else 0,
        group,
        packet.object_id,
        packet.stamp.switch,
        packet.committed.switch,
        packet.stamp.sequence,
        packet.committed.sequence,
        client,
        packet.request,
    )


def decode(data: bytes, client: Address) -> Packet:
    """The packet in `data`, without key and value. Raises `UserError` if it is truncated or its op unknown."""
    if len(data) < HEADER_BYTES:
        raise UserError(f"packet of {len(data)} bytes is truncated; a header has {HEADER_BYTES}")
    op, flags, _, object_id, switch, committed_switch, sequence, committed, _, request = _LAYOUT.unpack_from(data)
    if op not in set(Op):
        raise UserError(f"op {op} is unknown; allowed: {', '.join(f'{one.value} ({one.name})' for one in Op)}")
    stamps = Stamp(switch, sequence), Stamp(committed_switch, committed)
    return Packet(Op(op), object_id, client, request, *stamps, single=bool(flags & SINGLE))
