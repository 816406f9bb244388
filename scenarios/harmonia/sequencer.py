"""The switch as a sequencer: it stamps every ordered request with its id and the next number, for all replicas.

That is the ordered unreliable multicast (OUM) of NOPaxos: session and message number. Plain, all reads and writes are
ordered. Under Harmonia only those reads are that no single replica may answer; the stamp of a write then names it in
the dirty set as well, so reads that are ordered take numbers between those of writes. On a pipeline such a read passes
twice: the number is drawn before the dirty set is looked up, so only the second pass draws one.
"""

from collections.abc import Sequence
from typing import ClassVar

from scenarios.harmonia.detector import EXHAUSTED, LAST_SEQUENCE, Detector, Verdict
from scenarios.harmonia.packet import Op, Packet, Stamp
from scenarios.harmonia.switch import Activate, Dropped, Switch
from sim.protocol import Effect, Note


class Sequencer(Switch):
    """A plain sequencer; `issued` is the last number."""

    STATE: ClassVar[tuple[str, ...]] = (*Switch.STATE, "issued")

    issued = 0

    def activate(self, message: Activate) -> None:
        """Begins a session."""
        super().activate(message)
        self.issued = 0

    def forward(self, packet: Packet) -> Sequence[Effect]:
        """Stamps what is to be ordered, and sends it to all."""
        if packet.op is Op.WRITE_COMPLETION:
            return ()  # for a switch that detects conflicts
        if packet.op is not Op.READ and packet.op is not Op.WRITE:
            return super().forward(packet)
        if self.issued == LAST_SEQUENCE:
            return [Note(Dropped(EXHAUSTED))]
        self.issued += 1
        return self.to_writers(packet._replace(stamp=Stamp(self.switch_id, self.issued)))


class OrderingDetector(Detector):
    """A detector that orders the reads that no single replica may answer, too."""

    def process(self, packet: Packet, choice: int = 0) -> Verdict:
        """What happens to a packet: a normal read goes where writes go, with the next number."""
        verdict = super().process(packet, choice)
        if verdict.target != "read":
            return verdict
        if self.sequence == LAST_SEQUENCE:
            self.dropped += 1
            return Verdict("drop", packet, reason=EXHAUSTED)
        self.sequence += 1
        return Verdict("write", packet._replace(stamp=Stamp(self.switch_id, self.sequence)))
