"""When packets come to a link: arrival times in slots, rising, as float64 arrays; `rate` is packets per slot.

>>> constant(0.5, 6).tolist()
[0.0, 2.0, 4.0]
>>> full_buffer(3).tolist()
[0.0, 0.0, 0.0]
"""

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError
from sim.rng import Stream

Floats = NDArray[np.float64]


def poisson(rate: float, slots: int, stream: Stream) -> Floats:
    """A Poisson process over `slots` slots."""
    _check("rate", rate)
    return np.sort(stream.generator.uniform(0.0, slots, stream.generator.poisson(rate * slots)))


def constant(rate: float, slots: int) -> Floats:
    """One packet every 1 / `rate` slots from slot 0 on."""
    _check("rate", rate)
    return np.arange(np.ceil(rate * slots - 1e-9)) / rate if rate else np.zeros(0)


def on_off(rate: float, slots: int, on: float, off: float, stream: Stream) -> Floats:
    """Bursts: exponential on and off periods with these means in slots, Poisson with `rate` while on, starting on."""
    _check("rate", rate)
    for name, mean in (("on", on), ("off", off)):
        if not mean > 0 or not np.isfinite(mean):
            raise UserError(f"{name} periods of {mean:g} slots on average make no bursts; more than 0 is needed")
    times: list[Floats] = []
    now, generator = 0.0, stream.generator
    while now < slots:
        length = generator.exponential(on)
        times.append(now + np.sort(generator.uniform(0.0, length, generator.poisson(rate * length))))
        now += length + generator.exponential(off)
    whole = np.concatenate([*times, np.zeros(0)])
    return whole[whole < slots]


def full_buffer(slots: int) -> Floats:
    """As many packets as there are slots, all there at the start."""
    return np.zeros(slots)


def _check(name: str, rate: float) -> None:
    if not rate >= 0 or not np.isfinite(rate):
        raise UserError(f"{name} of {rate:g} packets per slot; 0 or more is allowed")
