"""What may be asked of naru (its settings) and what it answers (its metrics)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sim.scenario import Config, Metric
from sim.units import Ratio

METRICS = (
    Metric("q_error_p50", "1", "lower", "median of max(estimated / true, true / estimated) rows", label="counted"),
    Metric("q_error_p95", "1", "lower", "the same, 95th percentile", label="counted"),
    Metric("q_error_p99", "1", "lower", "the same, 99th percentile", label="counted"),
    Metric("q_error_max", "1", "lower", "the same, worst query", label="counted"),
    Metric("synopsis_bytes", "bytes", "lower", "what the estimator stores", label="counted"),
    Metric("gap", "bits", "lower", "cross entropy of the rows under the model less their entropy", label="counted"),
)

EstimatorName = Literal["naru", "perfect", "independence", "row_sample", "chow_liu"]


class NaruConfig(Config):
    """One question: this estimator, on this table, for these queries."""

    table: Literal["dmv_like", "file"] = Field("dmv_like", description="generated registrations, or your own table")
    file: str = Field("", description="your own table: .parquet, .arrow, .feather or .csv")
    rows: int = Field(20_000, ge=1, description="rows of the generated table")
    queries: int = Field(200, ge=1, description="queries")
    in_domain: bool = Field(True, description="literals of a row of the table, or of each column's own")
    estimator: EstimatorName = Field("naru", description="what estimates")
    samples: int = Field(1000, ge=1, description="paths of progressive sampling")
    wildcards: bool = Field(True, description="skip columns that are not asked for")
    order: Literal["natural", "reversed"] = Field("natural", description="order of the columns in the model")
    share: Ratio = Field(0.013, gt=0, le=1, description="share of the rows that row_sample keeps")
    width: int = Field(128, ge=1, description="units of a hidden layer")
    layers: int = Field(5, ge=1, description="hidden layers")
    residual: bool = Field(True, description="ResMADE or MADE")
    direct: bool = Field(True, description="a layer from input to output besides")
    encoding: Literal["binary", "one_hot", "embed"] = Field("binary", description="codes as a network's input")
    epochs: int = Field(5, ge=1, description="passes over the rows")
    batch: int = Field(512, ge=1, description="rows of a step")
    warm_up: int = Field(100, ge=0, description="steps in which the rate rises; 0 for a constant rate")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.table == "file") != bool(self.file):
            raise ValueError(f"file is {self.file!r} with table = {self.table}; table = file needs one, others none")
        return self
