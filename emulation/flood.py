"""Sends datagrams as fast as one core can, many per call into the kernel: for measuring what a data plane forwards."""

import ctypes
import socket
import time


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("sent", ctypes.c_uint32))


def flood(opened: socket.socket, payload: bytes, seconds: float, most: int, batch: int = 512) -> int:
    """Sends `payload` from a connected socket for that long, `most` times at most; how many datagrams went out."""
    library = ctypes.CDLL(None, use_errno=True)
    data = ctypes.create_string_buffer(payload, len(payload))
    vector = _Vector(ctypes.addressof(data), len(payload))
    header = _Header(None, 0, ctypes.addressof(vector), 1, None, 0, 0)
    messages = (_Message * batch)(*(_Message(header, 0) for _ in range(batch)))
    sent, until = 0, time.monotonic() + seconds
    while sent < most and time.monotonic() < until:
        sent += max(library.sendmmsg(opened.fileno(), messages, batch, 0), 0)
    return sent
