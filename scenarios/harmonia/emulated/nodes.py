"""How a process on an emulated host makes its node: of the simulator's classes, with intervals for processes."""

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from emulation.line import Faults
from emulation.planes import set_kernel_faults
from emulation.topology import Port, Ports
from scenarios.harmonia import rack
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
    draw = random.Random(f"{load['seed']} {number}")
    gap: Callable[[int], float] | None = None
    if load["gap"]:
        pause = random.Random(f"{load['seed']} {number} gap")
        gap = lambda i: pause.expovariate(1.0 / load["gap"])  # noqa: E731
    return rack.client(given, number, _operations(draw, load), gap)


def _operations(draw: random.Random, load: Mapping[str, Any]) -> Operations:
    objects, writes, requests = load["objects"], load["writes"], load["requests"]
    mine = range(load["number"], objects, load["clients"]) if load["audit"] else range(0)
    cumulated = _cumulated(objects, load["skew"])

    def operation(i: int) -> Operation | None:
        if i == 0 and load["number"] == 0:
            return FIRST
        if i >= requests:
            return Operation(Op.READ, mine[i - requests]) if i - requests < len(mine) else None
        key = bisect_right(cumulated, draw.random() * cumulated[-1]) if cumulated else draw.randrange(objects)
        return Operation(Op.WRITE if draw.random() < writes else Op.READ, key)

    return operation


@cache
def _cumulated(objects: int, skew: float) -> tuple[float, ...]:
    """Cumulated weights of Zipf's law; empty if all objects are alike."""
    return tuple(accumulate(rank**-skew for rank in range(1, objects + 1))) if skew else ()


def cost(
    protocol: str, read: float, write: float, message: float, exponential: bool = False, seed: int = 0
) -> Callable[[Any], float]:
    """What a message takes a replica, in seconds; the mean of what it takes if `exponential`."""
    seconds, kind = {"read": read, "write": write, "message": message}, rack.work(protocol)
    if not exponential:
        return lambda received: seconds[kind(received)]
    draw = random.Random(f"{seed} service")
    return lambda received: seconds[kind(received)] * draw.expovariate(1.0)
