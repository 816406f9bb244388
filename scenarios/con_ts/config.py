"""What may be asked of Con-TS (its settings) and what it answers (its metrics)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.policies import Knobs, PolicyName
from sim.scenario import Config, Metric
from sim.units import Decibels, Quantity, Ratio

METRICS = (
    Metric("share_of_bound", "ratio", "higher", "expected rate over that of the average-constraint genie"),
    Metric("bler", "ratio", "lower", "block error rate: mean probability that a transmission failed"),
    Metric("excess", "ratio", "lower", "block error rate above the target (0 if it is kept)"),
    Metric("violation", "1", "lower", "failures per link beyond those that the target allows, 0 where it is kept"),
    Metric("regret", "1", "neither", "slots' worth of the bound's rate not delivered; negative by violating"),
    Metric("score", "1", "lower", "regret + violation priced at the linear program's dual: below 0 is not possible"),
    Metric("windows_over", "ratio", "lower", "share of a link's windows with more failures than the target + 0.01"),
    Metric("bler_start", "ratio", "lower", "block error rate in the first window"),
    Metric("bler_end", "ratio", "lower", "block error rate in the last fifth of the slots"),
    Metric("throughput", "bit rate", "higher", "bits delivered per second of airtime"),
    Metric("efficiency", "1", "higher", "expected rate per slot, in the arms' unit (bit, or Mbit/s of a set)"),
    Metric("bound", "1", "neither", "the average-constraint genie's rate per slot, in the same unit"),
    Metric("bound_bler", "ratio", "neither", "the genie's block error rate"),
    Metric("least_bler", "ratio", "neither", "block error rate of always sending the most robust arm"),
    Metric("infeasible", "ratio", "lower", "share of slots in which no draw could reach the required success"),
    Metric("olla_step", "level", "neither", "the outer loop's step per ACK", label="counted"),
    Metric("decide_seconds", "time", "lower", "time per link and slot, channel included", label="measured"),
)


class ConTSConfig(Config):
    """One question: this policy, on these links, under this constraint."""

    hardware: WirelessCard = Field("lte-6prb", validate_default=True, description="the radio link")
    arms: Literal["link", "steep", "gradual", "lossy"] = Field(
        "link", description="radio links, or a set of 802.11a rates that never changes"
    )
    rates: tuple[Annotated[float, Quantity("ratio")], ...] = Field((), description="your own set: rates, Mbit/s")
    success: tuple[Ratio, ...] = Field((), description="your own set: success probabilities")
    policy: PolicyName = Field("con_ts", description="who chooses the rate")
    target: Ratio = Field(0.1, ge=0, le=1, description="share of packets that may miss their deadline")
    attempts: int = Field(1, ge=1, description="transmissions that fit before the deadline")
    links: int = Field(100, ge=1, description="independent links")
    slots: int = Field(5000, ge=1, description="transmission intervals")
    window: int = Field(500, ge=1, description="slots over which a link's failures are held against the target")
    prior_weight: float = Field(10.0, ge=0, description="pretended trials of informed priors")
    infeasible: Literal["random", "max_success", "lowest_rate"] = Field(
        "random", description="what Con-TS plays when no draw reaches the required success"
    )
    olla_step: Decibels = Field(0.1, ge=0, description="outer loop: change of the offset per ACK")
    keep: Ratio = Field(
        0.99, gt=0, le=1, description="discounted policies: share that a trial leaves of what was known"
    )
    trials: int = Field(100, ge=1, description="sliding-window policies: trials remembered per context")

    @model_validator(mode="after")
    def _one_set_of_arms(self) -> Self:
        if len(self.rates) != len(self.success):
            raise ValueError(f"rates has {len(self.rates)} entries and success {len(self.success)}; give both alike")
        if self.rates and self.arms != "link":
            raise ValueError(f"arms = '{self.arms}' already says the rates; leave rates and success out")
        return self

    @property
    def on_radio(self) -> bool:
        """Whether the arms are those of radio links rather than a set that never changes."""
        return self.arms == "link" and not self.rates

    @property
    def block_error_target(self) -> float:
        """The block error rate to keep: with d attempts before the deadline, target**(1/d)."""
        return float(self.target ** (1.0 / self.attempts))

    @property
    def knobs(self) -> Knobs:
        """The settings of single policies."""
        return Knobs(self.prior_weight, self.infeasible, self.olla_step, self.keep, self.trials)
