"""Connections: all arrives, in order, whole, whatever its length; an end and a lie about a length are told once."""

import socket
import struct
from collections.abc import Callable

import pytest

from emulation.connections import LARGEST, Connections
from emulation.transport import Poll


class _Pair:
    """Two nodes' streams on one poll, and what each heard."""

    def __init__(self) -> None:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.directory = {name: one.getsockname() for name, one in zip("ab", sockets, strict=True)}
        for one in sockets:
            one.close()
        self.poll, self.heard = Poll(), list[tuple[str, str, bytes]]()
        self.a, self.b = (Connections(name, self.directory, self.poll, self._hear(name)) for name in "ab")

    def _hear(self, name: str) -> Callable[[str, bytes], None]:
        return lambda sender, data: self.heard.append((name, sender, data))

    def until(self, count: int) -> list[tuple[str, str, bytes]]:
        for _ in range(10_000):
            if len(self.heard) >= count:
                break
            self.poll.wait(0.01)
        return self.heard


def test_messages_of_all_lengths_arrive_in_order() -> None:
    pair = _Pair()
    said = [bytes([size % 251]) * size for size in (0 + 1, 1400, 5_000_000, 3, 300_000)]
    for one in said:
        pair.a.send(one, pair.directory["b"])
    assert pair.until(5) == [("b", "a", one) for one in said]
    pair.b.send(b"back", pair.directory["a"])
    assert pair.until(6)[-1] == ("a", "b", b"back")


def test_the_end_of_a_connection_is_told_once_after_all_messages() -> None:
    pair = _Pair()
    pair.a.send(b"last words", pair.directory["b"])
    pair.a.close()
    assert pair.until(2) == [("b", "a", b"last words"), ("b", "a", b"")]
    pair.poll.wait(0.05)
    assert len(pair.heard) == 2


@pytest.mark.parametrize("size", [LARGEST + 1, (1 << 32) - 1])
def test_a_length_that_cannot_be_is_refused(size: int) -> None:
    pair = _Pair()
    with socket.create_connection(pair.directory["b"]) as liar:
        liar.sendall(struct.pack(">I", 1) + b"a" + struct.pack(">I", size) + b"more")
        ((name, sender, told),) = pair.until(1)
        assert (name, sender) == ("b", "a")
        assert told.startswith(b"!")
        assert liar.recv(1) == b""


def test_a_message_that_is_cut_off_is_none() -> None:
    pair = _Pair()
    with socket.create_connection(pair.directory["b"]) as cut:
        cut.sendall(struct.pack(">I", 1) + b"a" + struct.pack(">I", 100) + b"half")
    assert pair.until(1) == [("b", "a", b"")]


def test_who_is_not_there_hears_nothing() -> None:
    pair = _Pair()
    pair.b.close()
    pair.a.send(b"hello", pair.directory["b"])
    pair.a.close()
    assert pair.heard == []
