"""Which nodes run where, and the processes that run them."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from emulation.line import Faults
from emulation.named import Made
from emulation.session import Session
from emulation.usage import Machine, Usage, cpu_seconds, is_running, room_seconds
from sim.errors import UserError
from sim.protocol import Address

#: What may carry messages: datagrams that can be lost, or streams that lose and reorder nothing.
DATAGRAMS, CONNECTIONS = "emulation.transport:Transport", "emulation.connections:Connections"
_FIRST_PORT = 7000
#: From the order to start until the start.
_HEADSTART = 0.15


class Placed(NamedTuple):
    """A node on a host. `node` makes it from its address and the directory (address -> IP address and UDP port).

    `cost`, if given, makes the function from a message to the seconds that it takes one of the node's `cores`. `again`
    makes it when its host starts again after it was killed; as at first if left out.
    """

    address: Address
    host: str
    node: Made
    cost: Made | None = None
    cores: int = 1
    again: Made | None = None


@dataclass(frozen=True)
class Deployment:
    """Nodes, and the codec they speak: made from the list of all addresses, in the order of the nodes.

    `transport` names what carries their messages: `emulation.transport` or `emulation.connections`.
    """

    nodes: tuple[Placed, ...]
    codec: Made
    transport: str = DATAGRAMS

    def directory(self, session: Session) -> dict[Address, tuple[str, int]]:
        """Where each node listens."""
        used: dict[str, int] = {}
        found = {}
        for node in self.nodes:
            port = used.get(node.host, _FIRST_PORT)
            used[node.host] = port + 1
            found[node.address] = (session.rack.ip(node.host), port)
        if len(found) < len(self.nodes):
            raise UserError("two nodes of a deployment have the same address")
        return found


@dataclass
class Ran:
    """What processes left: notes (time, address, event) in the order of time, and counts by host."""

    notes: list[tuple[float, Address, Hashable]] = field(default_factory=list)
    counts: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class Running:
    """A deployment's processes, one a host, on a session; all end in `limit` seconds.

    Those on hosts in `quitting` end when none of their nodes waits for anything. `streams` are seed, scenario and
    replicate of what faults on their lines draw.
    """

    def __init__(
        self, session: Session, deployment: Deployment, limit: float, quitting: Collection[str] = (),
        streams: Sequence[str | int] = (0, "emulation", 0),
    ) -> None:  # fmt: skip
        self._session, self._deployment, self._quitting, self._streams = session, deployment, quitting, streams
        self.directory = deployment.directory(session)
        self._lives: dict[str, int] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._left: list[tuple[str, Path]] = []
        self._until = time.monotonic() + limit

    def boot(self, *hosts: str) -> None:
        """Starts the processes of these hosts, or of all; returns when all are ready."""
        every = tuple(dict.fromkeys(node.host for node in self._deployment.nodes))
        for host in hosts or every:
            self._processes[host] = self._session.popen(
                host, [sys.executable, "-m", "emulation.host", str(self._specify(host))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        for host in hosts or every:
            process = self._processes[host]
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"the process of host '{host}' did not start")

    def start(self, *hosts: str) -> float:
        """All nodes of these hosts (or of all) start at one moment, returned in seconds of the kernel's clock."""
        at = time.monotonic() + _HEADSTART
        for host in hosts or tuple(self._processes):
            self._tell(host, {"start": at, "until": self._until})
        return at

    def set_faults(self, faults: Faults, *hosts: str) -> None:
        """What nodes of these hosts (or of all) send suffers these from now on."""
        for host in hosts or tuple(self._processes):
            self._tell(host, {"faults": {name: getattr(faults, name) for name in Faults.__slots__}})

    def kill(self, host: str) -> None:
        """Kills everything on a host, as if its power failed."""
        self._processes.pop(host, None)
        self._session.kill(host)

    def over(self, host: str) -> bool:
        """Whether a host's process has ended. What it used can still be read: nobody takes leave of it."""
        return not is_running(self._processes[host].pid)

    def stop(self) -> Ran:
        """Stops all, and collects what they left."""
        for host, process in self._processes.items():
            if process.poll() is None:
                self._tell(host, {"stop": True})
        for host, process in self._processes.items():
            if process.wait(timeout=30.0):
                raise RuntimeError(f"the process of host '{host}' failed")
        ran = Ran()
        for host, file in self._left:
            if file.exists():
                notes, counts = pickle.loads(file.read_bytes())
                ran.notes += notes
                ran.counts[host] = counts
        ran.notes.sort(key=lambda note: note[0])
        return ran

    def watch(self) -> "Watch":
        """Begins to measure how busy machine and processes are."""
        return Watch({host: process.pid for host, process in self._processes.items()} | self._session.plane.processes())

    def _specify(self, host: str) -> Path:
        life = self._lives[host] = self._lives.get(host, 0) + 1
        folder = self._session.folder
        notes = folder / f"{host}-{life}.notes"
        self._left.append((host, notes))
        given = {
            "directory": self.directory,
            "codec": list(self._deployment.codec),
            "transport": self._deployment.transport,
            "nodes": [
                {
                    "address": one.address,
                    "node": list(one.again or one.node if life > 1 else one.node),
                    "cost": list(one.cost) if one.cost else None,
                    "cores": one.cores,
                }
                for one in self._deployment.nodes
                if one.host == host
            ],
            "notes": str(notes),
            "quits": host in self._quitting,
            "streams": self._streams,
            "life": (host, life),
        }
        file = folder / f"{host}-{life}.json"
        file.write_bytes(orjson.dumps(given))
        return file

    def _tell(self, host: str, said: Mapping[str, Any]) -> None:
        stdin = self._processes[host].stdin
        assert stdin is not None
        try:
            os.write(stdin.fileno(), orjson.dumps(said) + b"\n")
        except BrokenPipeError:
            raise RuntimeError(f"the process of host '{host}' is gone") from None


class Watch:
    """A measurement of what is busy, from when it is made."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = dict(processes)
        self._machine, self._time, self._room = Machine.now(), time.monotonic(), room_seconds()
        self._used = {name: cpu_seconds(process) for name, process in self._processes.items()}

    def usage(self) -> Usage:
        """Since then."""
        passed = max(time.monotonic() - self._time, 1e-9)
        shares = {}
        for name, process in self._processes.items():
            used = cpu_seconds(process)
            if used:  # 0: it is gone
                shares[name] = (used - self._used[name]) / passed
        room = (room_seconds() - self._room) / passed / (os.cpu_count() or 1)
        return Usage(Machine.now().busy_since(self._machine), room, shares)
