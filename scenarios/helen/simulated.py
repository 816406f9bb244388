"""A run on the simulated network: real cryptography, simulated wires. Computing takes no simulated time here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hardware_models.network.card import LinkFigures
from hardware_models.network.driver import Driver
from hardware_models.network.topology import Network
from scenarios.helen.frames import Frames
from scenarios.helen.party import Aborted, Entered, Finished, Party
from sim.engine import Engine
from sim.protocol import Address, Node

#: What stands between a party and the network; `honest` leaves it as it is.
Dress = Callable[[Party], Node]


@dataclass
class Ran:
    """What parties noted: the steps of each, and how it ended; seconds of simulated time."""

    steps: dict[Address, list[Entered]] = field(default_factory=dict)
    ends: dict[Address, Finished | Aborted] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, now: float, address: Address, event: object) -> None:
        """Keeps a note."""
        if isinstance(event, Entered):
            self.steps.setdefault(address, []).append(event)
        elif isinstance(event, Finished | Aborted):
            self.ends[address] = event
            self.seconds = max(self.seconds, now)


def honest(party: Party) -> Node:
    """The party itself."""
    return party


def run(parties: Sequence[Party], link: LinkFigures, dress: Dress = honest) -> Ran:
    """All parties, each on a host of its own, with a `link` between any two; until all have finished or stopped."""
    engine, ran, codec = Engine(), Ran(), Frames()
    network = Network(engine)
    for party in parties:
        network.device(party.address)
    for number, one in enumerate(parties):
        for other in parties[:number]:
            network.connect(one.address, other.address, link)
    driver = Driver(engine, network, size=lambda message: len(codec.encode(message)), observe=ran.note)
    for party in parties:
        driver.place(dress(party), party.address)
    driver.start()
    engine.run()
    return ran
