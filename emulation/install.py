"""Installs the Debian packages that emulated runs need, and those named, as root; starts no service of theirs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from emulation.needs import HEADERS, PROGRAMS, missing

#: Debian asks this program whether a service may be started: 101 is no.
_POLICY = Path("/usr/sbin/policy-rc.d")


def main(more: Sequence[str]) -> None:
    """Installs what is missing and `more`, and fails with one line if something of emulation's still is."""
    packages = sorted({*PROGRAMS.values(), *HEADERS.values(), *more})
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)
    finally:
        if ours:
            _POLICY.unlink()
    if missing():
        raise SystemExit(missing())


if __name__ == "__main__":
    main(sys.argv[1:])
