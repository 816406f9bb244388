"""What may be asked of NeuroVectorizer (its settings) and what it answers (its metrics)."""

from typing import Literal

from pydantic import Field

from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.policies import PolicyName
from sim.scenario import Config, Metric

METRICS = (
    Metric("regret", "ratio", "lower", "modelled time of what was chosen over that of the best action, geometric mean",
           label="modelled"),
    Metric("worst_regret", "ratio", "lower", "the same of the worst loop", label="modelled"),
    Metric("speedup", "ratio", "higher", "modelled time of the compiler's own choice over that of what was chosen",
           label="modelled"),
    Metric("headroom", "ratio", "neither", "modelled time of the compiler's own choice over the best action",
           label="modelled"),
    Metric("tried", "1", "lower", "actions tried per loop", label="counted"),
    Metric("score_rate", "1/s", "higher", "modelled loops times actions per second", label="measured"),
    Metric("real_regret", "ratio", "lower", "measured time of what was chosen over the best action, geometric mean",
           label="measured"),
    Metric("real_speedup", "ratio", "higher", "measured time of the compiler's own choice over what was chosen",
           label="measured"),
    Metric("real_headroom", "ratio", "neither", "measured time of the compiler's own choice over the best action",
           label="measured"),
    Metric("model_tau", "ratio", "higher", "Kendall's tau-b of modelled against measured time, mean over loops",
           label="measured"),
    Metric("retest_tau", "ratio", "higher", "the same of two measurements: no model can be trusted above",
           label="measured"),
    Metric("wrong_chosen", "1", "lower", "loops for which an action with wrong results was chosen", label="measured"),
    Metric("wrong_actions", "1", "neither", "actions of all loops whose results were wrong", label="measured"),
    Metric("polly_speedup", "ratio", "higher", "measured time of the compiler's own choice over Polly's program",
           label="measured"),
    Metric("honoured", "ratio", "neither", "share of actions that the compiler made as asked", label="measured"),
)  # fmt: skip


class NeuroVectorizerConfig(Config):
    """One question: this policy, on these loops, on this machine."""

    hardware: SimdCard = Field("zen5", validate_default=True, description="the core, for modelled times")
    policy: PolicyName = Field("model", description="who chooses the factors")
    loops: Literal["judging", "tuning", "unseen", "polybench", "train", "held_out", "dependence"] = Field(
        "judging", description="which loops are asked about"
    )
    count: int = Field(32, ge=1, description="how many of them")
    trip: int = Field(1000, ge=0, description="iterations per call of the loops; 0: as each loop says")
    tries: int = Field(1, ge=1, le=36, description="actions tried per loop, of which the fastest is kept")
    train: int = Field(300, ge=10, description="training loops of those who learn")
    truth: Literal["model", "measured"] = Field(
        "model", description="times of tries and oracle: modelled, or compiled and timed here (needs clang)"
    )
    reorder: bool = Field(True, description="whether floating-point reductions may be reordered")
    polly: bool = Field(
        False, description="whether each loop is also compiled with Polly and timed (if truth = measured)"
    )
    processes: int = Field(6, ge=2, description="processes over which a measurement is repeated")
