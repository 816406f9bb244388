"""Small worlds of clients, switches and replicas for the explorer."""

from scenarios.harmonia import chain, primary_backup
from scenarios.harmonia.client import Client, Operation, script
from scenarios.harmonia.controller import Down
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.invariants import Seen, committed_by_all, nothing_lost, safe_at_all, watch
from scenarios.harmonia.packet import Op
from scenarios.harmonia.switch import Activate, HarmoniaSwitch
from sim.explorer import Bounds, explore

#: Names of replicas, as many as a world has.
NAMES = ("r0", "r1", "r2")


def operations(text):
    """ "Wx Ry": write x, then read y."""
    return script(*(Operation(Op.WRITE if word[0] == "W" else Op.READ, word[1:]) for word in text.split()))


def world(scripts, replicas, route, data_plane=Detector, slots=4, stages=2, controller=None, client=Client):
    """Clients with `scripts`, a Harmonia switch, and what `replicas` makes; two switches if there is a controller.

    With a controller, clients c0, c2, ... start at s1 and the others at s2, which is not active at first.
    """
    switches = ("s1", "s2") if controller else ("s1",)

    def build(choose):
        def make(switch_id, who):
            return data_plane(switch_id, stages, slots, who)

        nodes = replicas()
        names = tuple(node.address for node in nodes)
        return [
            *(
                client(f"c{i}", switches[i % len(switches) :] + switches[: i % len(switches)], operations(text))
                for i, text in enumerate(scripts)
            ),
            HarmoniaSwitch("s1", choose, make, Activate(1, route(1, names, names))),
            *([HarmoniaSwitch("s2", choose, make)] if controller else []),
            *([controller("controller", switches, names, route)] if controller else []),
            *nodes,
        ]

    return build


def chain_world(scripts, count=2, replica=chain.Chain, **rest):
    return _ahead_world(scripts, count, replica, chain.route, rest)


def backup_world(scripts, count=2, replica=primary_backup.PrimaryBackup, **rest):
    return _ahead_world(scripts, count, replica, primary_backup.route, rest)


def _ahead_world(scripts, count, replica, route, rest):
    names = NAMES[:count]
    return world(scripts, lambda: [replica(name, "s1", names, window=0) for name in names], route, **rest)


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


def switch_fails(address, timer):
    """Of all timers, only the controller's impatience."""
    return timer == "switch silent"
