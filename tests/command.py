"""The installed command, and the plug-in package outside the repository, for the tests."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PLUGIN = Path(__file__).parent / "plugin"


@dataclass(frozen=True)
class Windtunnel:
    """Calls `windtunnel` in `folder`; keyword arguments go into its environment."""

    folder: Path

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("windtunnel")), *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
