"""A replica's objects in a real Redis: the mapping that `Replica.store` is, each object under a key of its own."""

import socket
import time
from collections.abc import Hashable, Iterator, MutableMapping
from typing import Any

import hiredis

from emulation.messages import Messages
from scenarios.harmonia.packet import Stamp
from scenarios.harmonia.replica import Item

PORT = 6379
_PATIENCE = 10.0


class RedisStore(MutableMapping[Hashable, Item]):
    """Objects by key, in the Redis of this host. Waits for it to listen, and raises `OSError` if it does not come."""

    def __init__(self, host: str = "127.0.0.1", port: int = PORT) -> None:
        self._codec = Messages([Stamp, Item])
        self._socket = _connected(host, port)
        self._reader = hiredis.Reader()
        self.commands = 0

    def __getitem__(self, key: Hashable) -> Item:
        found = self._ask(b"GET", self._codec.encode(key))
        if found is None:
            raise KeyError(key)
        return self._codec.decode(found)  # type: ignore[no-any-return]

    def __setitem__(self, key: Hashable, item: Item) -> None:
        self._ask(b"SET", self._codec.encode(key), self._codec.encode(item))

    def __delitem__(self, key: Hashable) -> None:
        if not self._ask(b"DEL", self._codec.encode(key)):
            raise KeyError(key)

    def __iter__(self) -> Iterator[Hashable]:
        for key in self._ask(b"KEYS", b"*"):
            yield self._codec.decode(key)

    def __len__(self) -> int:
        return int(self._ask(b"DBSIZE"))

    def clear(self) -> None:
        """Forgets everything."""
        self._ask(b"FLUSHALL")

    def _ask(self, *words: bytes) -> Any:
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]
        self.commands += 1
        while (answer := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65536))
        if isinstance(answer, Exception):
            raise answer
        return answer


def _connected(host: str, port: int) -> socket.socket:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            made = socket.create_connection((host, port), timeout=_PATIENCE)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
