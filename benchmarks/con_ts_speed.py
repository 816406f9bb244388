"""How fast are the linear program and the policies? Ratios on one thread, everything in one process.

The rival of the linear program is `scipy.optimize.linprog` (HiGHS). The rival of Con-TS is the straightforward loop
per link and slot: Beta draws of all arms, `linprog`, a draw from the mix.

Claims, checked at the end: the batched program >= 3000x over linprog at 29 arms and 1000 rows; Con-TS end to end
(fading, CQI, decoding and learning included) >= 500x per link and slot; OLLA's decision and learning >= 8x cheaper.
"""

import sys
from time import perf_counter

import numpy as np
from scipy.optimize import linprog

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.hull import solve_rows
from scenarios.con_ts.policies import Knobs, make
from scenarios.con_ts.policy import Feedback
from scenarios.con_ts.radio import Radio
from sim import lanes
from sim.rng import Streams

ARMS, ROWS, LINKS, SLOTS = 29, 1000, 1000, 1500
CARD = WirelessCard.model_validate({"card": "lte-6prb", "mean_snr": 15.0, "doppler": 0.01})


def program():
    """(seconds per program of ours, of linprog)."""
    rng = np.random.default_rng(0)
    success, rates = rng.random((ROWS, ARMS)), np.sort(rng.random(ARMS)) + 0.01
    solve_rows(success, rates, 0.9)
    ours = min(_timed(lambda: [solve_rows(success, rates, 0.9) for _ in range(20)]) for _ in range(5)) / 20 / ROWS
    theirs = _timed(lambda: [_linprog(row, rates, 0.9) for row in success[:300]]) / 300
    return ours, theirs


def _linprog(success, rates, eta):
    return linprog(
        -rates * success, A_ub=-success[None], b_ub=[-eta], A_eq=np.ones((1, len(rates))), b_eq=[1.0], method="highs"
    )


def naive(slots=300):
    """Seconds per link and slot of the straightforward loop, channel included (at our channel's price)."""
    world = Radio(CARD, 0.1, Streams(0, "naive", 0), 1, slots)
    rates, contexts = world.task.rates, world.task.contexts
    good, bad = np.zeros((contexts, ARMS)), np.zeros((contexts, ARMS))
    rng = np.random.default_rng(0)

    class Loop:
        def act(self, seen):
            draws = rng.beta(1 + good[seen[0]], 1 + bad[seen[0]])
            found = _linprog(draws, rates, world.task.eta)
            mix = np.clip(found.x, 0, None) if found.status == 0 else np.ones(ARMS)
            return np.array([rng.choice(ARMS, p=mix / mix.sum())])

        def update(self, heard):
            counted = good if heard.acks[0] else bad
            counted[heard.contexts[0], heard.arms[0]] += 1

    return _timed(lambda: world.play(Loop(), lambda share: None)) / slots


def end_to_end(name, links=LINKS, slots=SLOTS):
    """Seconds per link and slot, from drawing the fading to the last acknowledgement."""

    def once(seed, slots):
        streams = Streams(seed, "bench", 0)
        world = Radio(CARD, 0.1, streams, links, slots)
        policy = make(name, world, lanes.seed(streams, "policy", range(links)), Knobs())
        world.play(policy, lambda share: None)

    once(0, 20)  # compile
    return _timed(lambda: once(1, slots)) / links / slots


def policy_alone(name, links=LINKS, slots=400):
    """Seconds per link and slot of `act` and `update` only, on contexts and outcomes made beforehand."""
    streams = Streams(2, "bench", 0)
    world = Radio(CARD, 0.1, streams, links, slots)
    policy = make(name, world, lanes.seed(streams, "policy", range(links)), Knobs())
    log = []

    class Recorder:
        def act(self, contexts):
            log.append([contexts, None])
            began = perf_counter()
            arms = policy.act(contexts)
            log[-1][1] = perf_counter() - began
            return arms

        def update(self, heard: Feedback):
            began = perf_counter()
            policy.update(heard)
            log[-1][1] += perf_counter() - began

    world.play(Recorder(), lambda share: None)
    return float(np.median([entry[1] for entry in log[slots // 4 :]])) / links


def _timed(work):
    began = perf_counter()
    work()
    return perf_counter() - began


def main():
    ours, theirs = program()
    print(f"linear program, {ARMS} arms, {ROWS} rows: {ours * 1e6:.3f} us against linprog's {theirs * 1e6:.0f} us")
    loop = naive()
    whole = {name: end_to_end(name) for name in ("con_ts", "con_ts_informed", "olla", "foresight")}
    alone = {name: policy_alone(name) for name in ("con_ts", "con_ts_informed", "olla", "foresight")}
    print(f"naive Con-TS loop: {loop * 1e6:.0f} us per link and slot")
    for name in whole:
        print(
            f"{name:>16}: {whole[name] * 1e6:6.3f} us end to end ({loop / whole[name]:6.0f}x), "
            f"policy alone {alone[name] * 1e6:6.3f} us"
        )
    claims = {
        "linear program over linprog, at least 3000x": (theirs / ours, 3000),
        "Con-TS end to end over the naive loop, at least 500x": (loop / whole["con_ts"], 500),
        "OLLA over Con-TS, decision and learning, at least 8x": (alone["con_ts"] / alone["olla"], 8),
        "OLLA over the naive loop end to end, at least 4000x": (loop / whole["olla"], 4000),
    }
    for claim, (ratio, bar) in claims.items():
        print(f"{claim}: {ratio:.0f}x, {'holds' if ratio >= bar else 'MISSED'}")
    return 0 if all(ratio >= bar for ratio, bar in claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
