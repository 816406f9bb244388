"""Messages of parties as bytes: a head of fixed length, then what a party says.

What is no message comes out as `Unreadable`, and the end of a connection (empty bytes) as `Gone`, so that the party
that gets it can say from whom and stop.

>>> codec = Frames()
>>> codec.decode(codec.encode(Told(bytes(32), 3, bytes(32), b"abc"))).number, codec.decode(b"?")
(3, Unreadable(why='1 bytes that are no message'))
"""

import struct
from collections.abc import Iterable

from scenarios.helen.party import Gone, Stopping, Told, Unreadable
from sim.protocol import Address

#: First bytes of what a party says, of its stopping, and of what `emulation.connections` says of a message it refused.
_TOLD, _STOPPING, _REFUSED = b"T", b"S", b"!"
_HEAD = struct.Struct(">c32sI32s")
_STOP = struct.Struct(">c32sih")
#: Bytes of a message beside its body.
HEAD = _HEAD.size


class Frames:
    """The codec that all parties speak; it needs to know no addresses."""

    def __init__(self, addresses: Iterable[Address] = ()) -> None:
        pass

    def encode(self, message: Told | Stopping) -> bytes:
        """A message as bytes."""
        if isinstance(message, Told):
            return _HEAD.pack(_TOLD, message.session, message.number, message.heard) + message.body
        check = message.check.encode()
        return _STOP.pack(_STOPPING, message.session, message.culprit, len(check)) + check + message.detail.encode()

    def decode(self, data: bytes) -> Told | Stopping | Unreadable | Gone:
        """The message, or that it is none."""
        if data[:1] == _TOLD and len(data) >= _HEAD.size:
            _, session, number, heard = _HEAD.unpack_from(data)
            return Told(session, number, heard, data[_HEAD.size :])
        if data[:1] == _STOPPING and len(data) >= _STOP.size:
            _, session, culprit, size = _STOP.unpack_from(data)
            text = data[_STOP.size :]
            return Stopping(
                session, text[:size].decode(errors="replace"), culprit, text[size:].decode(errors="replace")
            )
        if data[:1] == _REFUSED:
            return Unreadable(data[1:].decode(errors="replace"))
        return Unreadable(f"{len(data)} bytes that are no message") if data else Gone()
