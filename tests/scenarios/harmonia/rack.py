"""A driver of nodes for tests: a heap of events, random delays, loss and repetition, crashes on command."""

from collections import Counter
from heapq import heappop, heappush
from itertools import pairwise
from random import Random

from scenarios.harmonia.client import Completed, Invoked
from sim.protocol import CancelTimer, Note, Send, SetTimer

DELAY = 1e-5


class Rack:
    """`jitter`: delays are between 1 and 1 + jitter times DELAY; equal ones arrive in order."""

    def __init__(self, nodes, seed=0, loss=0.0, repeat=0.0, jitter=0.0):
        self.nodes = {node.address: node for node in nodes}
        self.random, self.loss, self.repeat, self.jitter = Random(seed), loss, repeat, jitter
        self.now, self.count = 0.0, 0
        self.heap, self.timers, self.down = [], {}, set()
        self.notes, self.counts = [], Counter()
        for node in nodes:
            self.do(node, node.on_start(0.0))

    def add(self, node):
        self.nodes[node.address] = node
        self.do(node, node.on_start(self.now))

    def do(self, node, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.send(node.address, *effect)
            elif isinstance(effect, SetTimer):
                self.count += 1
                self.timers[node.address, effect.timer] = self.count
                if effect.delay < float("inf"):
                    self.at(self.now + effect.delay, "timer", node.address, effect.timer)
            elif isinstance(effect, CancelTimer):
                self.timers.pop((node.address, effect.timer), None)
            else:
                assert isinstance(effect, Note)
                self.notes.append((self.now, node.address, effect.event))
                self.counts[type(effect.event).__name__] += 1

    def send(self, source, to, message):
        for _ in range(1 + (self.random.random() < self.repeat)):
            if self.random.random() >= self.loss:
                self.count += 1
                late = DELAY * (1 + self.jitter * self.random.random())
                self.at(self.now + late, "message", to, (source, message))

    def at(self, time, kind, address, what):
        heappush(self.heap, (time, self.count, kind, address, what))

    def run(self, until=float("inf")):
        """All events before `until`, or all there are."""
        while self.heap and self.heap[0][0] < until:
            self.now, count, kind, address, what = heappop(self.heap)
            if address in self.down or address not in self.nodes:
                continue
            node = self.nodes[address]
            if kind == "message":
                self.do(node, node.on_message(self.now, *what))
            elif self.timers.get((address, what)) == count:
                del self.timers[address, what]
                self.do(node, node.on_timer(self.now, what))
        if until < float("inf"):
            self.now = until
        return self

    def crash(self, address):
        self.down.add(address)
        self.nodes[address].on_crash()
        for key in [key for key in self.timers if key[0] == address]:
            del self.timers[key]

    def restart(self, address):
        self.down.discard(address)
        self.do(self.nodes[address], self.nodes[address].on_start(self.now))

    def tell(self, to, message, source="operator"):
        """Delivers a message at once."""
        self.do(self.nodes[to], self.nodes[to].on_message(self.now, source, message))

    def events(self, kind):
        return [event for _, _, event in self.notes if isinstance(event, kind)]

    def completed(self):
        return len(self.events(Completed))

    def check(self):
        """Asserts that what clients saw is linearizable, object by object, and says how many operations that were.

        Values are unique, so each write makes a *cluster* with its reads, in effect from its first response to its last
        invocation: no two such times may overlap, and none may lie within another (Gibbons and Korach, 1997).
        """
        open_, clusters, count = {}, {}, 0
        for time, (_, client, event) in enumerate(self.notes, start=1):  # equal times would count as concurrent
            if isinstance(event, Invoked):
                open_[client] = (time, event.key, event.value)
            elif isinstance(event, Completed):
                begun, key, written = open_.pop(client)
                count += 1
                value = event.value if written is None else written
                clusters.setdefault((key, value), []).append((begun, time, written is not None))
        for begun, key, written in open_.values():
            if written is not None and (key, written) in clusters:
                clusters[key, written].append((begun, float("inf"), True))
        zones = {}
        for (key, value), operations in clusters.items():
            writes = [begun for begun, _, writes in operations if writes] or [0.0] * (value is None)
            assert writes, f"{value} of {key} was read, never written"
            assert all(ended >= writes[0] for _, ended, _ in operations), f"{value} of {key} was read before written"
            first = 0.0 if value is None else min(ended for _, ended, _ in operations)
            zones.setdefault(key, []).append((first, max(begun for begun, *_ in operations), value))
        for key, of_key in zones.items():
            forward = sorted(zone for zone in of_key if zone[0] < zone[1])
            for one, other in pairwise(forward):
                assert one[1] <= other[0], f"{one[2]} and {other[2]} of {key} overlap"
            for last, first, value in (zone for zone in of_key if zone[0] >= zone[1]):
                inside = [zone for zone in forward if zone[0] < first and last < zone[1]]
                assert not inside, f"{value} of {key} within {inside}"
        return count
