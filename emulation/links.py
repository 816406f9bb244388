"""Measures every link of a session before an experiment starts, and refuses to go on if one is not what was asked for.

A command that fails to limit or delay a link may print an error and leave a fast one. So nothing is believed: packets
go from each host to the next through the switch and back.
"""

import socket
import struct
import time
from statistics import median
from typing import NamedTuple

from emulation.bpf import network_of
from emulation.session import Session
from sim.errors import UserError

_PORT, _SIZE, _PINGS, _BURST = 6999, 1400, 15, 120
_WIRE = _SIZE + 42
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33


class LinkFigures(NamedTuple):
    """Of the way from `host` to the next host: median round trip (s) and rate (bit/s; a lower bound if unlimited)."""

    host: str
    round_trip: float
    rate: float


def measure_links(session: Session) -> list[LinkFigures]:
    """Each host with the next one, in turn. Raises `UserError` if nothing comes through."""
    hosts = session.rack.hosts
    return [_measure(session, host, hosts[(number + 1) % len(hosts)]) for number, host in enumerate(hosts)]


def require_links(
    session: Session, round_trip: tuple[float, float] = (0.0, 5e-3), tolerance: float = 0.1, tries: int = 3
) -> list[LinkFigures]:
    """The figures, if each round trip is within the bounds (s) and each limited link's rate within `tolerance`.

    Raises `UserError` that names the link if one is not, `tries` times in a row (other work disturbs a measurement).
    """
    for _ in range(tries):
        figures = measure_links(session)
        wrong = _wrong(session, figures, round_trip, tolerance)
        if not wrong:
            return figures
    raise UserError(f"{wrong} (measured {tries} times); the experiment would not be the one asked for")


def _wrong(session: Session, figures: list[LinkFigures], bounds: tuple[float, float], tolerance: float) -> str:
    rates, hosts = session.rack.rates, session.rack.hosts
    for number, one in enumerate(figures):
        other = hosts[(number + 1) % len(hosts)]
        if not bounds[0] <= one.round_trip <= bounds[1]:
            return f"{one.round_trip:.2e} s there and back between '{one.host}' and '{other}', not within {bounds}"
        limit = min(rates.get(one.host, 0) or 1e12, rates.get(other, 0) or 1e12)
        if limit < 1e12 and abs(one.rate / limit - 1.0) > tolerance:
            return f"{one.rate:.3g} bit/s from '{one.host}' to '{other}', not {limit:.3g}"
    return ""


def _measure(session: Session, host: str, other: str) -> LinkFigures:
    there, here = _socket(session, other), _socket(session, host)
    with there, here:
        to = session.rack.ip(other), _PORT
        trips = [_ping(here, there, to) for _ in range(_PINGS)]
        answered = [trip for trip in trips if trip is not None]
        if not answered:
            raise UserError(f"nothing comes from '{host}' to '{other}'")
        return LinkFigures(host, median(answered), _rate(here, there, to))


def _socket(session: Session, host: str) -> socket.socket:
    """A socket stays in the namespace in which it was made."""
    with network_of(session.pid(host)):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    made.bind((session.rack.ip(host), _PORT))
    made.settimeout(0.2)
    return made


def _ping(here: socket.socket, there: socket.socket, to: tuple[str, int]) -> float | None:
    begin = time.monotonic()
    here.sendto(b"there", to)
    data = _received(there)
    if data is None:
        return None
    there.sendto(b"back", data)
    return time.monotonic() - begin if _received(here) is not None else None


def _received(opened: socket.socket) -> tuple[str, int] | None:
    try:
        return opened.recvfrom(_SIZE)[1]  # type: ignore[no-any-return]
    except TimeoutError:
        return None


def _rate(here: socket.socket, there: socket.socket, to: tuple[str, int]) -> float:
    """From a burst without its first third, which a limiter's bucket lets through; by the kernel's times."""
    for _ in range(_BURST):
        here.sendto(bytes(_SIZE), to)
    arrivals: list[float] = []
    while len(arrivals) < _BURST and (arrival := _arrival(there)) is not None:
        arrivals.append(arrival)
    if len(arrivals) < _BURST // 2:
        return 0.0
    first = len(arrivals) // 3
    return (len(arrivals) - first - 1) * _WIRE * 8 / max(arrivals[-1] - arrivals[first], 1e-9)


def _arrival(opened: socket.socket) -> float | None:
    try:
        _, told, _, _ = opened.recvmsg(_SIZE, 64)
    except TimeoutError:
        return None
    seconds, nanoseconds = struct.unpack("qq", told[0][2])
    return float(seconds + nanoseconds * 1e-9)
