"""What tests have done in a room: functions that are called there by name."""

import os
import socket
import subprocess
import time

from emulation.bpf import network_of
from emulation.capture import frames
from emulation.deployment import Deployment, Placed, Running
from emulation.line import Faults
from emulation.links import measure_links, require_links
from emulation.messages import Messages
from emulation.named import Made
from emulation.planes import SoftPlane, plane
from emulation.session import Session
from emulation.topology import Rack
from sim.errors import UserError
from sim.protocol import CancelTimer, Node, Note, Send, SetTimer


def where(argument, folder):
    return {"pid": os.getpid(), "argument": argument, "links": [name for _, name in socket.if_nameindex()]}


def refuses(argument, folder):
    raise UserError("this cannot be")


def fails(argument, folder):
    raise ValueError("a mistake")


def rack(argument, folder):
    """A rack of `hosts` on a plane, measured; with a Redis on each host if asked. Tells its process namespace."""
    namespaces = [os.stat(f"/proc/self/ns/{kind}").st_ino for kind in ("net", "pid")]
    with Session(
        Rack(tuple(argument["hosts"]), argument.get("rates", {})), plane(argument["plane"]), folder
    ) as session:
        if argument.get("redis"):
            for host in session.rack.hosts:
                session.popen(host, ["redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)])
        (folder / "up").write_text(" ".join(map(str, namespaces)))
        time.sleep(argument.get("linger", 0))
        return {"links": [list(figures) for figures in require_links(session)], "processes": namespaces[1]}


def refused_links(argument, folder):
    """A link whose rate is not what was asked for, because someone took the limit away."""
    with Session(Rack(("a", "b"), {"b": 20e6}), plane("kernel"), folder) as session:
        port = session.ports.by_host["b"].interface
        with network_of(session.ports.process):
            subprocess.run(["tc", "qdisc", "del", "dev", port, "root"], check=True)
        require_links(session)


def counted(session, count=400):
    """How many of `count` datagrams from a reach b, and how often the most frequent came."""
    with network_of(session.pid("b")):
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with network_of(session.pid("a")):
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.bind((session.rack.ip("b"), 5000))
    there.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
    there.settimeout(0.2)
    seen, order = {}, []
    for number in range(count):
        here.sendto(number.to_bytes(4, "big"), (session.rack.ip("b"), 5000))
        time.sleep(0.0002)
    try:
        while True:
            data = there.recv(100)
            order.append(int.from_bytes(data, "big"))
            seen[data] = seen.get(data, 0) + 1
    except TimeoutError:
        pass
    return {"reached": len(seen), "received": len(order), "in_order": order == sorted(order)}


def kernel_faults(argument, folder):
    told = {}
    kernel = plane("kernel")
    with Session(Rack(("a", "b")), kernel, folder) as session:
        told["quiet"] = counted(session)
        kernel.set_faults(Faults(loss=0.1))
        told["loss"] = counted(session)
        kernel.set_faults(Faults(duplicate=0.2))
        told["duplicate"] = counted(session)
        kernel.set_faults(Faults())
        session.set_link("b", False)
        told["link down"] = counted(session)
        session.set_link("b", True)
        told["link up"] = counted(session)
        kernel.stop()
        told["stopped"] = counted(session)
        kernel.start(session.ports, folder)
        told["started"] = counted(session)
        try:
            kernel.set_faults(Faults(delay=1e-3))
        except UserError as error:
            told["refused"] = str(error)
    return told


def soft_faults(argument, folder):
    told = {}
    soft = SoftPlane(Made("emulation.soft_switch:forwarding"), Faults(delay=2e-3))
    with Session(Rack(("a", "b")), soft, folder) as session:
        told["delay"] = [figures.round_trip for figures in measure_links(session)]
        soft.set_faults(Faults(loss=0.1, duplicate=0.1, reorder=0.1, hold=5e-3))
        told["all"] = counted(session)
        told["processes"] = list(soft.processes())
    return told


class Echo(Node):
    """Answers; notes each message."""

    def __init__(self, address):
        self.address = address

    def on_message(self, now, source, message):
        return [Note((source, message[1])), Send(source, message)]


class Asker(Node):
    """Asks `count` times, one after the other."""

    def __init__(self, address, whom, count, size=0):
        self.address, self.whom, self.left, self.padding = address, whom, count, "x" * size

    def on_start(self, now):
        self.left -= 1
        return [Send(self.whom, ("ask", self.left, self.padding)), SetTimer("late", 5.0), Note(("asks", self.left))]

    def on_message(self, now, source, message):
        assert message[2] == self.padding
        asked = [Note(("told", message[1])), CancelTimer("late")]
        return [*asked, *self.on_start(now)] if self.left else asked


def echo(address, directory):
    return Echo(address)


def asker(address, directory, whom, count, size=0):
    return Asker(address, whom, count, size)


def codec(addresses):
    return Messages([])


def slow():
    return lambda message: 5e-3


def dialogue(argument, folder):
    """Two askers on one host, an echo with 5 ms of service on another; the second asker's host is killed if asked."""
    asks = Made("emulated_calls:asker", {"whom": "e", "count": argument["count"], "size": argument.get("size", 0)})
    nodes = (
        Placed("e", "b", Made("emulated_calls:echo"), Made("emulated_calls:slow")),
        Placed("a1", "a", asks),
        Placed("a2", "a", asks),
    )
    with Session(Rack(("a", "b")), plane(argument.get("plane", "kernel")), folder) as session:
        running = Running(session, Deployment(nodes, Made("emulated_calls:codec")), 20.0, quitting=("a",))
        if argument.get("loss"):
            session.plane.set_faults(Faults(loss=argument["loss"]))
        session.capture("a", folder / "a.pcap")
        running.boot()
        watch = running.watch()
        started = running.start()
        if argument.get("kill"):
            time.sleep(0.3)
            running.kill("b")
            time.sleep(0.2)
            running.boot("b")
            running.start("b")
        while not running.over("a"):
            time.sleep(0.02)
        usage = watch.usage()
        session.stop_captures()
        ran = running.stop()
    return {
        "notes": [[time - started, who, list(what)] for time, who, what in ran.notes],
        "counts": dict(ran.counts),
        "machine": usage.machine,
        "frames": len(list(frames(folder / "a.pcap"))),
        "processes": sorted(usage.processes),
    }
