"""The first process of a room: makes the namespaces private, calls the function, and leaves its result."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import orjson

from emulation.named import named
from emulation.progress import tell_to
from sim.errors import UserError

#: Folders of services that write to fixed places: empty ones of the room's own.
_PRIVATE = ("/run/openvswitch", "/etc/openvswitch", "/var/log/openvswitch", "/run/netns")


#: Before other work of this machine: a run takes less than the machine has, but when it is due.
_PRIORITY = -10


def main(folder: Path) -> None:
    """Calls what `call.json` names. What processes print goes to the log, with what goes wrong."""
    tell_to(os.dup(1))
    os.dup2(2, 1)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if Path("/sys/fs/bpf").is_dir():
        subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
    for private in _PRIVATE:
        if Path(private).is_dir():
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", private], check=True)
    call = orjson.loads((folder / "call.json").read_bytes())
    try:
        result = {"result": named(call["function"])(call["argument"], folder)}
    except UserError as error:
        result = {"refused": str(error)}
    partial = folder / "result.partial"
    partial.write_bytes(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY))
    partial.replace(folder / "result.json")


def keep_house(worker: int) -> int:
    """What the first process is for: takes leave of whoever lost its parent, until the worker ends."""
    while True:
        process, status = os.wait()
        if process == worker:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    worker = os.fork()
    if worker:
        os._exit(keep_house(worker) & 255)
    main(Path(sys.argv[1]))
