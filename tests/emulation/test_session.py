"""Racks: what was asked for is what is there, packets pass, and what is to go wrong does."""

import pytest
from emulated_needs import emulated

from emulation.capture import entry, frames, header
from emulation.isolation import Isolated
from emulation.line import Faults, Line
from emulation.planes import plane
from emulation.topology import Rack
from sim.errors import UserError
from sim.rng import Streams


def call(function, argument=None):
    with Isolated() as room:
        return room.call(f"emulated_calls:{function}", argument)


@pytest.mark.parametrize("kind", ["kernel", "soft", "openvswitch"])
@emulated
def test_every_plane_carries_packets_between_all_hosts_at_the_rates_asked_for(kind):
    links = call("rack", {"hosts": ["a", "b", "c"], "plane": kind, "rates": {"b": 20e6}})["links"]
    assert [link[0] for link in links] == ["a", "b", "c"]
    assert all(0 < link[1] < 5e-3 for link in links)
    assert links[0][2] == pytest.approx(20e6, rel=0.1)
    assert links[2][2] > 50e6


@emulated
def test_a_link_that_is_not_what_was_asked_for_stops_the_experiment():
    with pytest.raises(UserError, match=r"bit/s from 'a' to 'b', not 2e\+07"):
        call("refused_links")


@emulated
def test_the_kernel_loses_and_repeats_packets_links_go_down_and_the_switch_stops():
    told = call("kernel_faults")
    for quiet in ("quiet", "link up", "started"):
        assert told[quiet] == {"reached": 400, "received": 400, "in_order": True}, quiet
    assert 260 < told["loss"]["reached"] < 380  # 0.9 * 0.9 of 400
    assert told["duplicate"]["reached"] == 400
    assert 480 < told["duplicate"]["received"] < 720  # 1.2 * 1.2 of 400
    assert told["link down"]["received"] == told["stopped"]["received"] == 0
    assert "cannot delay" in told["refused"]


@emulated
def test_the_soft_switch_delays_loses_repeats_and_reorders():
    told = call("soft_faults")
    assert all(4e-3 < trip < 8e-3 for trip in told["delay"])  # twice 2 ms
    assert 320 < told["all"]["reached"] < 395
    assert told["all"]["received"] > told["all"]["reached"]
    assert not told["all"]["in_order"]
    assert told["processes"] == ["soft switch"]


@pytest.mark.parametrize("kind", ["kernel", "openvswitch"])
@emulated
def test_nodes_talk_over_real_sockets_and_wait_for_service(kind):
    told = call("dialogue", {"count": 40, "plane": kind})
    said = [what for _, who, what in told["notes"] if who == "a1"]
    assert said == [pair for left in range(39, -1, -1) for pair in (["asks", left], ["told", left])]
    assert told["counts"]["b"]["received"] == 80
    assert told["counts"]["b"]["busy"]["e"] == pytest.approx(0.4)
    last = max(time for time, who, _ in told["notes"])
    assert 0.4 <= last < 1.2  # 80 messages, 5 ms each, one core
    assert told["frames"] >= 160
    assert {"a", "b"} <= set(told["processes"])


@pytest.mark.parametrize("kind", ["kernel", "soft", "openvswitch"])
@emulated
def test_a_message_that_fits_no_packet_comes_whole_over_any_plane(kind):
    loss = 0.01 if kind == "kernel" else 0.0
    told = call("dialogue", {"count": 5, "size": 300_000, "plane": kind, "loss": loss})
    said = [what for _, who, what in told["notes"] if who == "a1"]
    assert said == [pair for left in range(4, -1, -1) for pair in (["asks", left], ["told", left])]
    assert told["counts"]["b"]["malformed"] == 0


@emulated
def test_a_killed_host_is_silent_until_it_starts_again():
    told = call("dialogue", {"count": 100, "kill": True})
    heard = [time for time, who, _ in told["notes"] if who.startswith("a")]
    assert len([1 for _, who, _ in told["notes"] if who == "e"]) >= 0
    assert heard
    assert told["counts"]["a"]["received"] < 200  # the questions that were open are lost: Asker does not try again


def test_bad_racks_faults_and_planes_are_refused():
    for bad, said in (
        (lambda: Rack(()), "0 hosts"),
        (lambda: Rack(("a", "a")), "same name"),
        (lambda: Rack(("a b",)), "no name of a host"),
        (lambda: Rack(("a",), {"b": 1e6}), "rate"),
        (lambda: Faults(loss=1.5), "share"),
        (lambda: Faults(delay=-1.0), "delay"),
        (lambda: plane("hardware"), "no data plane"),
    ):
        with pytest.raises(UserError, match=said):
            bad()


def test_a_line_is_the_same_for_the_same_seed_and_does_what_it_says():
    faults = Faults(loss=0.1, duplicate=0.2, reorder=0.1, delay=1e-3, jitter=1e-3)
    lines = [Line(faults, Streams(3, "lines", 0)("line")) for _ in range(2)]
    first, second = ([line.departures(float(i)) for i in range(5000)] for line in lines)
    assert first == second
    assert lines[0].lost == pytest.approx(500, rel=0.2)
    assert lines[0].duplicated == pytest.approx(900, rel=0.2)
    assert all(i + 1e-3 <= at <= i + 20e-3 for i, times in enumerate(first) for at in times)


def test_a_capture_is_read_back_and_may_be_cut_short(tmp_path):
    file = tmp_path / "x.pcap"
    data = header() + entry(1.5, b"abc") + entry(2.25, b"defg")
    file.write_bytes(data)
    assert list(frames(file)) == [(1.5, b"abc"), (2.25, b"defg")]
    file.write_bytes(data[:-2])
    assert list(frames(file)) == [(1.5, b"abc")]
