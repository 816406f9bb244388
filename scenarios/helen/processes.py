"""A run of real processes: each party is one, and they talk over TCP, on loopback.

The coordinator plays the dealer: it writes each party a file with that party's secrets, starts the processes, and
reads what they noted. A party's process reads its own file and nothing else. Random numbers come from named streams
here too, so a run says the same bytes whoever carries them.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from emulation.deployment import CONNECTIONS
from scenarios.helen.agreement import Agreement
from scenarios.helen.paillier import Cipher, PublicKey
from scenarios.helen.party import Aborted, Entered, Finished, Party, address_of
from scenarios.helen.protocol import Protocol, Secrets
from sim.protocol import Address, Effect, Node, Note

_HEADSTART = 0.2


class Spent(NamedTuple):
    """Note: handling a message (or starting) took so much CPU time (seconds), and `step` was what it led to."""

    step: str
    cpu: float


class Timed(Node):
    """A party whose CPU time is noted; the process's own clock is read here, at the border, and nowhere else."""

    def __init__(self, party: Party) -> None:
        self._party, self.address, self._step = party, party.address, "start"

    def on_start(self, now: float) -> Sequence[Effect]:
        """As the party."""
        return self._noting(lambda: self._party.on_start(now))

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """As the party."""
        return self._noting(lambda: self._party.on_message(now, source, message))

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """As the party."""
        return self._party.on_timer(now, timer)

    def _noting(self, act: Callable[[], Sequence[Effect]]) -> Sequence[Effect]:
        began = time.process_time()
        effects = act()
        entered = [one.event.step for one in effects if isinstance(one, Note) and isinstance(one.event, Entered)]
        return [*effects, Note(Spent(entered[-1] if entered else "", time.process_time() - began))]


class PartyFile(NamedTuple):
    """What a party's process is given: the terms, the key, and its own secrets."""

    terms: Agreement
    key: PublicKey
    secrets: Secrets
    patience: float


def party(address: Address, directory: Mapping[Address, Any], file: str) -> Node:
    """The node of a party's process, from the file that the dealer left for it."""
    given: PartyFile = pickle.loads(Path(file).read_bytes())
    return Timed(Party(Protocol(given.terms, Cipher(given.key), given.secrets), given.patience))


@dataclass
class Ran:
    """What processes left: notes (time in seconds, address, event) in the order of time, and how each party ended."""

    notes: list[tuple[float, Address, Hashable]] = field(default_factory=list)
    codes: dict[Address, int] = field(default_factory=dict)

    @property
    def ends(self) -> dict[Address, Finished | Aborted]:
        """How each party ended, of those that lived to say it."""
        return {address: event for _, address, event in self.notes if isinstance(event, Finished | Aborted)}


class Processes:
    """Parties as processes on loopback; all end in `limit` seconds. To be used in a `with` block."""

    def __init__(self, protocols: Sequence[Protocol], folder: Path, patience: float, limit: float) -> None:
        self._folder, self._limit = folder, limit
        self._addresses = [address_of(one.party) for one in protocols]
        self.directory = dict(zip(self._addresses, _free_endpoints(len(protocols)), strict=True))
        for one in protocols:
            given = PartyFile(one.terms, one.cipher.key, one.secrets, patience)
            self._path(address_of(one.party), "secrets").write_bytes(pickle.dumps(given))
        self._processes: dict[Address, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        for address in self._addresses:
            self._processes[address] = subprocess.Popen(
                [sys.executable, "-m", "emulation.host", str(self._specified(address))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        for address, process in self._processes.items():
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"the process of '{address}' did not start")
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                with suppress(BrokenPipeError):
                    stream.close()

    def start(self) -> None:
        """All parties begin."""
        at = time.monotonic() + _HEADSTART
        for process in self._processes.values():
            assert process.stdin is not None
            os.write(process.stdin.fileno(), orjson.dumps({"start": at, "until": at + self._limit}) + b"\n")

    def kill(self, address: Address) -> None:
        """Kills a party's process, with SIGKILL."""
        self._processes[address].send_signal(signal.SIGKILL)

    def wait(self) -> Ran:
        """What all left, when all have ended."""
        ran = Ran()
        for address, process in self._processes.items():
            ran.codes[address] = process.wait(self._limit + 30.0)
            notes = self._path(address, "notes")
            if notes.exists():
                ran.notes += pickle.loads(notes.read_bytes())[0]
        ran.notes.sort(key=lambda note: note[0])
        return ran

    def _path(self, address: Address, what: str) -> Path:
        return self._folder / f"{address}.{what}"

    def _specified(self, address: Address) -> Path:
        made = ["scenarios.helen.processes:party", {"file": str(self._path(address, "secrets"))}]
        given = {
            "directory": self.directory,
            "codec": ["scenarios.helen.frames:Frames", {}],
            "transport": CONNECTIONS,
            "nodes": [{"address": address, "node": made, "cost": None, "cores": 1}],
            "notes": str(self._path(address, "notes")),
            "quits": True,
            "streams": (0, "helen", 0),
            "life": (address, 1),
        }
        path = self._path(address, "json")
        path.write_bytes(orjson.dumps(given))
        return path


def _free_endpoints(count: int) -> list[tuple[str, int]]:
    """Ports of loopback that nobody listens on."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    endpoints = [one.getsockname() for one in opened]
    for one in opened:
        one.close()
    return [(host, port) for host, port in endpoints]
