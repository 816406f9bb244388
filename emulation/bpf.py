"""Programs in the kernel: compiled with clang when they are first needed, loaded and driven through libbpf.

A program is compiled once for each content: source, everything it includes from its own folders, definitions and
compiler give a name, and the object file of that name is kept. Nothing is ever pinned: programs and maps live as long
as something holds them, so nothing outlives the processes and interfaces of a session.
"""

import ctypes
import errno
import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import UserError

#: Headers of our own programs.
HEADERS = Path(__file__).parent / "bpf"
_MULTIARCH = Path("/usr/include") / f"{os.uname().machine}-linux-gnu"
_CLONE_NEWNET = 0x40000000
_INGRESS = 1
#: Results of a classifier.
OK, SHOT, REDIRECT = 0, 2, 7


@cache
def _libbpf() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        raise UserError("libbpf.so.1 is missing; install it, e.g. apt-get install libbpf-dev") from None
    pointer, number, name = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    for function, result, arguments in (
        ("bpf_object__open_file", pointer, (name, pointer)),
        ("bpf_object__load", number, (pointer,)),
        ("bpf_object__close", None, (pointer,)),
        ("bpf_object__find_program_by_name", pointer, (pointer, name)),
        ("bpf_object__find_map_by_name", pointer, (pointer, name)),
        ("bpf_program__fd", number, (pointer,)),
        ("bpf_map__fd", number, (pointer,)),
        ("bpf_map__key_size", ctypes.c_uint32, (pointer,)),
        ("bpf_map__value_size", ctypes.c_uint32, (pointer,)),
        ("bpf_map_lookup_elem", number, (number, pointer, pointer)),
        ("bpf_map_update_elem", number, (number, pointer, pointer, ctypes.c_uint64)),
        ("bpf_map_delete_elem", number, (number, pointer)),
        ("bpf_map_get_next_key", number, (number, pointer, pointer)),
        ("bpf_map_get_fd_by_id", number, (ctypes.c_uint32,)),
        ("bpf_obj_get_info_by_fd", number, (number, pointer, pointer)),
        ("bpf_tc_hook_create", number, (pointer,)),
        ("bpf_tc_attach", number, (pointer, pointer)),
        ("bpf_tc_hook_destroy", number, (pointer,)),
        ("bpf_prog_test_run_opts", number, (number, pointer)),
    ):
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    library.libbpf_set_print(None)
    return library


def compile_program(source: Path, definitions: Mapping[str, int], cache_folder: Path, *folders: Path) -> Path:
    """The object file of `source`, compiled with `definitions` and headers of `folders`, or the one kept from before.

    Raises `UserError` if there is no clang, with what clang says if it refuses the program.
    """
    folders = (HEADERS, source.parent, *folders)
    flags = [f"-D{name}={value}" for name, value in sorted(definitions.items())]
    content = hashlib.sha256(" ".join([_clang(), *flags]).encode())
    for part in (source, *sorted(header for folder in folders for header in folder.glob("*.h"))):
        content.update(part.read_bytes())
    made = cache_folder / f"{source.name.split('.')[0]}-{content.hexdigest()[:16]}.o"
    if not made.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        partial = made.with_suffix(f".{os.getpid()}")
        includes = [f"-I{folder}" for folder in (*folders, _MULTIARCH)]
        command = ["clang", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-mcpu=v3", *flags, *includes]
        done = subprocess.run(
            [*command, "-c", str(source), "-o", str(partial)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UserError(f"clang refuses {source.name}: {done.stderr.strip()}")
        partial.replace(made)
    return made


@cache
def _clang() -> str:
    try:
        return subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    except FileNotFoundError:
        raise UserError("clang is missing; install it, e.g. apt-get install clang libbpf-dev") from None


def _failed(doing: str) -> UserError:
    number = ctypes.get_errno()
    return UserError(f"the kernel refuses to {doing}: {errno.errorcode.get(number, number)}, {os.strerror(number)}")


class Map:
    """A map of a loaded program, keys and values as bytes."""

    def __init__(self, descriptor: int, key_size: int, value_size: int) -> None:
        self.descriptor, self._key_size, self.value_size = descriptor, key_size, value_size

    @classmethod
    def by_id(cls, number: int, key_size: int, value_size: int) -> "Map":
        """The map with that number in the kernel, from any process that may."""
        descriptor = _libbpf().bpf_map_get_fd_by_id(number)
        if descriptor < 0:
            raise _failed(f"open map {number}")
        return cls(descriptor, key_size, value_size)

    @property
    def id(self) -> int:
        """Its number in the kernel."""
        info, size = (ctypes.c_uint32 * 32)(), ctypes.c_uint32(128)
        if _libbpf().bpf_obj_get_info_by_fd(self.descriptor, info, ctypes.byref(size)):
            raise _failed("tell about a map")
        return int(info[1])

    def get(self, key: bytes) -> bytes | None:
        """The value at `key`."""
        value = ctypes.create_string_buffer(self.value_size)
        return value.raw if _libbpf().bpf_map_lookup_elem(self.descriptor, self._key(key), value) == 0 else None

    def put(self, key: bytes, value: bytes) -> None:
        """Sets the value at `key`. Raises `UserError` if the map is full."""
        if len(value) != self.value_size:
            raise ValueError(f"a value of {len(value)} bytes in a map of {self.value_size}")
        if _libbpf().bpf_map_update_elem(self.descriptor, self._key(key), value, 0):
            raise _failed("write a map")

    def delete(self, key: bytes) -> None:
        """Takes `key` out, if it is there."""
        _libbpf().bpf_map_delete_elem(self.descriptor, self._key(key))

    def keys(self) -> Iterator[bytes]:
        """All keys."""
        key, following = None, ctypes.create_string_buffer(self._key_size)
        while _libbpf().bpf_map_get_next_key(self.descriptor, key, following) == 0:
            key = following.raw
            yield key

    def _key(self, key: bytes) -> bytes:
        if len(key) != self._key_size:
            raise ValueError(f"a key of {len(key)} bytes in a map with keys of {self._key_size}")
        return key


class _TestRun(ctypes.Structure):
    """`struct bpf_test_run_opts` of libbpf 1.0."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("data_in", ctypes.c_void_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("context_in", ctypes.c_void_p),
        ("context_out", ctypes.c_void_p),
        ("context_size_in", ctypes.c_uint32),
        ("context_size_out", ctypes.c_uint32),
        ("result", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


class _Hook(ctypes.Structure):
    """`struct bpf_tc_hook`."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("interface", ctypes.c_int),
        ("point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    )


class _Attach(ctypes.Structure):
    """`struct bpf_tc_opts`."""

    _fields_ = (
        ("size", ctypes.c_size_t),
        ("program", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("program_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
        ("padding", ctypes.c_uint32),
    )


class Ran(NamedTuple):
    """What a program returned, the packet afterwards, and what it took on average (seconds)."""

    result: int
    packet: bytes
    duration: float


class Program:
    """A classifier that is loaded, with its maps. Unloaded by `close` and at the end of the process."""

    def __init__(self, compiled: Path, name: str = "ingress") -> None:
        library = _libbpf()
        self._object = library.bpf_object__open_file(str(compiled).encode(), None)
        if not self._object:
            raise _failed(f"open {compiled.name}")
        if library.bpf_object__load(self._object):
            error = _failed(f"load {compiled.name}")
            self.close()
            raise error
        found = library.bpf_object__find_program_by_name(self._object, name.encode())
        if not found:
            raise UserError(f"{compiled.name} has no program called '{name}'")
        self.descriptor = library.bpf_program__fd(found)
        self._out = ctypes.create_string_buffer(4096)
        self._run = _TestRun(size=ctypes.sizeof(_TestRun), data_out=ctypes.addressof(self._out))
        self._run_at = ctypes.addressof(self._run)
        self._test_run = library.bpf_prog_test_run_opts

    def map(self, name: str) -> Map:
        """The map called `name`. Raises `UserError` if there is none."""
        library = _libbpf()
        found = library.bpf_object__find_map_by_name(self._object, name.encode())
        if not found:
            raise UserError(f"the program has no map called '{name}'")
        return Map(
            library.bpf_map__fd(found), library.bpf_map__key_size(found), library.bpf_map__value_size(found)
        )  # fmt: skip

    def test(self, packet: bytes, repeat: int = 1) -> Ran:
        """Runs the program on a packet (Ethernet, 14 bytes or more), with no network."""
        run = self._run
        given = ctypes.c_char_p(packet)
        run.data_in = ctypes.cast(given, ctypes.c_void_p).value
        run.data_size_in, run.data_size_out, run.repeat = len(packet), 4096, repeat
        if self._test_run(self.descriptor, self._run_at):
            raise _failed("run a program on a packet")
        return Ran(run.result, self._out.raw[: run.data_size_out], run.duration * 1e-9)

    def attach(self, interface: int) -> None:
        """Puts the program on all that comes in through an interface (by number) of the current namespace."""
        library = _libbpf()
        hook = _Hook(size=ctypes.sizeof(_Hook), interface=interface, point=_INGRESS)
        if library.bpf_tc_hook_create(ctypes.byref(hook)) not in (0, -errno.EEXIST):
            raise _failed("make a hook for a program")
        attach = _Attach(size=ctypes.sizeof(_Attach), program=self.descriptor, handle=1, priority=1, flags=1)
        if library.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(attach)):
            raise _failed("attach a program to an interface")

    @staticmethod
    def detach(interface: int) -> None:
        """Takes whatever program is there off an interface of the current namespace."""
        hook = _Hook(size=ctypes.sizeof(_Hook), interface=interface, point=_INGRESS | 2)
        _libbpf().bpf_tc_hook_destroy(ctypes.byref(hook))

    def close(self) -> None:
        """Unloads it, unless it is attached somewhere."""
        if self._object:
            _libbpf().bpf_object__close(self._object)
            self._object = None

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


@contextmanager
def network_of(process: int) -> Iterator[None]:
    """The calling thread is in the network namespace of a process, for a while."""
    library = ctypes.CDLL(None, use_errno=True)
    home, there = (os.open(f"/proc/{who}/ns/net", os.O_RDONLY | os.O_CLOEXEC) for who in ("self", process))
    try:
        if library.setns(there, _CLONE_NEWNET):
            raise _failed(f"enter the network of process {process}")
        yield
    finally:
        if library.setns(home, _CLONE_NEWNET):
            raise _failed("come back from a network")
        os.close(home)
        os.close(there)
