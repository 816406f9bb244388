"""What the data planes of an emulated switch cost: round trips and packets per second, side by side in one room.

Run as root: `python benchmarks/emulated_planes.py`. A read goes from a client through the switch to a replica, and its
answer back. The kernel program is beside plain forwarding in the kernel, in turns; the pipeline model's program in user
space beside plain forwarding in user space; Open vSwitch's user-space datapath beside all.
"""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from emulation.bpf import network_of
from emulation.flood import flood
from emulation.isolation import Isolated
from emulation.line import Faults
from emulation.named import Made
from emulation.planes import KernelPlane, OpenVSwitchPlane, SoftPlane
from emulation.session import Session
from emulation.topology import Rack
from emulation.usage import Machine, cpu_seconds
from scenarios.harmonia.emulated.datagrams import Datagrams
from scenarios.harmonia.emulated.kernel import Endpoint, KernelSwitchProgram, Mode
from scenarios.harmonia.packet import Op, Packet, object_id
from scenarios.harmonia.rack import CONTROLLER, SWITCH, Settings
from scenarios.harmonia.switch import Route

_HOSTS = ("client", "r0", "cpu")
_ROUNDS, _TRIPS, _SECONDS, _MOST = 15, 400, 1.5, 3_000_000
_PATIENCE = 5.0
_SETTINGS = Settings("chain", True, 1, 3, 4096, 1.0, 1.0, 1.0, 1.0, 1.0)
_PORT = 7000


def inside(argument: None, folder: Path) -> dict[str, dict[str, float]]:
    """In the room: every plane in turn."""
    found: dict[str, dict[str, float]] = {}
    plain = KernelPlane()
    with Session(Rack(_HOSTS), plain, folder) as session:
        bench = Bench(session)
        harmonia = bench.program()
        trips: dict[str, list[float]] = {"kernel forwarding": [], "kernel Harmonia": []}
        for _ in range(_ROUNDS):
            plain.start(session.ports, folder)
            trips["kernel forwarding"] += bench.round_trips(through_switch=False)
            harmonia.install(session.ports, folder)
            bench.complete_a_write()
            trips["kernel Harmonia"] += bench.round_trips(through_switch=True)
        found = {name: {"round trip": median(times)} for name, times in trips.items()}
        found["kernel Harmonia"] |= bench.rate(through_switch=True)
        plain.start(session.ports, folder)
        found["kernel forwarding"] |= bench.rate(through_switch=False)
        plain.stop()
        arguments = {"directory": bench.directory, "settings": _SETTINGS._asdict()}
        for name, plane, through in (
            (
                "user-space pipeline",
                SoftPlane(Made("scenarios.harmonia.emulated.soft:switch", arguments), Faults()),
                True,
            ),
            ("user-space forwarding", SoftPlane(Made("emulation.soft_switch:forwarding"), Faults()), False),
            ("Open vSwitch, user space", OpenVSwitchPlane(), False),
        ):
            session.plane = plane
            plane.start(session.ports, folder)
            if through:
                bench.complete_a_write()
            bench.round_trips(through)
            found[name] = {"round trip": median(bench.round_trips(through))} | bench.rate(through)
            plane.stop()
    return found


class Bench:
    """A client's and a replica's socket, both in this process, and the frames between them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        client, replica, console = (session.rack.ip(host) for host in _HOSTS)
        self.directory = {
            "c0": (client, _PORT),
            "r0": (replica, _PORT),
            SWITCH: (console, _PORT),
            CONTROLLER: (console, _PORT + 1),
        }
        codec = self._codec = Datagrams(list(self.directory))
        read = Packet(Op.READ, object_id(1), "c0", 1, key=1)
        self._read, self._answer = codec.encode(read), codec.encode(read._replace(op=Op.READ_REPLY, value="x"))
        self._client, self._replica = self._socket("client"), self._socket("r0")

    def program(self) -> KernelSwitchProgram:
        """Harmonia's in the kernel, for these nodes."""
        ports = self._session.ports.by_host
        hosts = {"c0": "client", "r0": "r0", SWITCH: "cpu", CONTROLLER: "cpu"}
        endpoints = {
            who: Endpoint(ports[hosts[who]].number, ip, port, ports[hosts[who]].mac)
            for who, (ip, port) in self.directory.items()
        }
        made = KernelSwitchProgram(Mode(True), 1, SWITCH, endpoints, {"c0": 0})
        made.set_route(Route(1, ("r0",), ("r0",), ("r0",)))
        return made

    def complete_a_write(self) -> None:
        """From now on the switch lets a single replica answer."""
        self._client.sendto(
            self._codec.encode(Packet(Op.WRITE, object_id(2), "c0", 2, key=2, value=2)), self._to(SWITCH)
        )
        write = self._codec.decode(self._replica.recv(2048))
        assert isinstance(write, Packet)
        self._replica.sendto(self._codec.encode(write._replace(op=Op.WRITE_REPLY)), self._to(SWITCH))
        self._client.recv(2048)
        self._client.sendto(self._read, self._to(SWITCH))
        read = self._codec.decode(self._replica.recv(2048))
        assert isinstance(read, Packet)
        assert read.single

    def round_trips(self, through_switch: bool) -> list[float]:
        """Seconds of each of some round trips: through the switch's program, or straight to the other host."""
        there, back = (self._to(SWITCH), self._to(SWITCH)) if through_switch else (self._to("r0"), self._to("c0"))
        times = []
        for _ in range(_TRIPS):
            begin = time.perf_counter()
            self._client.sendto(self._read, there)
            self._replica.recv(2048)
            self._replica.sendto(self._answer, back)
            self._client.recv(2048)
            times.append(time.perf_counter() - begin)
        return times

    def rate(self, through_switch: bool) -> dict[str, float]:
        """Packets per second that reach the replica's host, of as many as one core sends, and what was busy."""
        with network_of(self._session.pid("client")):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.SOL_SOCKET, 11, 1)
        sender.bind((self.directory["c0"][0], 0))
        sender.connect(self._to(SWITCH if through_switch else "r0"))
        watch = {f"{name} busy": process for name, process in self._session.plane.processes().items()}
        used = {name: cpu_seconds(process) for name, process in watch.items()}
        machine, begin, before = Machine.now(), time.monotonic(), self._arrived()
        flood(sender, self._read, _SECONDS, _MOST)
        seconds = time.monotonic() - begin
        arrived = self._arrived() - before
        busy = Machine.now().busy_since(machine)
        shares = {name: (cpu_seconds(process) - used[name]) / seconds for name, process in watch.items()}
        time.sleep(0.5)
        self._drain()
        return {"packets per second": arrived / seconds, "machine busy": busy} | shares

    def _arrived(self) -> int:
        with network_of(self._session.pid("r0")):
            rows = [line.split() for line in Path("/proc/thread-self/net/dev").read_text().splitlines()]
        return next(int(row[2]) for row in rows if row[0] == "r0-eth0:")

    def _drain(self) -> None:
        self._replica.setblocking(False)
        with suppress(BlockingIOError):
            while self._replica.recv(2048):
                pass
        self._replica.settimeout(_PATIENCE)

    def _to(self, who: str) -> tuple[str, int]:
        return self.directory[who]

    def _socket(self, host: str) -> socket.socket:
        with network_of(self._session.pid(host)):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, 11, 1)
        made.bind((self._session.rack.ip(host), _PORT))
        made.settimeout(_PATIENCE)
        return made


def main() -> None:
    """Measures, and prints what line of the table says what."""
    with Isolated() as room:
        found = room.call("emulated_planes:inside", None, 120.0)
    print(f"{'data plane':26} {'round trip':>12} {'packets/s':>12}   busy")
    for name, told in found.items():
        busy = ", ".join(f"{what.removesuffix(' busy')} {share:.0%}" for what, share in told.items() if "busy" in what)
        print(f"{name:26} {told['round trip'] * 1e6:9.2f} us {told['packets per second']:12,.0f}   {busy}")
    kernel, plain, soft = (found[name] for name in ("kernel Harmonia", "kernel forwarding", "user-space pipeline"))
    print(f"the program adds {kernel['round trip'] / plain['round trip'] - 1:+.1%} to the median round trip")
    print(
        f"and forwards {kernel['packets per second'] / soft['packets per second']:.0f} times what the soft switch does"
    )


if __name__ == "__main__":
    sys.exit(main())
