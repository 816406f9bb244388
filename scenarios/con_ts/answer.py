"""The answer of a study in words: on each link, who keeps the constraint and delivers most, and who seems to win."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.job import look_up
from sim.record import Record
from sim.units import show

#: The runs of each policy in one setting.
Group = dict[str, list[Record]]
#: So many settings are told one by one.
_MOST = 6
#: Those who know the truth are no answer.
_ORACLES = ("genie", "genie_lp", "genie_average")
#: Settings that make two runs comparable: everything but the policy.
_SETTING = ("arms", "hardware.card", "hardware.mean_snr", "hardware.doppler", "hardware.cqi.delay", "target")
#: A block error rate so much above the target still counts as kept: a hundredth of what is allowed, about.
_KEPT = 0.001


def sentences(records: Sequence[Record]) -> list[str]:
    """Up to six settings one by one, more of them counted; those in which nobody could keep the target apart."""
    groups: dict[tuple[Any, ...], Group] = {}
    for record in records:
        if record.status == "ok" and record.config["policy"] not in _ORACLES:
            key = tuple(look_up(record.config, name) for name in _SETTING)
            groups.setdefault(key, {}).setdefault(str(record.config["policy"]), []).append(record)
    compared = {key: group for key, group in groups.items() if len(group) > 1}
    possible = {key: group for key, group in compared.items() if _can_be_kept(key, group)}
    told = [sentence for key, group in possible.items() for sentence in _about(key, group)]
    if len(possible) > _MOST:
        told = list(_counted(possible))
    if len(compared) > len(possible):
        told.append(
            f"In {len(compared) - len(possible)} of {len(compared)} settings not even the most robust rate keeps the "
            "target; what is delivered there is beside the point."
        )
    return told


def _can_be_kept(key: tuple[Any, ...], group: Group) -> bool:
    return bool(min(_mean(runs, "least_bler") for runs in group.values()) <= key[-1])


def _split(group: Group) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the bound by policy, of those that keep the target and of those that do not."""
    shares = {name: _mean(runs, "share_of_bound") for name, runs in group.items()}
    keeping = {name for name, runs in group.items() if _mean(runs, "excess") <= _KEPT}
    return (
        {name: share for name, share in shares.items() if name in keeping},
        {name: share for name, share in shares.items() if name not in keeping},
    )


def _counted(groups: Mapping[tuple[Any, ...], Group]) -> Iterator[str]:
    """Of many settings: who delivers most where the target is kept, how often, and how often nobody keeps it."""
    winners = Counter(max(kept, key=lambda name: kept[name]) for g in groups.values() if (kept := _split(g)[0]))
    keepers = Counter(name for group in groups.values() for name in _split(group)[0])
    ranking = ", ".join(f"{name} in {count}" for name, count in winners.most_common(3))
    yield f"Of {len(groups)} settings, most is delivered within the target by {ranking}."
    often = ", ".join(f"{name} in {count}" for name, count in keepers.most_common(3))
    yield f"The target is kept most often by {often}; in {len(groups) - winners.total()} settings nobody keeps it."


def _about(key: tuple[Any, ...], group: Group) -> Iterator[str]:
    keeping, breaking = _split(group)
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
            f"{show(_mean(group[most], 'bler'), 'ratio', 3)} of the time: its lead is bought with violations."
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
