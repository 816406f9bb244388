"""Real processes on Mininet hosts: each party on a host of its own, TCP through a switch, links with a rate."""

import pickle
import time
from collections.abc import Sequence
from pathlib import Path

from emulation.deployment import CONNECTIONS, Deployment, Placed, Running
from emulation.isolation import Isolated
from emulation.links import require_links
from emulation.named import Made
from emulation.planes import KernelPlane
from emulation.session import Session
from emulation.topology import Rack
from scenarios.helen.party import address_of
from scenarios.helen.processes import PartyFile, Ran
from scenarios.helen.protocol import Protocol

#: A packet between two idle hosts takes less than this (seconds).
_SLOWEST = 5e-3
_LOOK = 0.05


def play(protocols: Sequence[Protocol], rate: float, patience: float, limit: float) -> Ran:
    """What the parties left, on links of `rate` bit/s, in `limit` seconds at most.

    Raises `UserError` if the machine lacks something, or if its links are not what was asked for.
    """
    with Isolated() as room:
        for one in protocols:
            given = PartyFile(one.terms, one.cipher.key, one.secrets, patience)
            _secrets(room.folder, address_of(one.party)).write_bytes(pickle.dumps(given))
        argument = {"addresses": [address_of(one.party) for one in protocols], "rate": rate, "limit": limit}
        room.call(f"{__name__}:inside", argument, limit + 60.0)
        return pickle.loads((room.folder / "ran.pickle").read_bytes())  # type: ignore[no-any-return]


def inside(argument: dict[str, object], folder: Path) -> None:
    """In the room: a host for each party, until all have finished or stopped."""
    addresses, rate, limit = argument["addresses"], float(str(argument["rate"])), float(str(argument["limit"]))
    assert isinstance(addresses, list)
    nodes = tuple(
        Placed(one, one, Made("scenarios.helen.processes:party", {"file": str(_secrets(folder, one))}))
        for one in addresses
    )
    deployment = Deployment(nodes, Made("scenarios.helen.frames:Frames"), CONNECTIONS)
    with Session(Rack(tuple(addresses), dict.fromkeys(addresses, rate)), KernelPlane(), folder) as session:
        require_links(session, (0.0, _SLOWEST))
        running = Running(session, deployment, limit, quitting=addresses)
        running.boot()
        running.start()
        while not all(running.over(one) for one in addresses):
            time.sleep(_LOOK)
        notes = running.stop().notes
    (folder / "ran.pickle").write_bytes(pickle.dumps(Ran(notes, dict.fromkeys(addresses, 0))))


def _secrets(folder: Path, address: str) -> Path:
    return folder / f"{address}.secrets"
