"""The coordinator: resolve a study once, run what is missing, keep every record as it comes."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sim.executors import Executor
from sim.job import Job, plan
from sim.progress import meter
from sim.store import Store
from sim.study import Study


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sweep came to: how many runs the study has, how many were made now, and how they ended."""

    jobs: list[Job]
    made: int
    statuses: Counter[str] = field(default_factory=Counter)


def planned(study: Study) -> list[Job]:
    """Every job of the study, with progress while a long plan is resolved."""
    with meter(study.points() * study.repeat, "planning") as shown:

        def count(number: int) -> None:
            shown.done = number
            shown.refresh()

        return list(plan(study, count))


def missing(jobs: list[Job], store: Store, retry: Collection[str] = ()) -> list[Job]:
    """The jobs without a record that can be believed, and those whose status is in `retry`."""
    known = store.statuses([job.key for job in jobs])
    return [job for job in jobs if known.get(job.key) is None or known[job.key] in retry]


def sweep(
    study: Study,
    store: Store,
    executor: Callable[[int], Executor],
    retry: Collection[str] = (),
    again: bool = False,
) -> Summary:
    """Run what the study lacks (all of it, if `again`) and return how it stands. The store is locked meanwhile.

    `executor` is given the number of jobs and returns what executes them.
    """
    with store.locked():
        jobs = planned(study)
        store.enrol(study.name, describe(study), jobs)
        return _made(jobs, store, executor, retry, again)


def make(
    jobs: list[Job],
    store: Store,
    executor: Callable[[int], Executor],
    retry: Collection[str] = (),
    again: bool = False,
) -> Summary:
    """Run those of `jobs` that lack a record, as `sweep` does its own. The store is locked meanwhile."""
    with store.locked():
        return _made(jobs, store, executor, retry, again)


def _made(
    jobs: list[Job], store: Store, executor: Callable[[int], Executor], retry: Collection[str], again: bool
) -> Summary:
    todo = jobs if again else missing(jobs, store, retry)
    if todo:
        with meter(len(todo), "runs") as shown:
            for finished in executor(len(todo)).execute(todo, shown.watch):
                store.put(finished)
                shown.step(finished.key)
    statuses = store.statuses([job.key for job in jobs])
    return Summary(jobs, len(todo), Counter(statuses.values()))


def describe(study: Study) -> dict[str, object]:
    """What the store and the report say about a study."""
    return {
        "title": study.title,
        "about": study.about,
        "scenario": study.scenario,
        "seed": study.seed,
        "repeat": study.repeat,
        "varied": list(study.varied()),
        "table": study.table.model_dump() if study.table else None,
        "charts": [chart.model_dump() for chart in study.charts],
    }
