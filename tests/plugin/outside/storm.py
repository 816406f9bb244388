"""A scenario for testing the runner: quick, slow, failing, printing, dying, as it is told."""

import os
import signal
import sys
import time

import numpy as np

from sim.scenario import Config, Context, Metric, Outcome, Series


class StormConfig(Config):
    """`x` is the point; `dies_at` is the point whose worker is killed; `sleeps` is seconds of real time."""

    x: int = 0
    dies_at: int = -1
    fails_at: int = -1
    hangs_at: int = -1
    sleeps: float = 0.0
    noise: bool = False


class Storm:
    """Returns a random number that depends on the point."""

    name, version, question = "storm", 1, "Does the runner survive?"
    config = StormConfig
    metrics = (
        Metric("y", "1", "neither", "a random number of this point"),
        Metric("pid", "1", "neither", "the process that made the run", label="measured"),
    )

    def run(self, config: StormConfig, context: Context) -> Outcome:
        """Do as told."""
        if config.noise:
            print("x" * 100_000)
        time.sleep(config.sleeps)
        if config.x == config.dies_at:
            print("about to die", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if config.x == config.fails_at:
            raise RuntimeError("this point fails")
        if config.x == config.hangs_at:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        y = config.x + context.stream("y").uniform()
        series = Series({"t": np.arange(3.0), "v": np.arange(3.0) * y}, {"t": "time"})
        return Outcome({"y": y, "pid": os.getpid()}, series={"path": series})
