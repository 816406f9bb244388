"""The answer of a study in words: on each link, who keeps the constraint and delivers most, and who seems to win."""

from collections.abc import Iterator, Sequence
from typing import Any

from sim.job import look_up
from sim.record import Record
from sim.units import show

#: Those who know the truth are no answer.
_ORACLES = ("genie", "genie_lp", "genie_average")
#: Settings that make two runs comparable: everything but the policy.
_SETTING = ("arms", "hardware.card", "hardware.mean_snr", "hardware.doppler", "hardware.cqi.delay", "target")
#: A block error rate so much above the target still counts as kept: a hundredth of what is allowed, about.
_KEPT = 0.001


def sentences(records: Sequence[Record]) -> list[str]:
    """One or two sentences per setting, the tightest constraint first."""
    groups: dict[tuple[Any, ...], dict[str, list[Record]]] = {}
    for record in records:
        if record.status == "ok" and record.config["policy"] not in _ORACLES:
            key = tuple(look_up(record.config, name) for name in _SETTING)
            groups.setdefault(key, {}).setdefault(str(record.config["policy"]), []).append(record)
    return [sentence for key, group in groups.items() if len(group) > 1 for sentence in _about(key, group)][:6]


def _about(key: tuple[Any, ...], group: dict[str, list[Record]]) -> Iterator[str]:
    keeping = {name: _mean(runs, "share_of_bound") for name, runs in group.items() if _mean(runs, "excess") <= _KEPT}
    breaking = {name: _mean(runs, "share_of_bound") for name, runs in group.items() if name not in keeping}
    where = _where(key)
    if keeping:
        best = max(keeping, key=lambda name: keeping[name])
        yield (
            f"{where}, {best} delivers most of those that keep the target: {show(keeping[best], 'ratio', 3)} of the "
            f"bound at a block error rate of {show(_mean(group[best], 'bler'), 'ratio', 3)}."
        )
    else:
        yield f"{where}, no policy keeps the target."
    tempting = {name: share for name, share in breaking.items() if share > max(keeping.values(), default=0.0)}
    if tempting:
        most = max(tempting, key=lambda name: tempting[name])
        yield (
            f"{most} seems better with {show(tempting[most], 'ratio', 3)}, but fails "
            f"{show(_mean(group[most], 'bler'), 'ratio', 3)} of the time: its regret is bought with violations."
        )


def _where(key: tuple[Any, ...]) -> str:
    arms, card, snr, doppler, delay, _ = key
    if arms != "link":
        return f"On the {arms} set"
    level = f"{snr:g} dB" if isinstance(snr, int | float) else str(snr)
    pace = f"{doppler:g}" if isinstance(doppler, int | float) else str(doppler)
    return f"On {card} at {level}, f_D T = {pace} and reports {delay} slots old"


def _mean(runs: Sequence[Record], metric: str) -> float:
    values = [value for record in runs if (value := record.value(metric)) is not None]
    return sum(values) / len(values) if values else 0.0
