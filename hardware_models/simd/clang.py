"""Clang and its tools as bounded child processes.

Every command runs in a process group of its own with a wall-clock and a processor-time limit, since some forced
factors keep the optimiser busy for minutes. Nothing goes through a shell.
"""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sim.errors import UserError

#: Releases that are looked for, best known first.
_RELEASES = ("19", "20", "21", "22", "18")


class TooSlowError(Exception):
    """The command was still running at its limit."""


class RefusedError(Exception):
    """The command ended with an error; its text is what it printed."""


@cache
def find(tool: str) -> str | None:
    """Path of `clang`, `llvm-objdump`, `llvm-mca`, ... of the newest known release; None where there is none."""
    return next((path for release in _RELEASES if (path := shutil.which(f"{tool}-{release}"))), None)


def have() -> bool:
    """Whether loops can be compiled and looked at here."""
    return find("clang") is not None and find("llvm-objdump") is not None


def need(tool: str) -> str:
    """Path of a tool. Raises `UserError` where there is none."""
    path = find(tool)
    if path is None:
        raise UserError(f"{tool} {_RELEASES[0]} is not installed; on Debian: apt-get install clang-19 llvm-19")
    return path


def run(command: Sequence[str], limit: float = 60.0, folder: Path | None = None, stdin: str = "") -> str:
    """Standard output of a command. Raises `TooSlowError` at `limit` seconds and `RefusedError` on a non-zero exit."""

    def bounded() -> None:
        seconds = int(limit) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    with subprocess.Popen(
        command, cwd=folder, start_new_session=True, preexec_fn=bounded, text=True, errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        try:
            out, err = child.communicate(stdin, timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise TooSlowError(f"{Path(command[0]).name} was stopped after {limit:g} s") from None
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TooSlowError(f"{Path(command[0]).name} was stopped after {limit:g} s of processor time")
    if child.returncode:
        raise RefusedError(err.strip() or f"{Path(command[0]).name} ended with {child.returncode}")
    return out


@cache
def release() -> str:
    """What clang calls itself, in one line."""
    return run([need("clang"), "--version"]).splitlines()[0]


@cache
def native_cpu() -> str:
    """The name by which clang knows this machine's core."""
    command = [need("clang"), "-march=native", "-###", "-x", "c", "-c", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    words = done.stderr.replace('"', "").split()
    return words[words.index("-target-cpu") + 1]
