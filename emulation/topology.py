"""A rack as data: hosts, each with one link to one switch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.errors import UserError

#: Names of interfaces have 15 characters, and `-eth0` is appended.
_LONGEST_NAME = 10


class Port(NamedTuple):
    """A port of the switch and the host behind it; `interface` and `number` are those of the switch's namespace."""

    interface: str
    number: int
    host: str
    ip: str
    mac: str


class Ports(NamedTuple):
    """A switch: the process that holds its namespace, and its ports."""

    process: int
    ports: tuple[Port, ...]

    @property
    def by_host(self) -> dict[str, Port]:
        """Each host's port."""
        return {port.host: port for port in self.ports}


@dataclass(frozen=True)
class Rack:
    """Hosts by name, in order; `rates` limits some links, in bit/s and both ways. Raises `UserError`."""

    hosts: tuple[str, ...]
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= len(self.hosts) <= 200:
            raise UserError(f"{len(self.hosts)} hosts in a rack; 1 to 200 are allowed")
        for host in self.hosts:
            if not host.isidentifier() or len(host) > _LONGEST_NAME:
                raise UserError(f"'{host}' is no name of a host; letters, digits and _, {_LONGEST_NAME} at most")
        if len(set(self.hosts)) < len(self.hosts):
            raise UserError("two hosts of a rack have the same name")
        for host, rate in self.rates.items():
            if host not in self.hosts or not 1e5 <= rate <= 1e11:
                raise UserError(f"rate {rate:g} bit/s of '{host}'; a host of the rack and 1e5 to 1e11 are needed")

    def ip(self, host: str) -> str:
        """A host's address."""
        return f"10.0.0.{self.hosts.index(host) + 1}"

    def mac(self, host: str) -> str:
        """A host's hardware address."""
        return f"02:00:00:00:00:{self.hosts.index(host) + 1:02x}"
