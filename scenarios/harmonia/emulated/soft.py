"""The switch in user space: the simulator's own switch node behind raw sockets, its data plane the pipeline model's.

For what a kernel program cannot show, and to carry delay, jitter and reordering where the kernel has no netem. It runs
the very program that is placed on the chip, one packet after the other, and is that much slower.
"""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from emulation.planes import ip_bytes, mac_bytes
from emulation.soft_switch import PacketFunction, forwarding
from emulation.topology import Port
from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.interpreter import Interpreter
from scenarios.harmonia.detector import ABSORBED, Verdict
from scenarios.harmonia.emulated.datagrams import Datagrams
from scenarios.harmonia.packet import Packet
from scenarios.harmonia.rack import KINDS, SWITCH, Settings, servers
from scenarios.harmonia.switch import Activate, HarmoniaSwitch, Switch
from scenarios.harmonia.switch_control import SwitchControl
from scenarios.harmonia.switch_program import Plan, build
from scenarios.harmonia.wire import decode, encode
from sim.protocol import Address, Effect, Send

#: Ports of the pipeline: targets of writes and of normal reads, clients, replicas from there on.
_WRITE, _READ, _CLIENT, _REPLICAS = 1, 2, 3, 4
_TARGETS = {_WRITE: "write", _READ: "read", _CLIENT: "client"}
_NUMBER = 0


class PipelineDataPlane:
    """The switch program on the pipeline model, as a switch node's data plane. Reads choose by the program's hash."""

    def __init__(self, switch_id: int, stages: int, slots: int, replicas: Sequence[Address], chip: str) -> None:
        self._program = build(Plan(stages=stages, slots=slots))
        self._engine = Interpreter(self._program, TofinoCard.model_validate(chip))
        self._control = SwitchControl(self._engine.state, switch_id, _WRITE, _READ)
        self._control.add_client(_NUMBER, _CLIENT)
        self.replicas = tuple(replicas)

    @property
    def replicas(self) -> tuple[Address, ...]:
        """Who may answer single-replica reads."""
        return self._replicas

    @replicas.setter
    def replicas(self, replicas: tuple[Address, ...]) -> None:
        self._replicas = replicas
        self._control.set_replicas([_REPLICAS + number for number in range(len(replicas))])

    def process(self, packet: Packet, choice: int = 0) -> Verdict:
        """What the program makes of a packet."""
        done = self._engine.process(encode(packet, _NUMBER), port=0)
        if done.drop:
            return Verdict("drop", packet, reason=self._program.reasons[done.drop - 1] or ABSORBED)
        out = decode(done.data, packet.client)._replace(key=packet.key, value=packet.value)
        target = _TARGETS.get(done.port)
        if target is None:
            return Verdict("replica", out, self._replicas[done.port - _REPLICAS])
        return Verdict(target, out)  # type: ignore[arg-type]

    def sweep(self) -> None:
        """Frees the slots of dead entries."""
        self._control.sweep()

    def freeze(self) -> Hashable:
        """The replicas, and what the program remembers."""
        return self._replicas, self._control.freeze()

    def thaw(self, state: Any) -> None:
        """Goes back to it."""
        self.replicas, control = state
        self._control.thaw(control)


def switch(
    ports: Sequence[Port],
    directory: Mapping[Address, Sequence[Any]],
    settings: Mapping[str, Any],
    chip: str = "tofino1",
) -> PacketFunction:
    """A packet function: frames to the switch's address are its node's, all others are forwarded."""
    given = Settings(**settings)
    kind, names = KINDS[given.protocol], servers(given)
    active = Activate(1, kind.route(1, names, names))
    calls = iter(range(2**62))

    def data_plane(switch_id: int, replicas: tuple[Address, ...]) -> PipelineDataPlane:
        return PipelineDataPlane(switch_id, given.stages, given.slots, replicas, chip)

    def choose(n: int) -> int:
        return next(calls) % n

    node: Switch = (
        HarmoniaSwitch(SWITCH, choose, data_plane, active) if given.detects else kind.plain(SWITCH, choose, active)
    )
    return _on_frames(ports, {who: (ip, port) for who, (ip, port) in directory.items()}, node, given.sweep)


def _on_frames(
    ports: Sequence[Port], directory: Mapping[Address, tuple[str, int]], node: Switch, sweep: float
) -> PacketFunction:
    codec, forward = Datagrams(list(directory)), forwarding(ports)
    senders = {(ip_bytes(ip), port): who for who, (ip, port) in directory.items()}
    ours, our_port = ip_bytes(directory[SWITCH][0]), directory[SWITCH][1].to_bytes(2, "big")
    frames = _framing(ports, directory)
    swept = [0.0]

    def function(frame: bytes, source: str) -> Sequence[tuple[str, bytes]]:
        if frame[30:34] != ours or frame[23:24] != b"\x11" or frame[36:38] != our_port:
            return forward(frame, source)
        now = time.monotonic()
        if isinstance(node, HarmoniaSwitch) and node.data_plane is not None and now > swept[0] + sweep:
            swept[0] = now
            node.data_plane.sweep()
        size = int.from_bytes(frame[38:40], "big")
        try:
            message = codec.decode(frame[42 : 34 + size])
        except ValueError:
            return ()
        sender = senders.get((frame[26:30], int.from_bytes(frame[34:36], "big")), "")
        return [frames(effect.to, codec.encode(effect.message)) for effect in _sends(node, now, sender, message)]

    return function


def _sends(node: Switch, now: float, sender: Address, message: Any) -> list[Send]:
    effects: Sequence[Effect] = node.on_message(now, sender, message)
    return [effect for effect in effects if isinstance(effect, Send)]


def _framing(
    ports: Sequence[Port], directory: Mapping[Address, tuple[str, int]]
) -> Callable[[Address, bytes], tuple[str, bytes]]:
    """A function that makes (host, frame) of an address and a payload, from the switch."""
    by_ip = {port.ip: port for port in ports}
    here, port_here = directory[SWITCH]

    def framed(to: Address, payload: bytes) -> tuple[str, bytes]:
        ip, port = directory[to]
        place = by_ip[ip]
        head = b"\x45\x00" + (28 + len(payload)).to_bytes(2, "big") + b"\x00\x00\x40\x00\x40\x11"
        addresses = ip_bytes(here) + ip_bytes(ip)
        total = sum(int.from_bytes((head + addresses)[at : at + 2], "big") for at in range(0, 18, 2))
        total = (total & 0xFFFF) + (total >> 16)
        checksum = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
        udp = port_here.to_bytes(2, "big") + port.to_bytes(2, "big") + (8 + len(payload)).to_bytes(2, "big") + b"\0\0"
        ethernet = mac_bytes(place.mac) + mac_bytes(by_ip[here].mac) + b"\x08\x00"
        return place.host, ethernet + head + checksum + addresses + udp + payload

    return framed
