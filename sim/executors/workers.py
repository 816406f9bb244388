"""Supervised local workers: one job in flight in each, so a worker that dies costs one run and nothing else.

Rules. Workers are forked from a server process that has imported and done nothing else (a process that has
run a torch operation leaves its forked children dead-locked). They write nothing; results come back through a
pipe. A worker dies with the coordinator, however that ends. A run whose worker was killed is tried twice more,
then recorded as crashed, with the signal and the end of what it wrote to its error stream. A run over its time
is recorded as timed out.
"""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import IO, Any

from sim.executors import Watch
from sim.file_cache import cached
from sim.job import Job
from sim.runner import Finished, execute, lost

_PR_SET_PDEATHSIG = 1
_ATTEMPTS = 3
#: Attempts to start a worker, and seconds between them: a fork server that was killed takes a while to be dead.
_STARTS, _PAUSE = 100, 0.05
_STDERR_TAIL = 4096
#: One thread per worker: the workers are the parallelism.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(slots=True)
class _Worker:
    process: ForkServerProcess
    pipe: Connection
    stderr: IO[bytes]
    job: Job | None = None
    attempt: int = 0
    since: float = 0.0

    def remaining(self, now: float) -> float:
        """Seconds until its run is over time; infinite if it has no limit."""
        if self.job is None or not self.job.timeout:
            return float("inf")
        return self.since + self.job.timeout - now


@dataclass(slots=True)
class Workers:
    """`count` workers. `preload` names modules that the server imports once, before it forks."""

    count: int
    cache: Path
    preload: Sequence[str] = ()
    _alive: list[_Worker] = field(default_factory=list)

    def execute(self, jobs: Iterable[Job], watch: Watch) -> Iterator[Finished]:
        """Keep every worker busy until all jobs are done. Closing the iterator ends the workers."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["sim.executors.workers", *self.preload])
        waiting: deque[tuple[Job, int]] = deque()
        source = iter(jobs)
        try:
            while True:
                self._hand_out(context, waiting, source)
                if not any(worker.job for worker in self._alive):
                    return
                yield from self._collect(waiting, watch)
        finally:
            self._end()

    def _hand_out(self, context: ForkServerContext, waiting: deque[tuple[Job, int]], source: Iterator[Job]) -> None:
        idle = [worker for worker in self._alive if worker.job is None]
        while idle or len(self._alive) < self.count:
            job, attempt = waiting.popleft() if waiting else (next(source, None), 0)
            if job is None:
                return
            worker = idle.pop() if idle else self._hire(context)
            worker.job, worker.attempt, worker.since = job, attempt + 1, time.monotonic()
            worker.stderr.truncate(0)
            with suppress(BrokenPipeError):  # died while idle: its end is noticed by `_collect`
                worker.pipe.send(job)

    def _hire(self, context: ForkServerContext) -> _Worker:
        for remaining in range(_STARTS, 0, -1):
            try:
                worker = self._start(context)
            except (OSError, EOFError):  # the server was killed; once it is seen to be dead, a start makes a new one
                if remaining == 1:
                    raise
                time.sleep(_PAUSE)
            else:
                self._alive.append(worker)
                return worker
        raise AssertionError("unreachable")

    def _start(self, context: ForkServerContext) -> _Worker:
        ours, theirs = context.Pipe()
        stderr = tempfile.TemporaryFile(prefix="windtunnel-worker-")  # noqa: SIM115 - lives as long as the worker
        path = f"/proc/{os.getpid()}/fd/{stderr.fileno()}"
        process = context.Process(
            target=_work, args=(theirs, path, str(self.cache), os.getcwd(), sys.path), daemon=True
        )
        with _one_thread():
            process.start()
        theirs.close()
        return _Worker(process, ours, stderr)

    def _collect(self, waiting: deque[tuple[Job, int]], watch: Watch) -> Iterator[Finished]:
        now = time.monotonic()
        patience = max(0.0, min((worker.remaining(now) for worker in self._alive), default=0.0))
        handles: list[Any] = [worker.pipe for worker in self._alive]
        ready = wait(handles, timeout=None if patience == float("inf") else patience)
        for worker in list(self._alive):
            if worker.pipe in ready:
                yield from self._hear(worker, waiting, watch)
            elif worker.remaining(time.monotonic()) <= 0.0:
                assert worker.job is not None
                yield lost(worker.job, "timeout", f"stopped after {worker.job.timeout:g} s")
                self._dismiss(worker)

    def _hear(self, worker: _Worker, waiting: deque[tuple[Job, int]], watch: Watch) -> Iterator[Finished]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            yield from self._mourn(worker, waiting)
            return
        if isinstance(message, Finished):
            worker.job = None
            yield message
        elif worker.job is not None:
            watch(worker.job.key, *message)

    def _mourn(self, worker: _Worker, waiting: deque[tuple[Job, int]]) -> Iterator[Finished]:
        job = worker.job
        worker.process.join(timeout=5.0)
        code = worker.process.exitcode
        worker.stderr.seek(0, os.SEEK_END)
        worker.stderr.seek(max(0, worker.stderr.tell() - _STDERR_TAIL))
        said = worker.stderr.read().decode(errors="replace")
        self._dismiss(worker)
        if job is None:
            return
        if worker.attempt < _ATTEMPTS:
            waiting.append((job, worker.attempt))
            return
        yield lost(job, "crashed", f"the worker ended with {_ending(code)}, {worker.attempt} times\n{said}".strip())

    def _dismiss(self, worker: _Worker) -> None:
        self._alive.remove(worker)
        worker.pipe.close()
        worker.process.kill()
        worker.process.join(timeout=5.0)
        worker.stderr.close()

    def _end(self) -> None:
        for worker in list(self._alive):
            self._dismiss(worker)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """The environment that the server, and so every worker, is started with."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _work(pipe: Connection, stderr: str, cache: str, folder: str, path: list[str]) -> None:
    """The life of a worker: take a job, make the run, send the record; end when the pipe does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    sys.path[:] = path
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_APPEND), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(fraction: float, doing: str) -> None:
        pipe.send((fraction, doing))

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job: Job = pipe.recv()
            pipe.send(execute(job, partial(cached, Path(cache)), tell))
