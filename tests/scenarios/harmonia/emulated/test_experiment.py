"""Harmonia between real processes: every history is checked, with and without what goes wrong."""

import subprocess

import pytest
from emulated_needs import emulated

from emulation.capture import frames
from scenarios.harmonia.emulated.experiment import Experiment, Load, play
from scenarios.harmonia.emulated.switch import Counted
from scenarios.harmonia.observed import Observed
from scenarios.harmonia.rack import Settings
from sim.errors import UserError

pytestmark = emulated
RATE = 1000.0
#: Loss of 5 % of the messages in all: in the switch as they come and as they go, and at the sender.
BAD = {
    "kernel": {"loss": 0.0125, "duplicate": 0.02},
    "hosts": {"loss": 0.026, "duplicate": 0.02, "reorder": 0.05, "hold": 4e-3, "jitter": 1e-3},
}


def experiment(protocol, detects=True, replicas=3, requests=2000, writes=0.2, objects=100, clients=12, **rest):
    settings = Settings(protocol, detects, replicas, 3, 4096, 1.5, 0.6, 0.3, 0.3, 0.01, 1e-3, 60.0)
    times = {"read": 1 / RATE, "write": 1 / RATE, "message": 1e-4} | rest
    return Experiment(settings, Load(clients, requests, writes, objects), limit=60.0, **times)


def observed(played):
    seen = Observed(lambda count: None)
    for note in played.notes:
        seen.note(*note)
    return seen


@pytest.mark.parametrize(
    ("protocol", "detects"),
    [("chain", True), ("chain", False), ("primary_backup", True), ("craq", False), ("vr", True), ("nopaxos", True),
     ("nopaxos", False)],
)  # fmt: skip
def test_every_protocol_answers_all_and_linearizably(protocol, detects):
    played = play(experiment(protocol, detects, requests=1000))
    seen = observed(played)
    assert len(seen.responded) == 996 + 100  # 83 each of 12 clients, and every object once more
    assert seen.linearizable().linearizable
    assert (len(seen.served) > 300) == detects
    assert all(counts["malformed"] == 0 for counts in played.counts.values())
    if detects:
        last = [event for _, _, event in played.notes if isinstance(event, Counted)][-1]
        assert last.registers.sequence > 100
        assert last.registers.committed > 0


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["chain", "vr", "nopaxos"])
def test_linearizable_through_loss_duplication_and_reordering(protocol):
    played = play(experiment(protocol, requests=1200, **BAD))
    seen = observed(played)
    assert len(seen.responded) >= 1200
    assert seen.linearizable().linearizable, seen.linearizable().reason
    assert seen.counts["Retried"] > 20
    assert sum(counts["lost"] for counts in played.counts.values()) > 50


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["chain", "vr"])
def test_linearizable_through_a_replaced_switch_and_a_killed_replica(protocol):
    events = ((0.3, "switch_stop", ""), (0.6, "switch_start", ""), (3.0, "kill", "r1"))
    played = play(experiment(protocol, requests=4800, events=events))
    seen = observed(played)
    assert len(seen.responded) >= 4800
    assert seen.linearizable().linearizable, seen.linearizable().reason
    assert seen.counts["Activated"] >= 1
    assert "r1" not in played.counts  # what it had to say died with it
    ids = {event.switch_id for _, _, event in played.notes if isinstance(event, Counted)}
    assert max(ids) >= 2


def test_without_the_check_of_the_last_committed_point_the_history_says_so():
    """A replica of VR that is cut off, comes back, and answers single-replica reads whatever it has executed."""
    cut = [((0.5 + i, "link_down", "r2"), (0.8 + i, "link_up", "r2")) for i in range(4)]
    load = {"requests": 3000, "writes": 0.3, "objects": 20, "clients": 24, "events": sum(cut, ())}
    assert observed(play(experiment("vr", **load))).linearizable().linearizable
    played = play(experiment("vr", **load, replica="trusting_replica"))
    zones = observed(played).linearizable()
    assert not zones.linearizable
    assert len(zones.rows) >= 2


def test_the_pipeline_model_switches_in_user_space_where_packets_have_to_wait():
    bad = {"delay": 1e-3, "jitter": 1e-3, "loss": 0.01, "duplicate": 0.01, "reorder": 0.02}
    played = play(experiment("chain", plane="soft", kernel=bad, requests=800))
    seen = observed(played)
    assert len(seen.responded) >= 792
    assert seen.linearizable().linearizable
    assert len(seen.served) > 200
    assert "soft switch" in played.processes


def test_packets_are_captured_in_a_file_that_our_layer_dissects(tmp_path):
    from scenarios.harmonia.emulated.dissector import Harmonia, dissected

    played = play(experiment("chain", requests=300, capture=True))
    file = tmp_path / "run.pcap"
    file.write_bytes(played.captured)
    packets = dissected(file)
    ours = [packet[Harmonia] for packet in packets if Harmonia in packet]
    assert len(ours) >= 200
    names = {packet.sprintf("%Harmonia.op%") for packet in ours}
    assert {"READ", "READ_REPLY", "WRITE", "WRITE_REPLY"} <= names
    assert any(packet.flags & 1 for packet in ours if packet.op == 4)
    assert len(packets) == len(list(frames(file)))


def test_nothing_listens_outside():
    before = _listening()
    play(experiment("chain", requests=200))
    assert _listening() <= before


def _listening():
    done = subprocess.run(["ss", "-Hlntu"], capture_output=True, text=True, check=True)
    return {line.split()[4] for line in done.stdout.splitlines()}


def test_what_is_too_much_is_refused():
    with pytest.raises(UserError, match="at most 2,000,000"):
        play(experiment("chain", requests=3_000_000))
    with pytest.raises(UserError, match="cannot be stopped"):
        play(experiment("chain", plane="soft", events=((1.0, "switch_stop", ""),)))
