"""The numbers of a paper, as data: what it claims, where it says so, and which runs of ours say the same or not.

A scenario's `paper.toml` lies beside its module:

    title = "Checkmate, MLSys 2020"
    source = "arXiv:1910.02653"

    [[claims]]
    name = "largest batch, VGG19"
    value = 289
    where = "section 6.4"
    metric = "batch"
    set = { network = "vgg19", goal = "largest_batch" }
    expect = "at_least"

A claim is about one metric of the runs that `set` (and `axes`, for a mean over several) name. With `versus` it is
about a ratio between two settings. Values are SI. No number from memory stands in such a file.
"""

import tomllib
from importlib import resources
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.config import build
from sim.errors import UserError
from sim.scenario import Scenario

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Claim(BaseModel):
    """One number. `where` is its place in the paper.

    `metric` of the run with settings `set` is compared; over `axes` it is the geometric mean of all points that have
    it. With `versus` (settings laid over `set`) it is the ratio of the two runs' metrics, or of 1 + metric for a
    metric that is counted on top of 1 (`on_top`, such as an overhead).

    `expect` and `tolerance` (absolute) say what counts as holding, `why` where the tolerance comes from. `differs` is
    the reason when it does not hold; `unchecked` why it cannot be checked here at all, and then no run is named.
    """

    model_config = _FROZEN

    name: str
    value: float
    where: str
    metric: str = ""
    set: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    versus: dict[str, Any] = {}
    on_top: bool = False
    expect: Literal["equal", "at_least", "at_most"] = "equal"
    tolerance: float = Field(0.0, ge=0.0)
    why: str = ""
    differs: str = ""
    unchecked: str = ""

    @model_validator(mode="after")
    def _runs_or_reason(self) -> Self:
        if bool(self.metric) == bool(self.unchecked):
            raise ValueError(f"claim '{self.name}' needs a metric, or `unchecked` with the reason why there is none")
        if self.tolerance and not self.why:
            raise ValueError(f"claim '{self.name}' has a tolerance without `why`")
        return self

    def holds(self, ours: float) -> bool:
        """Whether `ours` is what the paper says, within the tolerance."""
        if self.expect == "at_least":
            return ours >= self.value - self.tolerance
        if self.expect == "at_most":
            return ours <= self.value + self.tolerance
        return abs(ours - self.value) <= self.tolerance


class Paper(BaseModel):
    """A paper's claims. `set` are settings that all of them share."""

    model_config = _FROZEN

    title: str
    source: str
    about: str = ""
    set: dict[str, Any] = {}
    claims: tuple[Claim, ...]


def paper_of(scenario: Scenario) -> Paper:
    """The paper beside a scenario. Raises `UserError` if there is none or it is not well formed."""
    package = type(scenario).__module__.rpartition(".")[0]
    file = resources.files(package).joinpath("paper.toml") if package else None
    if file is None or not file.is_file():
        raise UserError(f"scenario '{scenario.name}' has no paper.toml beside it, so there is nothing to reproduce")
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"paper.toml of {scenario.name} is not TOML: {error}") from None
    paper: Paper = build(Paper, tree, where=f"paper.toml of {scenario.name}: ", border=False)
    return paper
