"""A population of trials on a cluster of GPUs: who runs where and when, and what waiting and copying cost.

A trial works in *intervals* (so many epochs), then reports. A GPU takes trials as long as their shares fit; the
others wait in line, first come first served. Trials together on a GPU slow each other once they want more than all of
it: with n of them, each `demand` of the GPU when alone, all run at 1 / max(1, n demand). So shares say how many fit
(memory), demand how fast they go (arithmetic).

A trial that reports may be told to clone another: it reads that one's checkpoint, then goes on from there. In a
*synchronous* search all wait for the last to report, and what the population then decides applies to all. In an
*asynchronous* one each trial is decided on when it reports and waits for nobody; a clone is then as far as its source
was, which may be further back or at the end.

A GPU may be taken away for a while: trials on it lose the work since their last checkpoint, which is the start of the
interval, and stand in line again; they read their checkpoint when they come back on.

>>> cluster = Cluster(gpus=2)
>>> search = run(cluster, lambda trial, interval: 10.0 + trial, trials=2, intervals=3, synchronous=True)
>>> search.makespan, search.gpu_seconds, round(search.idle_share, 3)
(33.0, 63.0, 0.045)
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sim.engine import Engine, Timer
from sim.errors import UserError

#: Seconds that a trial's interval takes alone on a GPU of speed 1, by trial and interval.
IntervalSeconds = Callable[[int, int], float]
#: Which of the trials that just reported clone which others: {trial: the trial it becomes a copy of}.
Exploit = Callable[[Sequence[int], int, float], Mapping[int, int]]
#: Told that a trial has done its last interval, and when.
Ended = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """`gpus` GPUs, and what a trial takes of them.

    `share`: part of a GPU that a trial reserves; floor(1 / share) fit on one. `demand`: part of a GPU that it keeps
    busy when it is alone there. `speeds`: one factor per GPU (all 1 if empty). `checkpoint_write` is paid at the end
    of every interval, `checkpoint_read` by a clone and after a preemption (seconds; bytes over bytes per second and a
    latency). `barrier`: seconds from the last report of a synchronous interval to the first step of the next.
    """

    gpus: int
    share: float = 1.0
    demand: float = 1.0
    speeds: tuple[float, ...] = ()
    checkpoint_write: float = 0.0
    checkpoint_read: float = 0.0
    barrier: float = 0.0

    def __post_init__(self) -> None:
        if self.gpus < 1:
            raise UserError(f"gpus is {self.gpus}; a cluster has 1 or more")
        for name, value in (("share", self.share), ("demand", self.demand)):
            if not 0 < value <= 1:
                raise UserError(f"{name} is {value}; it is a part of a GPU, above 0 and at most 1")
        for name, value in (
            ("checkpoint_write", self.checkpoint_write),
            ("checkpoint_read", self.checkpoint_read),
            ("barrier", self.barrier),
        ):
            if not value >= 0:
                raise UserError(f"{name} is {value} s; it is 0 s or more")
        if self.speeds and (len(self.speeds) != self.gpus or not all(speed > 0 for speed in self.speeds)):
            raise UserError(f"speeds has {len(self.speeds)} entries; it needs one above 0 for each of {self.gpus} GPUs")

    @property
    def slots(self) -> int:
        """Trials that fit on one GPU."""
        return int(1 / self.share + 1e-9)


@dataclass(frozen=True, slots=True)
class Outage:
    """GPU number `gpu` is taken away at `start` (seconds) for `length` seconds."""

    gpu: int
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Span:
    """What a trial did on a GPU: `what` is "read", "interval", "write", or "lost" for what an outage undid.

    `interval` counts from 0, and is the one that the trial has before it or is in.
    """

    trial: int
    gpu: int
    what: str
    interval: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Clone:
    """At `time`, after its `interval`, `trial` became a copy of `source`, which had finished `source_intervals`."""

    time: float
    trial: int
    source: int
    interval: int
    source_intervals: int


@dataclass(frozen=True, slots=True)
class Search:
    """A search that is over: `makespan` in seconds, what every trial did when, and who cloned whom.

    `gpu_seconds` is time in which a GPU had a trial at work, `idle_share` the part of GPUs x makespan that had none.
    """

    makespan: float
    spans: tuple[Span, ...]
    clones: tuple[Clone, ...]
    gpu_seconds: float
    idle_share: float


def _nobody(reported: Sequence[int], interval: int, now: float) -> Mapping[int, int]:
    return {}


def _unheard(trial: int, now: float) -> None:
    pass


def run(
    cluster: Cluster,
    seconds: IntervalSeconds,
    trials: int,
    intervals: int,
    synchronous: bool,
    exploit: Exploit = _nobody,
    outages: Sequence[Outage] = (),
    ended: Ended = _unheard,
) -> Search:
    """Runs `trials` trials of `intervals` intervals each.

    `exploit(reported, intervals, now)` is called with the trials that have just reported, all of them, in order, when
    synchronous, one otherwise, and with how many intervals they have done. It is not called after the last interval;
    `ended(trial, now)` is, for each trial that has worked through it (and not for a clone of one that has).

    Raises `UserError` for numbers of trials or intervals below 1, for an outage of a GPU that is not there and for a
    time per interval that is not 0 s or more.
    """
    if trials < 1 or intervals < 1:
        raise UserError(f"trials is {trials} and intervals is {intervals}; a search needs 1 or more of each")
    for outage in outages:
        if not (0 <= outage.gpu < cluster.gpus and outage.start >= 0 and 0 <= outage.length < float("inf")):
            raise UserError(f"outage {outage} is not of one of {cluster.gpus} GPUs at 0 s or later for a finite time")
    population = _Population(cluster, seconds, trials, intervals, synchronous, exploit, ended)
    return population.run(outages)


@dataclass(slots=True)
class _Job:
    """Work under way on a GPU: `left` seconds of it at speed 1 at the moment `since`, and the timer of its end."""

    left: float
    since: float
    timer: Timer


@dataclass(slots=True)
class _Gpu:
    """A GPU: the trials that hold a slot, and the work of those that compute, all at the same `rate`."""

    speed: float
    away: int = 0
    held: set[int] = field(default_factory=set)
    jobs: dict[int, _Job] = field(default_factory=dict)
    rate: float = 0.0
    occupied_since: float = 0.0
    occupied: float = 0.0


@dataclass(slots=True)
class _Trial:
    """A trial: intervals done, where it is and since when it does what, and whether it must read a checkpoint first."""

    done: int = 0
    gpu: int = -1
    what: str = "interval"
    start: float = 0.0
    reads: bool = False
    timer: Timer | None = None


class _Population:
    """A search while it runs. A trial on a GPU reads (if it must), computes, writes its checkpoint, and reports."""

    def __init__(
        self,
        cluster: Cluster,
        seconds: IntervalSeconds,
        trials: int,
        intervals: int,
        synchronous: bool,
        exploit: Exploit,
        ended: Ended,
    ) -> None:
        self.cluster, self.seconds, self.intervals = cluster, seconds, intervals
        self.synchronous, self.exploit, self.ended = synchronous, exploit, ended
        self.engine = Engine()
        self.gpus = [_Gpu(speed) for speed in cluster.speeds or (1.0,) * cluster.gpus]
        self.trials = [_Trial() for _ in range(trials)]
        self.crowded = trials > cluster.gpus * cluster.slots
        self.line = deque(range(trials))
        self.reported = 0
        self.spans: list[Span] = []
        self.clones: list[Clone] = []

    def run(self, outages: Sequence[Outage]) -> Search:
        for outage in outages:
            self.engine.call_at(outage.start, self.take, outage)
        self.place()
        self.engine.run()
        makespan = max((span.end for span in self.spans), default=0.0)
        occupied = sum(gpu.occupied for gpu in self.gpus)
        idle = max(1 - occupied / (makespan * len(self.gpus)), 0.0) if makespan else 0.0  # rounding
        return Search(makespan, tuple(self.spans), tuple(self.clones), occupied, idle)

    def place(self) -> None:
        """Puts trials in line on GPUs: each on the emptiest with room, the fastest of those."""
        slots = self.cluster.slots
        while self.line:
            free = [at for at, gpu in enumerate(self.gpus) if not gpu.away and len(gpu.held) < slots]
            if not free:
                return
            number = self.line.popleft()
            self.trials[number].gpu = min(free, key=lambda at: (len(self.gpus[at].held), -self.gpus[at].speed, at))
            gpu = self.gpus[self.trials[number].gpu]
            if not gpu.held:
                gpu.occupied_since = self.engine.now
            gpu.held.add(number)
            self.begin(number)

    def begin(self, number: int) -> None:
        trial = self.trials[number]
        if trial.reads:
            self.enter(number, "read")
            trial.timer = self.engine.call_after(self.cluster.checkpoint_read, self.has_read, number)
        else:
            self.compute(number)

    def enter(self, number: int, what: str) -> None:
        trial = self.trials[number]
        trial.what, trial.start = what, self.engine.now

    def leave(self, number: int, what: str | None = None) -> None:
        """Notes what the trial has been doing up to now."""
        trial = self.trials[number]
        self.spans.append(
            Span(number, trial.gpu, what or trial.what, trial.done, trial.start, self.engine.now)
        )  # fmt: skip

    def has_read(self, number: int) -> None:
        self.leave(number)
        self.trials[number].reads = False
        self.compute(number)

    def compute(self, number: int) -> None:
        trial = self.trials[number]
        seconds = self.seconds(number, trial.done)
        if not 0 <= seconds < float("inf"):
            raise UserError(f"interval {trial.done} of trial {number} takes {seconds} s; it must be 0 s or more")
        self.enter(number, "interval")
        gpu, now = self.gpus[trial.gpu], self.engine.now
        self.share_out(gpu, len(gpu.jobs) + 1)
        timer = self.engine.call_after(seconds / gpu.rate, self.computed, number)
        gpu.jobs[number] = _Job(seconds, now, timer)

    def share_out(self, gpu: _Gpu, computing: int) -> None:
        """Lets `computing` trials share the GPU from now on. Nothing is touched if that changes no one's rate."""
        rate, now = gpu.speed / max(1.0, computing * self.cluster.demand), self.engine.now
        if rate != gpu.rate:
            for number, job in gpu.jobs.items():
                job.timer.cancel()
                job.left = max(job.left - (now - job.since) * gpu.rate, 0.0)
                job.since, job.timer = now, self.engine.call_after(job.left / rate, self.computed, number)
            gpu.rate = rate

    def computed(self, number: int) -> None:
        self.leave(number)
        trial = self.trials[number]
        gpu = self.gpus[trial.gpu]
        del gpu.jobs[number]
        self.share_out(gpu, max(len(gpu.jobs), 1))
        if self.cluster.checkpoint_write:
            self.enter(number, "write")
            trial.timer = self.engine.call_after(self.cluster.checkpoint_write, self.written, number)
        else:
            self.report(number)

    def written(self, number: int) -> None:
        self.leave(number)
        self.report(number)

    def report(self, number: int) -> None:
        """The interval is done. Synchronous: wait for the others. Asynchronous: decide, and go on."""
        trial = self.trials[number]
        trial.done += 1
        if trial.done == self.intervals:
            self.ended(number, self.engine.now)
        if self.synchronous:
            self.release(number)
            self.reported += 1
            if self.reported == len(self.trials):
                self.reported = 0
                self.next_interval(trial.done)
        else:
            if trial.done < self.intervals:
                self.clone(self.exploit((number,), trial.done, self.engine.now))
            self.go_on(number)
        self.place()

    def next_interval(self, done: int) -> None:
        if done < self.intervals:
            self.clone(self.exploit(range(len(self.trials)), done, self.engine.now))
            self.engine.call_after(self.cluster.barrier, self.all_go_on)

    def all_go_on(self) -> None:
        for trial in self.trials:
            trial.reads |= self.crowded
        self.line.extend(range(len(self.trials)))
        self.place()

    def go_on(self, number: int) -> None:
        """On the same GPU, unless others are in line; then it joins them. Nowhere if there is nothing left to do."""
        if self.trials[number].done == self.intervals:
            self.release(number)
        elif self.line:
            self.release(number)
            self.trials[number].reads = True
            self.line.append(number)
        else:
            self.begin(number)

    def clone(self, clones: Mapping[int, int]) -> None:
        """Each trial becomes a copy of its source as it is now; in a chain, of what the source was before."""
        done = [trial.done for trial in self.trials]
        for number, source in clones.items():
            if not (0 <= number < len(done) and 0 <= source < len(done)):
                raise UserError(f"trial {number} cannot clone trial {source}; trials are 0 to {len(done) - 1}")
            self.clones.append(Clone(self.engine.now, number, source, done[number], done[source]))
            self.trials[number].done, self.trials[number].reads = done[source], True

    def release(self, number: int) -> None:
        gpu = self.gpus[self.trials[number].gpu]
        gpu.held.remove(number)
        if not gpu.held:
            gpu.occupied += self.engine.now - gpu.occupied_since

    def take(self, outage: Outage) -> None:
        """The GPU goes away: whoever is on it loses what it was doing and stands in line again."""
        gpu = self.gpus[outage.gpu]
        gpu.away += 1
        for number in sorted(gpu.held):
            trial = self.trials[number]
            job = gpu.jobs.pop(number, None)
            timer = trial.timer if job is None else job.timer
            assert timer is not None
            timer.cancel()
            self.leave(number, "lost")
            self.release(number)
            trial.reads |= trial.done > 0
            self.line.append(number)
        gpu.rate = 0.0
        self.engine.call_after(outage.length, self.give, gpu)
        self.place()

    def give(self, gpu: _Gpu) -> None:
        gpu.away -= 1
        self.place()
