"""Our header for Scapy: captured files are dissected down to the fields of Harmonia's packets."""

from pathlib import Path
from typing import Any, ClassVar

from scapy.fields import ByteEnumField, FlagsField, IntField, ShortField
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw, bind_layers
from scapy.utils import PcapReader

from scenarios.harmonia.packet import Op

#: Nodes listen on ports from there on.
PORTS = range(7000, 7256)
_MESSAGE = {0: "MESSAGE"}


class Harmonia(Packet):
    """The header between UDP and key and value."""

    name = "Harmonia"
    fields_desc: ClassVar[list[Any]] = [
        ByteEnumField("op", 1, {int(op): op.name for op in Op}),
        FlagsField("flags", 0, 8, ["single"]),
        ShortField("group", 1),
        IntField("object_id", 0),
        ShortField("switch_id", 0),
        ShortField("committed_switch", 0),
        IntField("sequence", 0),
        IntField("committed", 0),
        IntField("client", 0),
        IntField("request", 0),
    ]

    def mysummary(self) -> str:
        """One line for lists of packets."""
        return str(self.sprintf("%Harmonia.op% object %Harmonia.object_id% of client %Harmonia.client%"))


class NodeMessage(Packet):
    """What nodes say to each other: op 0, then msgpack."""

    name = "NodeMessage"
    fields_desc: ClassVar[list[Any]] = [ByteEnumField("op", 0, _MESSAGE)]


class _Either(Packet):
    @classmethod
    def dispatch_hook(cls, data: bytes | None = None, *rest: object, **more: object) -> type[Packet]:
        if not data:
            return Harmonia
        return NodeMessage if data[0] == 0 else Harmonia if data[0] in {*Op} else Raw


for _port in PORTS:
    bind_layers(UDP, _Either, dport=_port)


def dissected(file: Path) -> list[Packet]:
    """The packets of a captured file."""
    with PcapReader(str(file)) as reader:
        return [packet if isinstance(packet, Ether) else Ether(bytes(packet)) for packet in reader]
