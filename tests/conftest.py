"""What all tests share: the plug-in package outside the repository, and a way to call the command."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"
sys.path.append(str(PLUGIN))
os.environ["PYTHONPATH"] = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])

Windtunnel = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def windtunnel(tmp_path: Path) -> Windtunnel:
    """The installed command, run in a folder of its own."""

    def call(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("windtunnel")), *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call
