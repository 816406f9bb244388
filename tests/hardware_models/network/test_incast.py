"""Incast: collapse packet by packet and not as a fluid, no loss where the model says fluid, every byte delivered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.network.card import LinkFigures
from hardware_models.network.incast import Incast, Port, Transport, _burst
from hardware_models.network.link_card import LinkCard
from hardware_models.network.topology import Network
from sim.engine import Engine
from sim.errors import UserError

GIGABIT = Port(rate=1.25e8, buffer=64_000, round_trip=1e-4)


def test_goodput_collapses_in_packets_and_not_in_the_fluid() -> None:
    """One gigabit, 64 kB, 256 KiB each (as in FAST 2008): full speed at few senders, a few percent at many."""
    cases = {senders: Incast(GIGABIT, senders, 256 * 1024) for senders in (1, 4, 8, 16, 32, 64)}
    packets = {senders: one.goodput(one.packets().seconds) for senders, one in cases.items()}
    fluid = {senders: one.goodput(one.fluid_seconds()) for senders, one in cases.items()}
    assert packets[1] > 0.85
    assert all(packets[senders] < 0.1 for senders in (8, 16, 32, 64))
    assert all(share > 0.9 for share in fluid.values())
    assert [cases[senders].regime for senders in (1, 8, 16, 32, 64)] == ["fluid"] + ["packets"] * 4
    assert all(one.seconds() == (one.fluid_seconds() if n == 1 else one.packets().seconds) for n, one in cases.items())


def test_a_larger_buffer_puts_the_collapse_off_and_a_shorter_timeout_softens_it() -> None:
    many = Incast(GIGABIT, 16, 64 * 1024)
    assert many.goodput(many.packets().seconds) < 0.1
    deep = Incast(Port(1.25e8, 4_000_000, 1e-4), 16, 64 * 1024)
    assert (deep.regime, deep.packets().lost) == ("fluid", 0)
    quick = Incast(GIGABIT, 16, 64 * 1024, Transport(least_timeout=1e-3))
    assert quick.packets().seconds < many.packets().seconds / 10


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 120_000), st.integers(1_514, 900_000), st.floats(0, 2e-3))
def test_every_block_arrives_and_a_fluid_loses_nothing(
    senders: int, block: int, buffer: int, round_trip: float
) -> None:
    one = Incast(Port(1.25e8, buffer, round_trip), senders, block)
    burst = one.packets()
    packets = senders * -(-block // 1448)
    assert np.isfinite(burst.finish).all()
    assert burst.sent - burst.lost >= packets
    assert burst.seconds >= one.fluid_seconds() * (1 - 1e-9)
    if one.regime == "fluid":
        assert (burst.sent, burst.lost, burst.timeouts) == (packets, 0, 0)


@pytest.mark.parametrize("senders", [2, 3, 7])
def test_the_bound_is_met_to_the_byte(senders: int) -> None:
    """One packet each, all at once: room for all of them is just enough, and a byte less loses the last."""
    room = senders * 1514
    enough, short = (Incast(Port(1.25e8, buffer, 1e-4), senders, 1448) for buffer in (room, room - 1))
    assert (enough.regime, enough.packets().lost) == ("fluid", 0)
    assert (short.regime, short.packets().lost) == ("packets", 1)


def test_beyond_a_window_the_bound_is_every_sender_s_window() -> None:
    """A window of 65,536 bytes is 46 packets with 66 bytes around each: 68,572 on the wire."""
    enough, short = (Incast(Port(1.25e8, buffer, 1e-4), 3, 10**5) for buffer in (3 * 68_572, 3 * 68_572 - 1))
    assert (enough.regime, short.regime) == ("fluid", "packets")
    assert enough.packets().lost == 0


def test_one_packet_by_hand() -> None:
    """1,000 bytes and 66 around them: 8.528 us on the sender's wire, as much in the port, and the round trip."""
    burst = Incast(GIGABIT, 1, 1000).packets(start=1.0)
    assert burst.seconds == pytest.approx(1.0 + 2 * 8.528e-6 + 1e-4, rel=1e-12)
    assert (burst.sent, burst.lost) == (1, 0)


def test_slow_start_by_hand() -> None:
    """30 packets to a distant receiver: 10 in the first round trip, 20 in the second."""
    port = Port(1.25e8, 10**6, 0.1)
    assert Incast(port, 1, 30 * 1448).packets().seconds == pytest.approx(0.2, rel=0.01)
    assert Incast(port, 1, 31 * 1448, Transport(window=10**6)).packets().seconds == pytest.approx(0.3, rel=0.01)


def test_a_lost_tail_waits_for_the_timer() -> None:
    """Two packets at once into room for one: the other comes when the timer says so, and not before 200 ms."""
    burst = Incast(Port(1.25e8, 1600, 0.0), 2, 1448).packets()
    assert (burst.lost, burst.timeouts) == (1, 1)
    assert sorted(burst.finish) == pytest.approx([2 * 1514 / 1.25e8, 0.2 + 2 * 1514 / 1.25e8], rel=1e-9)


@pytest.mark.parametrize(("buffer", "packets"), [(10**6, 9), (6 * 1514, 2)])
def test_a_first_window_meets_the_packet_model_s_queue(buffer: int, packets: int) -> None:
    """Hosts, a switch and a link of the packet model: the same drops, and the same moments where nothing is lost."""
    senders, round_trip, gap = 8, 1e-4, 5e-6
    engine, arrived, sizes = Engine(), [0.0] * senders, [1514] * packets
    network = Network(engine)
    for device in ("switch", "receiver", *(f"sender{at}" for at in range(senders))):
        network.device(device)
    figures = {"rate": 1e9, "buffer": 10**9}
    for at in range(senders):
        out = LinkFigures.model_validate({**figures, "propagation": round_trip / 2})
        network.connect(f"sender{at}", "switch", out)
    port = LinkFigures.model_validate({**figures, "buffer": buffer, "propagation": 0.0})
    network.connect("switch", "receiver", port)

    def hear(at: int) -> None:
        arrived[at] = engine.now

    for at in range(senders):
        for size in sizes:
            engine.call_at(at * gap, network.send, f"sender{at}", "receiver", size, hear, at)
    engine.run()
    burst = Incast(Port(1.25e8, buffer, round_trip), senders, 1448 * packets).packets(np.arange(senders) * gap)
    full = sum(link.full for link in network.links())
    assert burst.lost == full
    if full == 0:
        assert burst.finish == pytest.approx([moment + round_trip / 2 for moment in arrived], rel=1e-9)
    assert (full > 0) == (packets == 2)


def test_compiled_is_interpreted() -> None:
    arguments = (np.zeros(5), 50_000, 1448, 66, 1.25e8, 20_000.0, 1e-4, 10, 45, 0.2, 120.0)
    finish, *counts = _burst(*arguments)
    slow, *slow_counts = _burst.py_func(*arguments)
    assert (finish.tolist(), counts) == (slow.tolist(), slow_counts)


def test_a_port_is_a_link_card_s() -> None:
    card = LinkCard.model_validate({"card": "ethernet-1g", "latency": 5e-5})
    assert Port.of(card) == Port(1.25e8, 128_000, 1e-4)


def test_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="makes no sense"):
        Port(0.0, 1, 1.0)
    with pytest.raises(UserError, match="senders is 0"):
        Incast(GIGABIT, 0, 1)
    with pytest.raises(UserError, match="must hold a packet"):
        Incast(Port(1.25e8, 1513, 0.0), 1, 1)
