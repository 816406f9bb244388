"""What all tests share: the plug-in package outside the repository, and the command."""

import os
from pathlib import Path

import pytest
from command import PLUGIN, Windtunnel
from hypothesis import settings

os.environ["PYTHONPATH"] = os.pathsep.join([str(PLUGIN), *filter(None, [os.environ.get("PYTHONPATH")])])

settings.register_profile("windtunnel", deadline=None)  # a loaded machine is no failure
settings.load_profile("windtunnel")


@pytest.fixture
def windtunnel(tmp_path: Path) -> Windtunnel:
    """The installed command, run in a folder of its own."""
    return Windtunnel(tmp_path)
