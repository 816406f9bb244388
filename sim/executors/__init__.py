"""Where runs execute. An executor takes jobs and gives their records back, in whatever order they finish.

Every executor makes the same records from the same jobs. The coordinator (`sim.sweep`) owns the store and
writes what comes back; executors write nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from sim.job import Job
from sim.runner import Finished

#: Told (key of the job, share done from 0 to 1, what it is doing) while runs execute.
Watch = Callable[[str, float, str], None]


class Executor(Protocol):
    """Executes jobs; yields what each one came to as it finishes."""

    def execute(self, jobs: Iterable[Job], watch: Watch) -> Iterator[Finished]:
        """Every job yields exactly one `Finished`, whatever happens to it."""
        ...
