"""The answer of a study in words: who comes nearest to brute force, and what was to be gained at all."""

from collections.abc import Sequence

import numpy as np

from sim.record import Record

#: What a run says that was to be measured where there is no compiler.
WITHOUT_CLANG = "clang is not installed, so times are modelled"


def sentences(records: Sequence[Record]) -> list[str]:
    """One sentence on the policies, one on the headroom, one on Polly where it was asked."""
    regrets: dict[str, list[float]] = {}
    headroom = []
    for record in records:
        if record.status != "ok":
            continue
        real = record.value("real_regret")
        regret = record.value("regret") if real is None else real
        room = record.value("headroom" if real is None else "real_headroom")
        if regret is not None and record.config["policy"] != "brute_force":
            regrets.setdefault(str(record.config["policy"]), []).append(float(regret))
        if room is not None:
            headroom.append(float(room))
    if not regrets:
        return []
    means = sorted((float(np.exp(np.log(v).mean())), name) for name, v in regrets.items())
    told = [f"Nearest to brute force is {means[0][1]}: {100 * (means[0][0] - 1):.1f} % slower on average."]
    if len(means) > 1:
        told.append(f"Farthest is {means[-1][1]}: {100 * (means[-1][0] - 1):.0f} % slower.")
    told.append(
        f"The best action is {np.exp(np.mean(np.log(headroom))):.2f} times as fast as the compiler's own choice."
    )
    polly = {v for r in records if r.status == "ok" and (v := r.value("polly_speedup")) is not None}
    if polly:
        told.append(f"What Polly makes of the loops is {float(np.mean(list(polly))):.2f} times as fast.")
    if any(r.config["truth"] == "measured" and r.value("real_regret") is None for r in records if r.status == "ok"):
        told.append(f"{WITHOUT_CLANG[0].upper()}{WITHOUT_CLANG[1:]}.")
    return told
