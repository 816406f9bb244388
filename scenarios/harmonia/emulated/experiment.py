"""One experiment on emulated hosts: what it is (data), how it is carried out in a room, and what it leaves."""

import pickle
import subprocess
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from emulation.deployment import Deployment, Placed, Ran, Running
from emulation.isolation import Isolated, Progress
from emulation.line import Faults
from emulation.links import require_links
from emulation.named import Made
from emulation.planes import KernelPlane, SoftPlane, ip_bytes
from emulation.progress import tell
from emulation.session import Session
from emulation.topology import Rack
from scenarios.harmonia.emulated.store import PORT
from scenarios.harmonia.rack import CONTROLLER, SWITCH, Settings, servers
from sim.errors import UserError

_NODES = "scenarios.harmonia.emulated.nodes"
#: Hosts: the controller's, that of the switch's control plane, and those that clients share.
CONTROL, CONSOLE, DESKS = "ctl", "cpu", ("d0", "d1")
#: Clients start when replicas have their first lease (seconds).
_SETTLE = 0.4
_RESULT = "ran.pickle"
#: Operations and seconds of one experiment, at most.
MOST_REQUESTS, LONGEST = 2_000_000, 600.0

#: What may happen, each with its arguments besides `at` (seconds after clients start).
EVENTS = {
    "kill": "host",
    "link_down": "host",
    "link_up": "host",
    "switch_stop": "",
    "switch_start": "",
    "faults": "faults",
}


class Load(NamedTuple):
    """What clients do. `requests` of all clients together; `offered` in requests per second, 0 for a closed loop."""

    clients: int
    requests: int
    writes: float = 0.05
    objects: int = 1000
    skew: float = 0.0
    offered: float = 0.0
    audit: bool = True


class Experiment(NamedTuple):
    """One run. `read`, `write` and `message` are what these take a replica's core (seconds; the mean if `exponential`).

    `plane` is the switch: a kernel program, or the pipeline model's in user space (which cannot be stopped). `kernel`
    are faults in the switch (loss and duplication; in user space all), `hosts` those in the hosts' senders. `events`
    are what goes wrong when: (seconds after clients start, name of `EVENTS`, argument). `limit` in seconds ends it in
    any case. `streams` are seed, scenario and replicate of all that is drawn.
    """

    settings: Settings
    load: Load
    read: float = 2e-3
    write: float = 2e-3
    message: float = 0.0
    cores: int = 1
    exponential: bool = False
    streams: tuple[str | int, ...] = (0, "harmonia", 0)
    limit: float = 120.0
    kernel: Mapping[str, float] = {}
    hosts: Mapping[str, float] = {}
    events: tuple[tuple[float, str, Any], ...] = ()
    redis: bool = True
    replica: str = "replica"
    capture: bool = False
    plane: Literal["kernel", "soft"] = "kernel"


class Played(NamedTuple):
    """What an experiment left. `started` is when clients did, on the clock of the notes (seconds)."""

    notes: list[tuple[float, str, Hashable]]
    counts: dict[str, Mapping[str, Any]]
    started: float
    machine: float
    room: float
    processes: dict[str, float]
    bottleneck: str
    links: list[tuple[str, float, float]]
    captured: bytes = b""


def play(experiment: Experiment, progress: Progress = lambda share, doing: None) -> Played:
    """Carries it out in a room. Raises `UserError` for what cannot be, and if the machine lacks something."""
    if not 0 < experiment.load.requests <= MOST_REQUESTS or not 0 < experiment.limit <= LONGEST:
        raise UserError(
            f"{experiment.load.requests} requests in {experiment.limit} s; an emulated run makes at most "
            f"{MOST_REQUESTS:,} in {LONGEST:g} s"
        )
    with Isolated() as room:
        (room.folder / "experiment.pickle").write_bytes(pickle.dumps(experiment))
        room.call(f"{__name__}:inside", None, experiment.limit + 60.0, progress)
        return pickle.loads((room.folder / _RESULT).read_bytes())  # type: ignore[no-any-return]


def inside(argument: None, folder: Path) -> None:
    """In the room: builds, starts, lets happen what shall, and leaves a `Played`."""
    experiment: Experiment = pickle.loads((folder / "experiment.pickle").read_bytes())
    names = servers(experiment.settings)
    hosts = (*names, CONTROL, CONSOLE, *DESKS)
    kernel = KernelPlane()
    with Session(Rack(hosts), kernel, folder) as session:
        if experiment.plane == "soft":
            kernel.stop()
            session.plane = _soft(experiment, session)
            session.plane.start(session.ports, folder)
        links = require_links(session, (0.0, 5e-3 + 8 * experiment.kernel.get("delay", 0.0)))
        if experiment.redis:
            for name in names:
                redis(session, name, folder)
        running = Running(session, deployment(experiment, session), experiment.limit, DESKS, experiment.streams)
        desks = DESKS[: experiment.load.clients]
        consoles = (CONSOLE,) if experiment.plane == "kernel" else ()
        running.boot(*names, CONTROL, *consoles, *desks)
        if not consoles and experiment.kernel:
            session.plane.set_faults(Faults(**experiment.kernel))
        if experiment.hosts:
            running.set_faults(Faults(**experiment.hosts), *names, *desks)
        if experiment.capture:
            session.capture(DESKS[0], folder / "captured.pcap")
        running.start(*names, CONTROL, *consoles)
        time.sleep(_SETTLE)
        started = running.start(*desks)
        watch = running.watch()
        _happen(experiment, running, session, kernel, started)
        for desk in desks:
            _wait(running, desk, started, experiment)
        usage = watch.usage()
        session.stop_captures()
        ran: Ran = running.stop()
        captured = (folder / "captured.pcap").read_bytes() if experiment.capture else b""
    played = Played(
        ran.notes, ran.counts, started, usage.machine, usage.room, usage.processes, usage.bottleneck,
        [(*link,) for link in links], captured,
    )  # fmt: skip
    (folder / _RESULT).write_bytes(pickle.dumps(played, protocol=pickle.HIGHEST_PROTOCOL))


def _soft(experiment: Experiment, session: Session) -> SoftPlane:
    if any(what.startswith("switch") for _, what, _ in experiment.events):
        raise UserError("the switch in user space cannot be stopped; use the data plane 'kernel'")
    given = {"directory": deployment(experiment, session).directory(session), "settings": experiment.settings._asdict()}
    return SoftPlane(Made("scenarios.harmonia.emulated.soft:switch", given), streams=experiment.streams)


def redis(session: Session, host: str, folder: Path) -> None:
    """A Redis of a host's own, which keeps nothing on disk and hears only its host."""
    session.popen(
        host,
        ["redis-server", "--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
         "--dir", str(folder), "--logfile", str(folder / f"{host}.redis.log"), "--daemonize", "no"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def deployment(experiment: Experiment, session: Session) -> Deployment:
    """Who runs where."""
    settings, load = experiment.settings._asdict(), experiment.load
    seconds = {"read": experiment.read, "write": experiment.write, "message": experiment.message}
    cost = {"protocol": experiment.settings.protocol, "seconds": seconds, "exponential": experiment.exponential}
    replica = Made(f"{_NODES}:{experiment.replica}", {"settings": settings, "redis": experiment.redis})
    nodes = [
        Placed(
            name, name, replica, Made(f"{_NODES}:cost", {**cost, "server": name, "streams": experiment.streams}),
            experiment.cores,
        )
        for name in servers(experiment.settings)
    ]  # fmt: skip
    nodes.append(Placed(CONTROLLER, CONTROL, Made(f"{_NODES}:controller", {"settings": settings})))
    console = {
        "settings": settings,
        "ports": [port._asdict() for port in session.ports.ports],
        "process": session.ports.process,
        "faults": dict(experiment.kernel),
    }
    first, again = (Made(f"{_NODES}:switch", {**console, "active": active}) for active in (True, False))
    nodes.append(Placed(SWITCH, CONSOLE, first, again=again))
    each = {
        "requests": load.requests // load.clients,
        "clients": load.clients,
        "writes": load.writes,
        "objects": load.objects,
        "skew": load.skew,
        "gap": load.clients / load.offered if load.offered else 0.0,
        "audit": load.audit,
        "streams": experiment.streams,
    }
    nodes += [
        Placed(
            f"c{number}", DESKS[number % len(DESKS)],
            Made(f"{_NODES}:requester", {"settings": settings, "load": {**each, "number": number}}),
        )
        for number in range(load.clients)
    ]  # fmt: skip
    return Deployment(tuple(nodes), Made("scenarios.harmonia.emulated.datagrams:Datagrams"))


def _happen(experiment: Experiment, running: Running, session: Session, plane: KernelPlane, started: float) -> None:
    """What goes wrong, when it is time."""
    acts: dict[str, Callable[[Any], None]] = {
        "kill": running.kill,
        "link_down": lambda host: session.set_link(host, False),
        "link_up": lambda host: session.set_link(host, True),
        "switch_stop": lambda nothing: _stop_switch(running, session, plane),
        "switch_start": lambda nothing: _start_switch(running),
        "faults": lambda faults: running.set_faults(Faults(**faults)),
    }
    for at, what, argument in sorted(experiment.events, key=lambda event: event[0]):
        time.sleep(max(started + at - time.monotonic(), 0.0))
        acts[what](argument)


def _stop_switch(running: Running, session: Session, plane: KernelPlane) -> None:
    """The switch and all it knew are gone; the controller's messages pass by a network of their own."""
    running.kill(CONSOLE)
    plane.program.map("only").put(bytes(4), ip_bytes(session.rack.ip(CONTROL)))
    plane.start(session.ports, session.folder)


def _start_switch(running: Running) -> None:
    """The switch is back, empty, to be activated under a larger id."""
    running.boot(CONSOLE)
    running.start(CONSOLE)


def _wait(running: Running, desk: str, started: float, experiment: Experiment) -> None:
    """Until a desk's clients are done; says how far it is."""
    while not running.over(desk):
        passed = time.monotonic() - started
        tell(min(passed / experiment.limit, 1.0), f"{passed:.0f} s of {experiment.limit:g} at most")
        time.sleep(0.2)
