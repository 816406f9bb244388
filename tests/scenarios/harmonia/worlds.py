"""Small worlds of clients, switches and replicas for the explorer."""

from scenarios.harmonia import chain, craq, primary_backup
from scenarios.harmonia.client import Client, Operation, script
from scenarios.harmonia.controller import Add, Down
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.invariants import Seen, committed_by_all, nothing_lost, safe_at_all, watch
from scenarios.harmonia.packet import Op
from scenarios.harmonia.switch import Activate, HarmoniaSwitch, Switch
from sim.explorer import Bounds, explore
from sim.protocol import Node, Send

#: Names of replicas, as many as a world has.
NAMES = ("r0", "r1", "r2")


def operations(text):
    """ "Wx Ry": write x, then read y."""
    return script(*(Operation(Op.WRITE if word[0] == "W" else Op.READ, word[1:]) for word in text.split()))


class Operator(Node):
    """Tells the controller something."""

    def __init__(self, address, order):
        self.address, self.order = address, order

    def on_start(self, now):
        return [Send("controller", self.order)]


def world(
    scripts,
    replicas,
    route,
    switch=HarmoniaSwitch,
    data_plane=Detector,
    slots=4,
    stages=2,
    controller=None,
    switches=("s1",),
    joining=(),
):
    """Clients with `scripts`, switches, of which the first is active, a controller, and what `replicas` makes.

    Client i starts at the i-th switch, and goes round. Servers called `joining` are to be added.
    """

    def build(choose):
        def make(switch_id, who):
            return data_plane(switch_id, stages, slots, who)

        made = (make,) if switch is HarmoniaSwitch else ()
        nodes = replicas()
        names = tuple(node.address for node in nodes if node.address not in joining)
        return [
            *(
                Client(f"c{i}", switches[i % len(switches) :] + switches[: i % len(switches)], operations(text))
                for i, text in enumerate(scripts)
            ),
            switch("s1", choose, *made, Activate(1, route(1, names, names))),
            *(switch(name, choose, *made) for name in switches[1:]),
            *([controller("controller", switches, names, route)] if controller else []),
            *nodes,
            *(Operator("operator", Add(name)) for name in joining),
        ]

    return build


def chain_world(scripts, count=2, replica=chain.Chain, **rest):
    return _ahead_world(scripts, count, replica, chain.route, rest)


def backup_world(scripts, count=2, replica=primary_backup.PrimaryBackup, **rest):
    return _ahead_world(scripts, count, replica, primary_backup.route, rest)


def craq_world(scripts, count=2, replica=craq.Craq, **rest):
    return _ahead_world(scripts, count, replica, craq.route, {"switch": Switch, **rest})


def _ahead_world(scripts, count, replica, route, rest):
    names = NAMES[:count]
    members = tuple(name for name in names if name not in rest.get("joining", ()))
    return world(scripts, lambda: [replica(name, "s1", members, window=0) for name in names], route, **rest)


def explore_ahead(build, crashable=(), fires=None, **bounds):
    return explore(
        build,
        bounds=Bounds(**bounds),
        observe=watch(committed_by_all(*NAMES)),
        ghost=Seen(),
        invariants=[nothing_lost(safe_at_all(*NAMES))],
        crashable=crashable,
        obituary=lambda address: [("controller", Down(address))],
        **({"fires": fires} if fires else {}),
    )


TWO = ("s1", "s2")


def switch_fails(address, timer):
    """Of all timers, only the controller's impatience."""
    return timer == "switch silent"
