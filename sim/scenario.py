"""The contract between the testbed and a scenario.

A scenario is an object with a name, a version, a frozen config model, declared metrics and one method:
`run(config, context) -> Outcome`. The context is its only way to randomness, cached files, progress and the
trace. A run must depend on nothing but its config, its seed and its replicate: same in, same out.

>>> from pydantic import BaseModel
>>> class CoinConfig(BaseModel, frozen=True, extra="forbid"):
...     flips: int = 10
>>> class Coin:
...     name, version, question = "coin", 1, "How many heads?"
...     config = CoinConfig
...     metrics = (Metric("heads", "1", better="higher", about="share of flips that came up heads"),)
...     def run(self, config, context):
...         draws = [context.stream("flip").uniform() < 0.5 for _ in range(config.flips)]
...         return Outcome({"heads": sum(draws) / config.flips})
>>> isinstance(Coin(), Scenario)
True
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from sim.rng import Stream, Streams
from sim.trace import Tracer

#: How a number came to be. Measured and emulated ones differ from run to run and stay out of the digest.
Label = Literal["measured", "emulated", "simulated", "counted", "modelled"]
Verdict = Literal["holds", "fails", "unknown"]


class Config(BaseModel):
    """Base of a scenario's config: frozen, no unknown keys, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def defaults_for(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given` as typed, filled up where one setting decides what others are if nothing is said of them."""
        return given


@dataclass(frozen=True, slots=True)
class Metric:
    """A declared figure of a scenario. `unit` is a dimension of `sim.units.UNITS` or free text ("1" for none)."""

    name: str
    unit: str
    better: Literal["lower", "higher", "neither"]
    about: str
    label: Label = "simulated"


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant of the run ("memory within capacity") and whether it held; three-valued."""

    name: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of equal length, e.g. a memory timeline. `units` maps each column to its dimension."""

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of a series differ in length: {lengths}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found. A metric that does not apply is None, and `notes` says why under its name.

    `answer` is one word for what kind of answer this is ("feasible", "infeasible", ...), if the scenario has
    more than one.
    """

    metrics: Mapping[str, float | None]
    series: Mapping[str, Series] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


def _uncached(name: str, key: str, build: Callable[[], bytes]) -> bytes:
    return build()


def _silent(fraction: float, doing: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Context:
    """A run's only way out: streams, trace, progress, and files that are expensive to make.

    `cached(name, key, build)` returns what an earlier run stored under (name, key), or calls `build`, which
    must be a pure function of `key`. `progress(fraction, doing)` tells a watching person.
    """

    streams: Streams
    trace: Tracer = field(default_factory=Tracer)
    cached: Callable[[str, str, Callable[[], bytes]], bytes] = _uncached
    progress: Callable[[float, str], None] = _silent

    def stream(self, *names: str | int) -> Stream:
        """The random stream called `names`."""
        return self.streams(*names)

    @classmethod
    def alone(cls, seed: int = 0, scenario: str = "alone", replicate: int = 0) -> "Context":
        """A context for calling a scenario from a test or a notebook, without the runner."""
        return cls(Streams(seed, scenario, replicate))


@runtime_checkable
class Scenario(Protocol):
    """What the runner needs of a scenario. `version` is raised when the meaning of a result changes.

    Two more attributes may be there. `preload` names modules that workers import once, before they are forked.
    `summary`, as "module:function", makes sentences out of records for the report; it is named and not imported,
    so that changing it changes no record's key.
    """

    name: str
    version: int
    question: str
    config: type[BaseModel]
    metrics: tuple[Metric, ...]

    def run(self, config: Any, context: Context) -> Outcome:
        """One run: a pure function of config and the context's streams."""
        ...
