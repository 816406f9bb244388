"""What an emulated run needs of the machine, and a sentence about what is missing."""

import os
import shutil
from collections.abc import Iterable
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path

from sim.errors import UserError

#: Program -> the Debian package that has it.
PROGRAMS = {
    "clang": "clang",
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
    "mnexec": "mininet",
    "ifconfig": "net-tools",
    "redis-server": "redis-server",
    "ovs-vswitchd": "openvswitch-switch",
}
#: Capability numbers of <linux/capability.h>.
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_NET_RAW": 13}
PACKAGES = ("mininet", "msgpack", "hiredis", "scapy")
_HEADER = Path("/usr/include/bpf/bpf_helpers.h")


def missing(programs: Iterable[str] = tuple(PROGRAMS)) -> str:
    """What keeps emulated runs from running here, in one sentence; "" if nothing does."""
    if os.geteuid() != 0:
        return "emulation needs root (for network namespaces and kernel programs); run it as root, e.g. with sudo"
    lacking = [name for name, number in _CAPABILITIES.items() if not _effective() >> number & 1]
    if lacking:
        return f"emulation needs {', '.join(lacking)}, which this root does not have; give the container more rights"
    python = [name for name in PACKAGES if find_spec(name) is None]
    if python:
        return f"emulation needs the Python packages {', '.join(python)}; pip install 'windtunnel[emulation]'"
    packages = {PROGRAMS[name] for name in programs if _which(name) is None}
    if not _HEADER.exists() or not _has_libbpf():
        packages.add("libbpf-dev")
    if packages:
        return f"emulation needs programs that are missing; apt-get install {' '.join(sorted(packages))}"
    return ""


def require(programs: Iterable[str] = tuple(PROGRAMS)) -> None:
    """Raises `UserError` if something is missing."""
    told = missing(programs)
    if told:
        raise UserError(told)


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _has_libbpf() -> bool:
    try:
        CDLL("libbpf.so.1")
    except OSError:
        return False
    return True


def _effective() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapEff:")[2].split()[0], 16)


if __name__ == "__main__":
    print(missing())
    raise SystemExit(1 if missing() else 0)
