"""Small worlds of chain replication for the explorer."""

from scenarios.harmonia.chain import Chain, route
from scenarios.harmonia.client import Client, Operation, script
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.invariants import Seen, committed_by_all, nothing_lost, safe_at_all, watch
from scenarios.harmonia.packet import Op
from scenarios.harmonia.switch import Activate, HarmoniaSwitch
from sim.explorer import Bounds, explore

NAMES = ("r0", "r1", "r2")


def operations(text):
    """ "Wx Ry": write x, then read y."""
    return script(*(Operation(Op.WRITE if word[0] == "W" else Op.READ, word[1:]) for word in text.split()))


def chain_world(scripts, replicas=2, replica=Chain, switch=HarmoniaSwitch, data_plane=Detector, slots=4):
    names = NAMES[:replicas]

    def build(choose):
        active = Activate(1, route(1, names, names))
        return [
            *(Client(f"c{i}", ("s1",), operations(text)) for i, text in enumerate(scripts)),
            switch("s1", choose, lambda switch_id, who: data_plane(switch_id, 2, slots, who), active),
            *(replica(name, "s1", names, window=0) for name in names),
        ]

    return build


def explore_chain(build, replicas=2, **bounds):
    names = NAMES[:replicas]
    return explore(
        build,
        bounds=Bounds(**bounds),
        observe=watch(committed_by_all(*names)),
        ghost=Seen(),
        invariants=[nothing_lost(safe_at_all(*names))],
    )
