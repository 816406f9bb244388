"""A rack on Mininet: hosts and a switch in namespaces of their own, a data plane in the switch, and what goes wrong.

To be used in a room (`emulation.isolation`): all that a session makes is in the room's namespaces and ends with it.
"""

import ctypes
import fcntl
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Node as MininetNode

from emulation.bpf import network_of
from emulation.planes import DataPlane
from emulation.topology import Port, Ports, Rack

_SWITCH = "s"
_BURST_SECONDS = 2e-3
_SIOCETHTOOL, _ETHTOOL_SET_TX_CHECKSUM = 0x8946, 0x17


class Session:
    """A running rack. Ends, with every process it started, at the end of the `with` block."""

    def __init__(self, rack: Rack, plane: DataPlane, folder: Path) -> None:
        self.rack, self.plane, self.folder = rack, plane, folder
        self._processes: dict[str, list[subprocess.Popen[Any]]] = {host: [] for host in rack.hosts}
        self._captures: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Session":
        Mininet.inited = True  # its preparation would raise limits of the whole machine
        setLogLevel("error")
        self._net = Mininet(topo=None, controller=None, build=False)
        self._switch = MininetNode(_SWITCH, inNamespace=True)
        self._hosts = {
            host: self._net.addHost(host, ip=None, mac=self.rack.mac(host)) for host in self.rack.hosts
        }  # fmt: skip
        interfaces = {host: self._link(host) for host in self.rack.hosts}
        with network_of(self._switch.pid):
            numbers = _interface_numbers()
        self.ports = Ports(
            self._switch.pid,
            tuple(
                Port(interface, numbers[interface], host, self.rack.ip(host), self.rack.mac(host))
                for host, interface in interfaces.items()
            ),
        )
        self._configure()
        self.plane.start(self.ports, self.folder)
        self._limit_rates()
        return self

    def __exit__(self, *exception: Any) -> None:
        for host in self.rack.hosts:
            self.kill(host)
        self.stop_captures()
        self.plane.stop()
        for node in (*self._hosts.values(), self._switch):
            node.terminate()

    def popen(self, host: str, command: Sequence[str], **how: Any) -> "subprocess.Popen[bytes]":
        """A process on a host."""
        process: subprocess.Popen[bytes] = self._hosts[host].popen(
            list(command), **{"stdout": None, "stderr": None, "stdin": subprocess.DEVNULL} | how
        )  # fmt: skip
        self._processes[host].append(process)
        return process

    def pid(self, host: str) -> int:
        """The process that holds a host's namespace."""
        return int(self._hosts[host].pid)

    def kill(self, host: str) -> None:
        """Kills everything that runs on a host, with SIGKILL."""
        for process in self._processes[host]:
            if process.poll() is None:
                process.kill()
        for process in self._processes[host]:
            process.wait()
        self._processes[host].clear()

    def set_link(self, host: str, up: bool) -> None:
        """Takes a host's link down, or up again."""
        state = "up" if up else "down"
        port = self.ports.by_host[host].interface
        _batch(self._switch.pid, ["ip"], [f"link set {port} {state}"])

    def capture(self, host: str, file: Path) -> None:
        """Records what passes a host's link from now on."""
        process = self._hosts[host].popen(
            [sys.executable, "-m", "emulation.capture", f"{host}-eth0", str(file)],
            stdin=subprocess.DEVNULL,
            stderr=None,
        )
        assert process.stdout.readline() == b"ready\n"
        self._captures.append(process)

    def stop_captures(self) -> None:
        """Ends all records, so that their files are whole."""
        for process in self._captures:
            process.send_signal(signal.SIGTERM)
        for process in self._captures:
            process.communicate()
        self._captures.clear()

    def _link(self, host: str) -> str:
        made = self._net.addLink(self._hosts[host], self._switch, intfName1=f"{host}-eth0", addr1=self.rack.mac(host))
        return str(made.intf2.name)

    def _configure(self) -> None:
        """Addresses, and everybody's hardware address; by batches, as a shell per command takes long."""
        rack = self.rack
        known = [
            f"neigh replace {rack.ip(other)} lladdr {rack.mac(other)} dev %s nud permanent" for other in rack.hosts
        ]
        for host in rack.hosts:
            device = f"{host}-eth0"
            _batch(
                self.pid(host), ["ip"],
                ["link set lo up", f"link set {device} addrgenmode none", f"link set {device} up",
                 f"addr add {rack.ip(host)}/24 dev {device}", *(line % device for line in known)],
            )  # fmt: skip
            with network_of(self.pid(host)):
                _compute_checksums(device)
        _batch(
            self._switch.pid, ["ip"],
            [f"link set {port.interface} addrgenmode none up" for port in self.ports.ports],
        )  # fmt: skip

    def _limit_rates(self) -> None:
        """After the data plane is there, as Open vSwitch takes away what it finds on its ports."""
        for host, rate in self.rack.rates.items():
            _batch(self.pid(host), ["tc"], [_limit(f"{host}-eth0", rate)])
            _batch(self._switch.pid, ["tc"], [_limit(self.ports.by_host[host].interface, rate)])


def _compute_checksums(device: str) -> None:
    """Checksums are computed at once, not left to hardware that is not there: who reads raw frames needs them."""
    value = struct.pack("II", _ETHTOOL_SET_TX_CHECKSUM, 0)
    buffer = ctypes.create_string_buffer(value, len(value))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(buffer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        fcntl.ioctl(opened, _SIOCETHTOOL, request)


def _limit(device: str, rate: float) -> str:
    burst = max(int(rate / 8 * _BURST_SECONDS), 3000)
    return f"qdisc replace dev {device} root tbf rate {round(rate)}bit burst {burst} limit {max(8 * burst, 150_000)}"


def _batch(process: int, tool: Sequence[str], lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{process}/ns/net", *tool, "-batch", "-"],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(tool)} refuses: {done.stderr}")


def _interface_numbers() -> dict[str, int]:
    return {name: number for number, name in socket.if_nameindex()}
