"""One palette for every page: a name has the same colour wherever it appears.

Eight hues, each in a shade for light and one for dark pages. The shades were searched for so that on its
background every one has a contrast of at least 3:1 and every pair stays apart (CIELAB distance above 14) for
normal sight and for full protanopia, deuteranopia and tritanopia (Machado et al. 2009).

Names that are declared (a scenario lists its policies once, in a fixed order) take the hues in that order.
Any other name takes the hue its own letters say, or the next free one if that is taken on the page.
"""

import zlib
from collections.abc import Iterable, Sequence

#: (on a light page, on a dark page)
HUES: tuple[tuple[str, str], ...] = (
    ("#0e5cd9", "#1555f3"),  # blue
    ("#df6805", "#de6929"),  # orange
    ("#0e9460", "#67fcbe"),  # green
    ("#a71d9d", "#a936bd"),  # purple
    ("#f01e4f", "#f63d5f"),  # red
    ("#089ddd", "#41c9f4"),  # sky
    ("#675202", "#f9e159"),  # olive, yellow
    ("#8d8f9a", "#656c86"),  # grey
)
#: Page backgrounds and the ink of axes, bounds and capacities, light and dark.
PAPER = ("#ffffff", "#14171c")
INK = ("#3a4048", "#c9cfd8")


def colours(names: Iterable[str], declared: Sequence[str] = ()) -> dict[str, str]:
    """Name -> colour on a light page; `dark` gives the one on a dark page.

    >>> colours(["greedy", "optimal"], declared=["keep all", "greedy", "optimal"])
    {'greedy': '#df6805', 'optimal': '#0e9460'}
    """
    wanted = list(dict.fromkeys(names))
    chosen = {name: index % len(HUES) for index, name in enumerate(declared) if name in wanted}
    for name in sorted(set(wanted) - chosen.keys()):
        chosen[name] = _free(name, set(chosen.values()))
    return {name: HUES[chosen[name]][0] for name in wanted}


def _free(name: str, taken: set[int]) -> int:
    first = zlib.crc32(name.encode()) % len(HUES)
    order = [(first + step) % len(HUES) for step in range(len(HUES))]
    return next((slot for slot in order if slot not in taken), first)


def dark() -> dict[str, str]:
    """Every colour of a light page -> the one that takes its place on a dark page."""
    return dict((*HUES, PAPER, INK))
