"""What the runner costs: CPU per trivial run with its full record, resuming, planning, and starting the command.

CPU seconds are user and system time of this process and its children. As a yardstick the same runs are made by a
bare loop that calls the scenario and keeps nothing.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugin"))

from sim.executors import Executor, Watch
from sim.executors.inline import Inline
from sim.executors.workers import Workers
from sim.job import Job, plan
from sim.registry import find_scenario
from sim.runner import Finished
from sim.scenario import Context
from sim.store import Store
from sim.study import Study, load_study
from sim.sweep import sweep

RUNS = 5_000


def cpu() -> float:
    """User and system seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def worker_cpu(pids: set[int | None]) -> float:
    """CPU seconds of live workers (children of the fork server are not ours to wait for)."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100.0


def main() -> None:
    study = load_study("tape", settings=["blocks=1"], axes=[f"block=range(1KiB,{RUNS}KiB,1KiB)"])
    scenario = find_scenario("tape")
    jobs = list(plan(study))
    configs = [scenario.config.model_validate(job.config) for job in jobs]
    begin = cpu()
    for config in configs:
        scenario.run(config, Context.alone())
    bare = (cpu() - begin) / RUNS
    print(f"{'scenario alone':<28} {bare * 1e3:8.3f} ms CPU per run")

    begin = cpu()
    list(plan(study))
    print(f"{'planning':<28} {(cpu() - begin) / RUNS * 1e3:8.3f} ms CPU per run")

    for workers in (0, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            used = measured(study, Path(folder), workers)
            print(
                f"{f'sweep, {workers} workers':<28} {(used / RUNS - bare) * 1e3:8.3f} ms CPU per run, scenario excluded"
            )
            store = Store(Path(folder))
            begin = cpu()
            sweep(study, store, lambda _: Inline(Path(folder)))
            print(f"{'  resume':<28} {(cpu() - begin) / RUNS * 1e3:8.3f} ms CPU per run")

    for arguments in (["--help"], ["list"]):
        begin = cpu()
        for _ in range(5):
            subprocess.run([Path(sys.executable).with_name("windtunnel"), *arguments], check=True, capture_output=True)
        print(f"{'windtunnel ' + arguments[0]:<28} {(cpu() - begin) / 5 * 1e3:8.0f} ms CPU")


def measured(study: Study, folder: Path, workers: int) -> float:
    """CPU seconds of a whole sweep, workers included."""
    spent = 0.0

    def executor(count: int) -> Executor:
        return Observed(workers, folder) if workers else Inline(folder)

    class Observed(Workers):
        def execute(self, jobs: Iterable[Job], watch: Watch) -> Iterator[Finished]:
            nonlocal spent
            for number, finished in enumerate(super().execute(jobs, watch), start=1):
                if number == RUNS:
                    spent = worker_cpu({worker.process.pid for worker in self._alive})
                yield finished

    begin = cpu()
    sweep(study, Store(folder), executor)
    return cpu() - begin + spent


if __name__ == "__main__":
    main()
