"""Records what passes an interface as a pcap file, the classic one, nanoseconds, which Wireshark opens."""

import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_MAGIC, _ETHERNET, _ALL = 0xA1B23C4D, 1, 3
_LONGEST, _SO_RCVBUFFORCE = 65535, 33


def header() -> bytes:
    """What a file begins with."""
    return struct.pack("=IHHiIII", _MAGIC, 2, 4, 0, 0, _LONGEST, _ETHERNET)


def entry(when: float, frame: bytes) -> bytes:
    """One frame with its time (seconds)."""
    seconds, rest = divmod(round(when * 1e9), 10**9)
    return struct.pack("=IIII", seconds, rest, len(frame), len(frame)) + frame


def frames(file: Path) -> Iterator[tuple[float, bytes]]:
    """Times and frames of such a file; one that is cut short ends early."""
    data = file.read_bytes()
    at = len(header())
    while at + 16 <= len(data):
        seconds, rest, size, _ = struct.unpack_from("=IIII", data, at)
        frame = data[at + 16 : at + 16 + size]
        if len(frame) < size:
            return
        yield seconds + rest * 1e-9, frame
        at += 16 + size


def main(interface: str, file: Path) -> None:
    """Records until it is told to stop (SIGTERM)."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda *what: stopped.append(1))
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # hears nothing until it is bound
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
    opened.bind((interface, _ALL))
    offset = time.time() - time.monotonic()
    with file.open("wb", buffering=1 << 20) as out:
        out.write(header())
        os.write(1, b"ready\n")
        while not stopped:
            if select.select([opened], [], [], 0.05)[0]:
                frame = opened.recv(_LONGEST)
                out.write(entry(offset + time.monotonic(), frame))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
