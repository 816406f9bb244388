"""A job: one run to be made, fully resolved, and the key under which its record is kept.

The key is a hash of everything the result depends on and of nothing else: scenario and version, the config
coerced to its types (so 8 and 8.0 are the same), seed, replicate and the fingerprint of the code. Where a run
executes, by whom and in which order is not in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import product
from typing import Any

import orjson
from pydantic import BaseModel

from sim import fingerprint
from sim.config import assign, build
from sim.errors import UserError
from sim.expression import holds
from sim.registry import find_scenario
from sim.scenario import Scenario
from sim.study import Study


@dataclass(frozen=True, slots=True)
class Job:
    """One run. `config` is the resolved config in SI; `point` is what the study's axes say, for tables."""

    key: str
    scenario: str
    version: int
    config: Mapping[str, Any]
    seed: int
    replicate: int
    code: str
    point: Mapping[str, Any]
    timeout: float = 0.0


def canonical(data: Any) -> bytes:
    """The one encoding of JSON-able data: keys sorted, no spaces."""
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def job_key(scenario: str, version: int, config: Mapping[str, Any], seed: int, replicate: int, code: str) -> str:
    """BLAKE2b-128 over the canonical form of everything a result depends on, as hexadecimal."""
    parts = [scenario, version, config, seed, replicate, code]
    return blake2b(canonical(parts), digest_size=16).hexdigest()


def resolve(
    scenario: Scenario,
    reference: str,
    tree: Mapping[str, Any],
    seed: int = 0,
    replicate: int = 0,
    point: Mapping[str, Any] | None = None,
    timeout: float = 0.0,
    border: bool = True,
) -> Job:
    """The job for one table of settings. Raises `UserError` for a bad one."""
    config = dump(build(scenario.config, tree, border=border))
    code = fingerprint.combined(type(scenario).__module__)
    key = job_key(scenario.name, scenario.version, config, seed, replicate, code)
    return Job(key, reference, scenario.version, config, seed, replicate, code, point or {}, timeout)


def dump(config: BaseModel) -> dict[str, Any]:
    """A config as JSON-able data in SI."""
    return config.model_dump(mode="json")


def plan(study: Study, progress: Callable[[int], None] | None = None) -> Iterator[Job]:
    """Every job of a study, replicates innermost, in the order of the axes. Points that `where` excludes are left out.

    Two points with the same resolved config are one job. Raises `UserError` if nothing is left.
    """
    scenario = find_scenario(study.scenario)
    axes = study.axes
    depth = sorted(range(len(axes)), key=lambda i: min(key.count(".") for key in axes[i].keys))
    seen: set[str] = set()
    for number, combination in enumerate(product(*(part.points for part in axes))):
        if progress:
            progress(number)
        tree = _copy(study.settings)
        for index in depth:
            for key, value in zip(axes[index].keys, combination[index], strict=True):
                assign(tree, key, value)
        first = resolve(scenario, study.scenario, tree, study.seed, 0, None, study.timeout)
        if not all(holds(condition, first.config) for condition in study.where):
            continue
        point = {key: look_up(first.config, key) for key in study.varied()}
        for replicate in range(study.repeat):
            key = first.key if replicate == 0 else _with_replicate(scenario, first, replicate)
            if key not in seen:
                seen.add(key)
                shown = point if study.repeat == 1 else point | {"replicate": replicate}
                yield replace(first, key=key, replicate=replicate, point=shown)
    if not seen:
        raise UserError(f"study {study.name} has no run left: no point satisfies where {' and '.join(study.where)}")


def _with_replicate(scenario: Scenario, job: Job, replicate: int) -> str:
    return job_key(scenario.name, job.version, job.config, job.seed, replicate, job.code)


def look_up(config: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key of a resolved config; a card stands for its name."""
    node: Any = config
    for part in dotted.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node.get("card") if isinstance(node, Mapping) and "card" in node else node


def _copy(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in tree.items()}
