"""The bandwidth below which a method's step is shorter than the dense one's.

As bandwidth grows, what a method saves shrinks and what it costs (encoding, latencies of a second round, overlap that
it cannot use) stays. So there is at most one such bandwidth where latencies stay as they are, and bisection finds it.
"""

from math import exp, log

from hardware_models.network.link_card import Wire
from scenarios.sketched_sgd.step_time import StepTime

#: Bytes of payload per second between which it is sought: 1 kbit/s to 100 Tbit/s.
_LEAST, _MOST = 1.25e2, 1.25e13
_STEPS = 60


def pays_below(one: StepTime, dense: StepTime) -> float | None:
    """Bytes of payload per second; None if the method never pays, infinity if it still does at 100 Tbit/s."""
    if not _pays(one, dense, _LEAST):
        return None
    if _pays(one, dense, _MOST):
        return float("inf")
    low, high = log(_LEAST), log(_MOST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _pays(one, dense, exp(middle)) else (low, middle)
    return exp(low)


def _pays(one: StepTime, dense: StepTime, rate: float) -> bool:
    wire = Wire(rate, one.machine.wire.latency)
    return one.seconds_on(wire) < dense.seconds_on(wire)
