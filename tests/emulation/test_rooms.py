"""Rooms: nothing of a run is outside of its room, and nothing is left of it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from emulated_needs import emulated
from waiting import gone

from emulation import ledger
from emulation.isolation import Isolated
from emulation.ledger import Process, Room, leftovers
from emulation.needs import missing
from sim.errors import UserError

RACK = {"hosts": ["a", "b", "c"], "plane": "kernel", "redis": True}


def own_rooms():
    me = Process.of(os.getpid())
    return [room for room in ledger.rooms() if room.owner == me]


def now():
    """Clock ticks since boot."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def processes_of(folder, namespace, ended=None):
    """A room's processes: those in its process namespace (Redis overwrites its environment), and those that know it.

    Numbers of namespaces are used again: with `ended`, only processes that started before that are the room's.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            inside = os.stat(process / "ns" / "pid").st_ino == namespace
        except OSError:
            continue
        known = Process.of(int(process.name))
        if known is None or (ended is not None and known.started >= ended):
            continue
        if inside or f"WINDTUNNEL_ROOM={folder}".encode() in environment.split(b"\0"):
            found.append(process.name)
    return found


def namespaces():
    """All network namespaces that some process is in, seen from outside."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.add(os.stat(folder / "ns" / "net").st_ino)
        except OSError:
            continue
    return found


def runner(argument, function="emulated_calls:rack"):
    """A process that makes a room and stays in it."""
    code = (
        "import signal; from emulation.isolation import Isolated\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # jobs in a script's background ignore it
        "with Isolated() as room:\n"
        "    print(room.folder, flush=True)\n"
        f"    room.call({function!r}, {argument!r}, 300.0)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    folder = Path(process.stdout.readline().strip())
    assert gone(lambda: process.poll() is None and not (folder / "up").exists())
    assert process.poll() is None
    return process, folder


@emulated
def test_a_room_has_processes_and_interfaces_of_its_own():
    with Isolated() as room:
        told = room.call("emulated_calls:where", {"x": [1, 2]})
        assert told["argument"] == {"x": [1, 2]}
        assert told["links"] == ["lo"]
        assert told["pid"] < 10
    assert not room.folder.exists()


@emulated
def test_what_goes_wrong_in_a_room_is_said_outside():
    with Isolated() as room:
        with pytest.raises(UserError, match="this cannot be"):
            room.call("emulated_calls:refuses", None)
        with pytest.raises(RuntimeError, match="a mistake"):
            room.call("emulated_calls:fails", None)
        with pytest.raises(UserError, match="no function"):
            room.call("emulated_calls:nothing", None)


@emulated
def test_a_call_that_takes_too_long_is_ended():
    with Isolated() as room, pytest.raises(RuntimeError, match="took more than 2 s"):
        room.call("emulated_calls:rack", {**RACK, "linger": 60}, limit=2.0)


@emulated
@pytest.mark.slow
def test_twenty_runs_in_a_row_leave_nothing():
    folders = []
    for _ in range(20):
        with Isolated() as room:
            told = room.call("emulated_calls:rack", RACK)
        assert len(told["links"]) == 3
        assert not processes_of(room.folder, told["processes"], now())
        folders.append(room.folder)
    assert not own_rooms()
    assert not [folder for folder in folders if folder.exists()]
    assert not [name for name in os.listdir("/sys/class/net") if name.startswith(("a-", "b-", "c-", "s-"))]
    assert not list(Path("/sys/fs/bpf").glob("*"))


@emulated
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_or_interrupted_runner_leaves_nothing_after_the_next_start_and_nothing_else_is_touched(number):
    bystander = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    redis = subprocess.Popen(
        ["unshare", "--net", "redis-server", "--save", "", "--port", "6379"], stdout=subprocess.DEVNULL
    )
    try:
        process, folder = runner({**RACK, "linger": 300})
        inside, processes = map(int, (folder / "up").read_text().split())
        first = Room(folder).first
        assert first is not None
        assert inside in namespaces()
        assert len(processes_of(folder, processes)) > 8  # shells and servers of three hosts among them
        process.send_signal(number)
        process.wait()
        ended = now()
        assert gone(lambda: first.alive)  # the kernel ends it
        assert gone(lambda: processes_of(folder, processes, ended))
        if number == signal.SIGKILL:
            assert [room.folder for room in leftovers() if room.folder == folder]
        with Isolated():
            assert not folder.exists()
        assert bystander.poll() is None
        assert redis.poll() is None
    finally:
        for one in (bystander, redis):
            one.kill()
            one.wait()


@emulated
def test_doctor_clears_what_a_killed_runner_left(windtunnel):
    process, folder = runner({**RACK, "linger": 300})
    process.kill()
    process.wait()
    done = windtunnel("doctor", "--clean")
    assert done.returncode == 0
    assert folder.name in done.stdout
    assert not folder.exists()
    assert "nothing was left" in windtunnel("doctor", "--clean").stdout


@emulated
def test_a_room_whose_first_process_outlived_its_owner_is_cleared_with_it(tmp_path):
    """The kernel should not let that happen; the ledger does not rely on it."""
    code = (
        "import subprocess, sys\nfrom pathlib import Path\nfrom emulation.ledger import Room\n"
        "room = Room.open(Path(sys.argv[1]))\n"
        "command = ['unshare', '--net', '--pid', '--fork', 'sleep', '60']\n"
        "process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "room.enter(process.pid)\nprint(process.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    orphan = Process.of(int(done.stdout))
    assert orphan is not None
    assert ledger.clean(tmp_path)
    assert not orphan.alive
    assert not list(tmp_path.iterdir())


def test_a_process_is_known_by_its_start_too():
    me = Process.of(os.getpid())
    assert me is not None
    assert me.alive
    assert not Process(me.number, me.started + 1).alive
    assert Process.of(2**22 + 1) is None


def test_without_root_it_refuses_in_one_sentence():
    if os.geteuid() == 0:
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-c",
             "from emulation.needs import missing; print(missing())"],
            capture_output=True, text=True, check=False, cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )  # fmt: skip
        told = done.stdout.strip()
    else:
        told = missing()
    assert told.startswith("emulation needs root")
    assert "\n" not in told


def test_missing_parts_are_named(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("emulation.needs._effective", lambda: 2**40 - 1)
    monkeypatch.setattr("emulation.needs._which", lambda name: None if name == "redis-server" else "/bin/true")
    assert "redis-server" in missing()
    monkeypatch.setattr("emulation.needs._effective", lambda: 0)
    assert "CAP_NET_ADMIN" in missing()
