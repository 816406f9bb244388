"""The record: the one thing a run leaves behind.

Everything in it is a fact about one run. The digest covers what must be the same wherever the run is made:
status, answer, checks, notes, series and every metric that is not labelled measured or emulated. The rest
(`observed`) is about this machine on that day.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import orjson

from sim.job import canonical

#: "invalid": the run was asked for what cannot be; "failed": it raised; "crashed": its process died.
Status = Literal["ok", "invalid", "failed", "crashed", "timeout"]

#: Raised when the form of a record changes; older records are then made again.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One run, immutable. `metrics` maps a name to {value, unit, better, label}.

    `system` holds the metrics beyond accuracy: a number, or the sentence why there is none. `made_by` is code,
    versions and machine; `observed` is start, wall and CPU seconds of this very execution.
    """

    key: str
    status: Status
    scenario: str
    version: int
    config: Mapping[str, Any]
    seed: int
    replicate: int
    code: str
    answer: str = ""
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    checks: tuple[Mapping[str, str], ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, float | str] = field(default_factory=dict)
    error: str = ""
    made_by: Mapping[str, Any] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def digest(self) -> str:
        """BLAKE2b-128 of what must be equal on every machine, as hexadecimal."""
        metrics = {
            name: metric["value"]
            for name, metric in self.metrics.items()
            if metric["label"] not in ("measured", "emulated")
        }
        parts = [self.key, self.status, self.answer, metrics, list(self.checks), self.notes, self.series]
        return blake2b(canonical(parts), digest_size=16).hexdigest()

    def encode(self) -> bytes:
        """The stored form: canonical JSON."""
        return canonical(asdict(self))

    @classmethod
    def decode(cls, body: bytes) -> "Record":
        """The record in `body`. Raises `ValueError` if it is not one of this schema."""
        data = orjson.loads(body)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"not a record of schema {SCHEMA}")
        try:
            return cls(**(data | {"checks": tuple(data["checks"])}))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a record: {error}") from None

    def value(self, name: str) -> float | None:
        """A metric's value, or None."""
        metric = self.metrics.get(name)
        return None if metric is None else metric["value"]
