"""The page's example runs as it stands."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/hardware/simd.md"


def test_the_example_on_the_page_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["found"][1].cycles[0, 2] < names["found"][1].cycles[0, 0]  # type: ignore[index]
