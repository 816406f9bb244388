"""Data planes behind one interface: what carries packets from port to port of an emulated switch.

| plane | runs | faults it can carry itself |
|---|---|---|
| `KernelPlane` | a program in the kernel, on every port | loss, duplication |
| `SoftPlane` | a packet function in a process, over raw sockets | all |
| `OpenVSwitchPlane` | Open vSwitch's user-space datapath | none |
"""

import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from emulation.bpf import HEADERS, Map, Program, compile_program, network_of
from emulation.line import Faults
from emulation.named import Made
from emulation.topology import Ports
from sim.errors import UserError

#: Where compiled programs are kept between runs.
CACHE = Path("/var/cache/windtunnel/bpf")
#: What Open vSwitch calls the one system that its database describes.
_IDENTITY = "windtunnel"
_FORWARD = HEADERS / "forward.bpf.c"


class DataPlane(Protocol):
    """Something that can be put into a switch and taken out again."""

    name: str

    def start(self, ports: Ports, folder: Path) -> None:
        """Begins to carry packets between the ports; files go into `folder`."""

    def stop(self) -> None:
        """No packet passes from now on."""

    def set_faults(self, faults: Faults) -> None:
        """From now on packets suffer these. Raises `UserError` for what this plane cannot do."""

    def processes(self) -> dict[str, int]:
        """Processes that carry packets, by name."""


def ip_bytes(ip: str) -> bytes:
    """An IPv4 address as it stands in a packet."""
    return bytes(map(int, ip.split(".")))


def mac_bytes(mac: str) -> bytes:
    """A hardware address as it stands in a packet."""
    return bytes.fromhex(mac.replace(":", ""))


class KernelPlane:
    """A classifier on every port: plain forwarding by address, or the program given.

    The program has the maps of `network.h`; `hosts` is filled here, other maps are for whoever made the program.
    """

    name = "kernel"

    def __init__(
        self, source: Path = _FORWARD, definitions: Mapping[str, int] | None = None, headers: Path | None = None
    ) -> None:
        folders = () if headers is None else (headers,)
        self._compiled = compile_program(source, definitions or {}, CACHE, *folders)
        self._ports: Ports | None = None
        self.program = Program(self._compiled)

    def fill(self, ports: Ports) -> None:
        """Tells the program where hosts are."""
        hosts = self.program.map("hosts")
        for port in ports.ports:
            hosts.put(ip_bytes(port.ip), struct.pack("=I6sH", port.number, mac_bytes(port.mac), 0))

    def start(self, ports: Ports, folder: Path) -> None:
        """Attaches the program to all ports, in place of one that is there."""
        self.fill(ports)
        self._ports = ports
        with network_of(ports.process):
            for port in ports.ports:
                self.program.attach(port.number)

    def stop(self) -> None:
        """Detaches the program: nothing is forwarded; its maps stay."""
        if self._ports is not None:
            with network_of(self._ports.process):
                for port in self._ports.ports:
                    self.program.detach(port.number)

    def set_faults(self, faults: Faults) -> None:
        """Loss and duplication, each as a packet arrives and again as it leaves."""
        set_kernel_faults(self.program.map("faults"), faults)

    def processes(self) -> dict[str, int]:
        """None: the kernel does it."""
        return {}


def set_kernel_faults(table: Map, faults: Faults) -> None:
    """Puts loss and duplication into a program's `faults` map. Raises `UserError` for other faults."""
    if faults.delay or faults.jitter or faults.reorder:
        raise UserError("a kernel program cannot delay packets; use the hosts or the soft switch as carrier")
    whole = 2**32 - 1
    row = struct.pack("=IIQQ", round(faults.loss * whole), round(faults.duplicate * whole), 0, 0)
    table.put(bytes(4), row)


class SoftPlane:
    """A process with a raw socket on every port. `function` makes the packet function: see `emulation.soft_switch`."""

    name = "soft"

    def __init__(
        self, function: Made, faults: Faults | None = None, streams: Sequence[str | int] = (0, "emulation", 0)
    ) -> None:
        self._function, self._faults, self._streams = function, faults or Faults(), streams
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ports: Ports, folder: Path) -> None:
        """Starts the process and waits until it listens."""
        self._ports, self._folder = ports, folder
        specification = folder / "soft_switch.json"
        specification.write_bytes(
            orjson.dumps(
                {
                    "ports": [port._asdict() for port in ports.ports],
                    "function": list(self._function),
                    "faults": {name: getattr(self._faults, name) for name in Faults.__slots__},
                    "streams": self._streams,
                }
            )
        )
        self._process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{ports.process}/ns/net", sys.executable, "-m", "emulation.soft_switch",
             str(specification)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the soft switch did not start")

    def stop(self) -> None:
        """Kills it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def set_faults(self, faults: Faults) -> None:
        """Tells the process."""
        assert self._process is not None
        assert self._process.stdin is not None
        said = {name: getattr(faults, name) for name in Faults.__slots__}
        self._process.stdin.write(orjson.dumps(said) + b"\n")
        self._process.stdin.flush()

    def processes(self) -> dict[str, int]:
        """The switch."""
        return {"soft switch": self._process.pid} if self._process else {}


class OpenVSwitchPlane:
    """Open vSwitch in the switch's namespace, with its database and log in files of the room."""

    name = "openvswitch"

    def __init__(self) -> None:
        self._ports: Ports | None = None

    def start(self, ports: Ports, folder: Path) -> None:
        """Starts the daemons and adds the ports to a bridge."""
        self._ports = ports
        self._in(
            "/usr/share/openvswitch/scripts/ovs-ctl", "start", "--no-monitor", f"--system-id={_IDENTITY}",
            "--no-mlockall",
        )  # fmt: skip
        self._in("ovs-vsctl", "--no-wait", "add-br", "rack", "--", "set", "bridge", "rack", "datapath_type=netdev",
                 "fail_mode=standalone", *(word for port in ports.ports
                                           for word in ("--", "add-port", "rack", port.interface)))  # fmt: skip
        until = time.monotonic() + 10.0
        while self._in("ovs-vsctl", "get", "bridge", "rack", "datapath_id").strip() == "[]":
            if time.monotonic() > until:
                raise RuntimeError("Open vSwitch did not make its bridge")
            time.sleep(0.02)

    def stop(self) -> None:
        """Takes the bridge away and ends the daemons."""
        if self._ports is not None:
            self._in("/usr/share/openvswitch/scripts/ovs-ctl", "stop")
            self._ports = None

    def set_faults(self, faults: Faults) -> None:
        """Cannot."""
        raise UserError("Open vSwitch carries no faults; use the hosts as carrier")

    def processes(self) -> dict[str, int]:
        """The daemon that forwards."""
        number = Path("/run/openvswitch/ovs-vswitchd.pid")
        return {"ovs-vswitchd": int(number.read_text())} if number.exists() else {}

    def _in(self, *command: str) -> str:
        assert self._ports is not None
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{self._ports.process}/ns/net", *command],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])} failed: {done.stdout} {done.stderr}")
        return done.stdout


def plane(kind: str, **arguments: Any) -> DataPlane:
    """The plain data plane of a name: "kernel", "soft" or "openvswitch". Raises `UserError` for another."""
    if kind == "kernel":
        return KernelPlane(**arguments)
    if kind == "soft":
        return SoftPlane(Made("emulation.soft_switch:forwarding", {}), **arguments)
    if kind == "openvswitch":
        return OpenVSwitchPlane()
    raise UserError(f"'{kind}' is no data plane; kernel, soft or openvswitch")
