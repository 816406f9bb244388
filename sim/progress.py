"""Progress and time left, for a person who waits. Quiet for the first second, and where nobody watches."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.units import show

if TYPE_CHECKING:
    from rich.progress import Progress

_QUIET = 1.0
_EVERY = 5.0


@dataclass(slots=True)
class Meter:
    """Counts what is done of `total`. On a terminal a bar, elsewhere a line every few seconds, on stderr."""

    total: int
    what: str
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    _doing: dict[str, tuple[float, str]] = field(default_factory=dict)
    _bar: "Progress | None" = None
    _said: float = 0.0

    def step(self, key: str = "") -> None:
        """One more is done."""
        self.done += 1
        self._doing.pop(key, None)
        self.refresh()

    def watch(self, key: str, fraction: float, doing: str) -> None:
        """`key` is at `fraction` of its own work and says what it is doing."""
        self._doing[key] = (fraction, doing)
        self.refresh()

    def refresh(self) -> None:
        """Draw, if enough time has passed."""
        now = time.monotonic()
        if now - self.started < _QUIET or now - self._said < (0.1 if sys.stderr.isatty() else _EVERY):
            return
        self._said = now
        if sys.stderr.isatty():
            self._draw()
        else:
            print(self.sentence(), file=sys.stderr, flush=True)

    def sentence(self) -> str:
        """For instance "runs: 12 of 40, about 35 s left (solving 60 %)"."""
        share = self.done + sum(fraction for fraction, _ in self._doing.values())
        elapsed = time.monotonic() - self.started
        left = ""
        if share >= 0.03 * self.total:  # before that, the estimate would frighten
            left = f", about {show(elapsed / share * (self.total - share), 'time', 3)} left"
        doing = next((f" ({doing})" for _, doing in self._doing.values()), "")
        return f"{self.what}: {self.done:,} of {self.total:,}{left}{doing}"

    def _draw(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True, auto_refresh=False)
            self._bar.add_task(self.what, total=self.total)
            self._bar.start()
        task = self._bar.tasks[0]
        self._bar.update(task.id, completed=self.done, description=self.sentence(), refresh=True)

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def meter(total: int, what: str) -> Iterator[Meter]:
    """A meter that is taken off the screen at the end."""
    shown = Meter(total, what)
    try:
        yield shown
    finally:
        shown.close()
