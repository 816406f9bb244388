"""Whether emulation can run here: as root it must; otherwise one line says what is missing."""

import os

import pytest

from emulation.needs import missing

TOLD = missing()
#: For tests that need the kernel. As root they run, and fail if something is missing.
emulated = pytest.mark.skipif(os.geteuid() != 0, reason=TOLD or "runs")
