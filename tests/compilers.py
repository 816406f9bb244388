"""What tests of compiled loops need."""

import pytest

from hardware_models.simd import clang

needs_clang = pytest.mark.skipif(not clang.have(), reason="clang 19 is not installed (make test installs it as root)")
