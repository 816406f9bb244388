"""Runs in this very process, one after the other: for single runs, tests and debugging."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sim.executors import Watch
from sim.file_cache import cached
from sim.job import Job
from sim.runner import Finished, execute


@dataclass(frozen=True, slots=True)
class Inline:
    """The simplest executor. `cache` is the folder for files that are expensive to make."""

    cache: Path

    def execute(self, jobs: Iterable[Job], watch: Watch) -> Iterator[Finished]:
        """One job after the other."""
        for job in jobs:
            yield execute(job, partial(cached, self.cache), partial(watch, job.key))
