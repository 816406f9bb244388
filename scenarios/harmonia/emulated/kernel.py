"""The switch program in the kernel, and its control plane: the counterpart of `switch_control` for `switch.bpf.c`."""

import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from emulation.bpf import Map
from emulation.planes import CACHE, KernelPlane, ip_bytes, mac_bytes
from emulation.topology import Ports
from hardware_models.tofino.crc import byte_table
from scenarios.harmonia.detector import GENERATORS, check_dirty_set, check_switch_id
from scenarios.harmonia.emulated.datagrams import GROUP
from scenarios.harmonia.switch import Route
from sim.errors import UserError
from sim.protocol import Address

SOURCE = Path(__file__).with_name("switch.bpf.c")
CHOICES = 256
_MOST_TARGETS = 16
_SWITCH_ID, _FLOOR = 0, 1
_WRITE_TO, _READ_TO = 0, 1
_TARGET = struct.Struct("=4sI2s6s")
_REGISTERS = struct.Struct("=6I")


class Endpoint(NamedTuple):
    """Where a node listens: behind which port of the switch, and its addresses."""

    port: int
    ip: str
    udp_port: int
    mac: str

    def row(self) -> bytes:
        """As it stands in a map."""
        return _TARGET.pack(ip_bytes(self.ip), self.port, self.udp_port.to_bytes(2, "big"), mac_bytes(self.mac))


class Mode(NamedTuple):
    """What is compiled in: whether it detects conflicts, whether it orders requests, and the size of the dirty set."""

    detects: bool
    orders: bool = False
    stages: int = 3
    slots: int = 4096


class Registers(NamedTuple):
    """The registers: last number issued, last committed point, and counts of what was refused."""

    sequence: int
    committed: int
    refused: int
    full: int
    exhausted: int


class KernelSwitchProgram:
    """An empty switch called `address` with an id, among nodes at `endpoints`; clients are known by `numbers`.

    Raises `UserError` for sizes and ids that cannot be.
    """

    def __init__(
        self,
        mode: Mode,
        switch_id: int,
        address: Address,
        endpoints: Mapping[Address, Endpoint],
        numbers: Mapping[Address, int],
    ) -> None:
        check_dirty_set(mode.stages, mode.slots)
        check_switch_id(switch_id)
        self.mode, self.switch_id, self._endpoints = mode, switch_id, endpoints
        definitions = {
            "DETECTS": int(mode.detects), "ORDERS": int(mode.orders), "STAGES": mode.stages, "SLOTS": mode.slots,
            "GROUP": GROUP,
        }  # fmt: skip
        self.plane = KernelPlane(SOURCE, definitions, _hashes(mode.stages))
        program = self.plane.program
        self._registers, self._dirty = program.map("registers"), program.map("dirty")
        self._constants, self._routes, self._replicas = (
            program.map(name) for name in ("constants", "routes", "replicas")
        )
        _put(self._constants, _SWITCH_ID, struct.pack("=I", switch_id))
        _put(program.map("self"), 0, endpoints[address].row())
        clients = program.map("clients")
        for client, number in numbers.items():
            clients.put(struct.pack("=I", number), endpoints[client].row())

    def install(self, ports: Ports, folder: Path) -> None:
        """Puts it on the ports, in place of what is there."""
        self.plane.start(ports, folder)

    def set_route(self, route: Route) -> None:
        """From now on packets go this way."""
        _put(self._routes, _WRITE_TO, self._row(route.write_to))
        _put(self._routes, _READ_TO, self._row(route.read_to))
        for choice in range(CHOICES if route.replicas else 0):
            _put(self._replicas, choice, self._endpoints[route.replicas[choice % len(route.replicas)]].row())

    def sweep(self) -> None:
        """Lets writes take every slot that is dead now."""
        _put(self._constants, _FLOOR, struct.pack("=I", self.registers().committed))

    def set_sequence(self, sequence: int) -> None:
        """For tests: as if that many writes had been stamped."""
        _put(self._registers, 0, _REGISTERS.pack(0, sequence, *self.registers()[1:]))

    def registers(self) -> Registers:
        """As they stand."""
        row = self._registers.get(bytes(4))
        assert row is not None
        return Registers(*_REGISTERS.unpack(row)[1:])

    def dirty(self) -> bytes:
        """The register arrays as they lie in memory: stages of slots of (object id, sequence), 32 bits each."""
        row = self._dirty.get(bytes(4))
        assert row is not None
        return row

    def _row(self, targets: tuple[Address, ...]) -> bytes:
        if len(targets) > _MOST_TARGETS:
            raise UserError(f"{len(targets)} targets of a route; the switch program has room for {_MOST_TARGETS}")
        rows = b"".join(self._endpoints[target].row() for target in targets)
        return struct.pack("=I", len(targets)) + rows.ljust(_MOST_TARGETS * _TARGET.size, b"\0")


def _put(table: Map, key: int, row: bytes) -> None:
    table.put(struct.pack("=I", key), row)


@cache
def _hashes(stages: int) -> Path:
    """A folder with the stages' hashes as tables for the compiler."""
    folder = CACHE / f"hashes-{stages}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = (f"{{{', '.join(map(hex, byte_table(generator)))}}}" for generator in GENERATORS[:stages])
    text = f"static const __u32 crc_table[STAGES][256] = {{{', '.join(rows)}}};\n"
    header = folder / "crc.h"
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    return folder
