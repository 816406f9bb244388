"""How a process on an emulated host makes its node: of the simulator's classes, with intervals for processes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emulation.line import Faults
from emulation.planes import set_kernel_faults
from emulation.topology import Port, Ports
from scenarios.harmonia import rack, workload
from scenarios.harmonia.client import Client, Operation, Operations
from scenarios.harmonia.controller import Controller
from scenarios.harmonia.emulated.datagrams import Datagrams
from scenarios.harmonia.emulated.kernel import Endpoint, KernelSwitchProgram, Mode
from scenarios.harmonia.emulated.store import RedisStore
from scenarios.harmonia.emulated.switch import KernelSwitch
from scenarios.harmonia.packet import Op
from scenarios.harmonia.rack import CONTROLLER, KINDS, SWITCH, Settings, servers
from scenarios.harmonia.replica import Replica
from scenarios.harmonia.switch import Activate, Switch
from sim.protocol import Address
from sim.rng import Streams

#: What the first client does first: without a completed write a switch never lets a single replica answer.
FIRST = Operation(Op.WRITE, 0)
Directory = Mapping[Address, tuple[str, int]]


def replica(address: Address, directory: Directory, settings: Mapping[str, Any], redis: bool = True) -> Replica:
    """A replica whose objects are in the Redis of its host."""
    made = rack.replica(Settings(**settings), address)
    if redis:
        made.store = RedisStore()  # type: ignore[assignment]
    return made


def trusting_replica(
    address: Address, directory: Directory, settings: Mapping[str, Any], redis: bool = True
) -> Replica:
    """For one test: a replica of a read-behind protocol without its check against the last committed point."""
    made = replica(address, directory, settings, redis)
    made.behind = lambda packet: ""  # type: ignore[attr-defined]
    return made


def controller(address: Address, directory: Directory, settings: Mapping[str, Any]) -> Controller:
    """The configuration service."""
    assert address == CONTROLLER
    return rack.rack(Settings(**settings), lambda n: 0).controller


def switch(
    address: Address,
    directory: Directory,
    settings: Mapping[str, Any],
    ports: list[Mapping[str, Any]],
    process: int,
    faults: Mapping[str, float],
    active: bool,
) -> Switch:
    """The control plane of the kernel's switch, `active` under id 1 or waiting for the controller."""
    given = Settings(**settings)
    kind, names = KINDS[given.protocol], servers(given)
    at = Ports(process, tuple(Port(**port) for port in ports))
    by_ip = {port.ip: port for port in at.ports}
    endpoints = {
        node: Endpoint(by_ip[ip].number, ip, udp_port, by_ip[ip].mac) for node, (ip, udp_port) in directory.items()
    }
    numbers = Datagrams(list(directory)).numbers
    clients = {node: number for node, number in numbers.items() if node not in (*names, SWITCH, CONTROLLER)}
    mode = Mode(given.detects, given.protocol == "nopaxos", given.stages, given.slots)

    def install(switch_id: int) -> KernelSwitchProgram:
        program = KernelSwitchProgram(mode, switch_id, address, endpoints, clients)
        set_kernel_faults(program.plane.program.map("faults"), Faults(**faults))
        program.install(at, Path())
        return program

    first = Activate(1, kind.route(1, names, names)) if active else None
    return KernelSwitch(address, install, first, given.sweep)


def requester(
    address: Address,
    directory: Directory,
    settings: Mapping[str, Any],
    load: Mapping[str, Any],
) -> Client:
    """Client number `load["number"]` of `load["clients"]`, with its share of the load.

    It makes `requests` operations on `objects`, of which the share `writes` are writes, and reads its part of the
    objects at the end if `audit`. With `gap` it is an open loop, whose requests are due that many seconds apart on
    average (exponential).
    """
    given, number = Settings(**settings), load["number"]
    streams = Streams(*load["streams"])
    gap = workload.gaps(streams, number, load["gap"]) if load["gap"] else None
    return rack.client(given, number, _operations(streams, load), gap)


def _operations(streams: Streams, load: Mapping[str, Any]) -> Operations:
    number, objects, requests = load["number"], load["objects"], load["requests"]
    mine = range(number, objects, load["clients"]) if load["audit"] else range(0)
    drawn = workload.requests(streams, number, objects, load["skew"], load["writes"])

    def operation(i: int) -> Operation | None:
        if i == 0 and number == 0:
            return FIRST
        if i >= requests:
            return Operation(Op.READ, mine[i - requests]) if i - requests < len(mine) else None
        return drawn()

    return operation


def cost(
    server: Address, protocol: str, seconds: Mapping[str, float], exponential: bool, streams: Sequence[Any]
) -> Callable[[Any], float]:
    """What a message takes a replica, in seconds, by kind of work; the mean of what it takes if `exponential`."""
    return workload.service(Streams(*streams), server, seconds, rack.work(protocol), exponential)
