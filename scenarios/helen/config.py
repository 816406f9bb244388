"""What may be asked of Helen (its settings) and what it answers (its metrics)."""

from typing import Self

from pydantic import Field, model_validator

from scenarios.helen.admm import Objective
from scenarios.helen.agreement import Agreement
from scenarios.helen.cheats import CHEATS
from sim.errors import did_you_mean
from sim.scenario import Config, Metric
from sim.units import BitsPerSecond, Ratio, Seconds

METRICS = (
    Metric("weight_error", "ratio", "lower", "largest error of a weight against plain ADMM, over the largest weight"),
    Metric("optimality_gap", "1", "lower", "largest violation of the optimality conditions on all rows together"),
    Metric("rounds", "1", "lower", "steps at which everybody waits for everybody", label="counted"),
    Metric("bytes", "bytes", "lower", "bytes that all parties send, heads of messages included", label="counted"),
    Metric("powers", "1", "lower", "modular powers of all parties, of all kinds", label="counted"),
    Metric("exponent_bits", "1", "lower", "bits of exponents of single powers, all parties", label="counted"),
    Metric("products", "1", "lower", "modular products of tables and of joint powers, all parties", label="counted"),
    Metric("wire_seconds", "time", "lower", "time on the wires if computing took none"),
    Metric("caught_by", "1", "neither", "the party whose check ended the run", label="counted"),
    Metric("culprit", "1", "neither", "the party that is blamed", label="counted"),
)


class HelenConfig(Config):
    """One question: these parties, this model, this network, and who cheats."""

    parties: int = Field(3, description="how many train together")
    features: int = Field(4, description="columns of everybody's rows")
    rows: int = Field(200, description="rows of each party")
    correlation: Ratio = Field(0.3, ge=0, lt=1, description="of any two features")
    nonzero: int = Field(2, ge=1, description="weights of the true model that are not 0")
    noise: float = Field(0.5, ge=0, le=1, description="standard deviation of the noise; targets have about 1")
    l1: float = Field(0.05, description="weight of |w|_1 (scikit-learn's alpha times l1_ratio)")
    l2: float = Field(0.0, description="weight of |w|^2 / 2 (scikit-learn's alpha times 1 - l1_ratio)")
    rho: float = Field(0.25, description="ADMM's penalty, of the problem divided by the number of rows")
    iterations: int = Field(10, description="of ADMM")
    key_bits: int = Field(576, description="bits of the Paillier modulus; below 2048 a toy")
    propagation: Seconds = Field(1e-3, ge=0, description="one way between any two parties")
    rate: BitsPerSecond = Field(1e9, gt=0, description="of each wire")
    patience: Seconds = Field(60.0, gt=0, description="for which a party waits for another at a step")
    cheat: str = Field("", description="what one party does wrong; empty for nobody")
    cheater: int = Field(0, ge=0, description="who does it")
    cheat_iteration: int = Field(0, ge=0, description="in which iteration, where that matters")

    @model_validator(mode="after")
    def _cheat_is_possible(self) -> Self:
        if not self.cheat:
            return self
        if self.cheat not in CHEATS:
            raise ValueError(f"cheat = '{self.cheat}' is none; {did_you_mean(self.cheat, CHEATS)}")
        if self.cheater >= self.parties:
            raise ValueError(f"cheater = {self.cheater}; there are parties 0 to {self.parties - 1}")
        cheat = CHEATS[self.cheat]
        last = self.iterations - 1 - cheat.before_last
        if not cheat.first <= self.cheat_iteration <= last:
            raise ValueError(f"cheat_iteration = {self.cheat_iteration}; '{self.cheat}' can be done in iterations "
                             f"{cheat.first} to {last}")  # fmt: skip
        return self

    @property
    def terms(self) -> Agreement:
        """What the parties agree on."""
        return Agreement(
            self.parties, self.features, (self.rows,) * self.parties, Objective(self.l1, self.l2), self.rho,
            self.iterations, self.key_bits,
        )  # fmt: skip
