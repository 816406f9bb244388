"""The average-constraint genie: the most that can be had when success is asked for on average only.

    max  E[r_k p_k]    s.t.  E[p_k] >= eta      over all ways to choose an arm k from what the link is like

Its dual prices success: in every class of links argmax (r_k + price) p_k is played, with the least price >= 0 that
keeps the average. Where the choice jumps over eta at that price, the choices on both sides of it are mixed.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.con_ts.hull import Floats


@dataclass(frozen=True, slots=True)
class Best:
    """Expected `rate` and block `errors` of the best choice, and its `price` (in units of rate) on the safe side.

    `least_errors` is the block error rate of playing the most robust arm everywhere: no policy has less.
    """

    rate: float
    errors: float
    price: float
    least_errors: float


def best_average(success: Floats, rates: Floats, eta: float, shares: Floats) -> Best:
    """The optimum over classes; `success` of shape (classes, arms), `shares` of shape (classes,), summing to 1.

    If no price suffices, every class plays its most robust arm (price infinite).
    """

    def at(price: float) -> tuple[float, float]:
        rows = np.arange(len(success))
        chosen = np.argmax((rates + price) * success, axis=1)
        kept = success[rows, chosen]
        return float(shares @ (rates[chosen] * kept)), float(shares @ kept)

    robust = np.argmax(success, axis=1)
    most = success[np.arange(len(success)), robust]
    least_errors = float(1.0 - shares @ most)
    free_rate, free_kept = at(0.0)
    if free_kept >= eta:
        return Best(free_rate, 1.0 - free_kept, 0.0, least_errors)
    low, high = 0.0, float(rates.max())
    while at(high)[1] < eta:
        low, high = high, high * 4.0
        if high > 1e9 * rates.max():
            return Best(float(shares @ (rates[robust] * most)), least_errors, np.inf, least_errors)
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if at(middle)[1] >= eta else (middle, high)
    (rate_low, kept_low), (rate_high, kept_high) = at(low), at(high)
    weight = (eta - kept_low) / (kept_high - kept_low)
    return Best(rate_low + weight * (rate_high - rate_low), 1.0 - eta, high, least_errors)
