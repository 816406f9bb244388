"""Runs a function in a room: a process in namespaces of its own, with which goes all that it made.

The function is named, its argument is plain data, and so is what it returns; larger results it leaves in the room's
folder. If this process dies, the kernel ends the room with it.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from emulation.ledger import Room, clean
from emulation.needs import require
from sim.errors import UserError

Progress = Callable[[float, str], None]
_NAMESPACES = ("--net", "--pid", "--mount", "--ipc", "--fork", "--kill-child", "--mount-proc")
_TOLD = 30_000


class Isolated:
    """A room for calls one after the other, closed at the end of the `with` block, whatever happens.

    Raises `UserError` if the machine lacks something. What killed runs left is cleared first.
    """

    def __init__(self) -> None:
        require()
        clean()
        self._room = Room.open()

    @property
    def folder(self) -> Path:
        """Files of the room, there until it is closed."""
        return self._room.folder

    def __enter__(self) -> "Isolated":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._room.close()

    def call(
        self, function: str, argument: Any, limit: float = 300.0, progress: Progress = lambda share, doing: None
    ) -> Any:
        """What `function` ("module:function") returns for (argument, folder) in the room, within `limit` seconds.

        `UserError` of the function is raised here; anything else is a `RuntimeError` with what it printed.
        """
        (self.folder / "call.json").write_bytes(orjson.dumps({"function": function, "argument": argument}))
        (self.folder / "result.json").unlink(missing_ok=True)
        log = (self.folder / "log").open("wb")
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES, "--",
             sys.executable, "-m", "emulation.inside", str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "WINDTUNNEL_ROOM": str(self.folder)},
        )  # fmt: skip
        self._room.enter(process.pid)
        try:
            self._watch(process, time.monotonic() + limit, progress)
            return self._result(process, limit)
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            log.close()

    def _watch(self, process: "subprocess.Popen[bytes]", until: float, progress: Progress) -> None:
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        os.set_blocking(descriptor, False)
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            pending = b""
            while (left := until - time.monotonic()) > 0 and selector.select(left):
                data = os.read(descriptor, 65536)
                if not data:
                    process.wait()
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    progress(*orjson.loads(line))

    def _result(self, process: "subprocess.Popen[bytes]", limit: float) -> Any:
        made = self.folder / "result.json"
        if process.poll() is None:
            raise RuntimeError(f"an emulated run took more than {limit:g} s: {self._log()}")
        if not made.exists():
            raise RuntimeError(f"an emulated run ended with status {process.returncode}: {self._log()}")
        result = orjson.loads(made.read_bytes())
        if "refused" in result:
            raise UserError(result["refused"])
        return result["result"]

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-_TOLD:].strip()
