"""What may be asked of sketched_sgd (its settings) and what it answers (its metrics)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from hardware_models.gpu.card import GpuCard, Precision
from hardware_models.network.link_card import LinkCard
from scenarios.sketched_sgd.settings import Extras, Fabric, MethodName, Settings
from sim.scenario import Config, Metric
from sim.units import Ratio

METRICS = (
    Metric(
        "accuracy",
        "ratio",
        "higher",
        "share of the samples not trained on classed right, after the last epoch",
        label="counted",
    ),
    Metric("best_accuracy", "ratio", "higher", "the same after the best epoch", label="counted"),
    Metric("compression", "1", "higher", "dense bytes over bytes sent, both ways, indices included", label="counted"),
    Metric("compression_paper", "1", "higher", "the same as the paper counts: values only", label="counted"),
    Metric("bytes_up", "bytes", "lower", "bytes that a worker sends in a step, on average", label="counted"),
    Metric("bytes_down", "bytes", "lower", "bytes that a worker receives from the server in a step", label="counted"),
    Metric("step_seconds", "time", "lower", "one step: computing, encoding, communication", label="modelled"),
    Metric("dense_seconds", "time", "lower", "one step of dense training on the same machines", label="modelled"),
    Metric("speedup", "1", "higher", "dense step over this step; above 1 compression pays", label="modelled"),
    Metric("compute_seconds", "time", "lower", "forward and backward pass", label="modelled"),
    Metric("encode_seconds", "time", "lower", "encoding, decoding, choosing", label="modelled"),
    Metric("network_seconds", "time", "lower", "communication, if nothing hid it", label="modelled"),
    Metric("pays_below", "bit rate", "higher", "payload rate below which the step beats dense", label="modelled"),
    Metric("training_seconds", "time", "lower", "all steps that were trained", label="modelled"),
)

#: Workloads of which only time and bytes are modelled.
_PRICED = ("resnet9", "resnet50", "vgg16", "bert_base")


class SketchedConfig(Config):
    """One question: this method, for this model, between these workers."""

    workload: Literal[
        "digits", "waves", "words", "cifar10", "cifar100", "svhn", "resnet9", "resnet50", "vgg16", "bert_base"
    ] = Field("digits", description="data to train on for real, or a network of which only time and bytes are modelled")
    folder: str = Field("", description="where your own copy of cifar10, cifar100 or svhn lies")
    judged_on: Literal["test", "validation"] = Field("test", description="what accuracy is of; tune on validation")
    method: MethodName = Field("sketched", description="how the workers agree on an update")
    workers: int = Field(4, ge=1, le=4096, description="workers")
    link: LinkCard = Field("ethernet-10g", validate_default=True, description="the link of each worker")
    hardware: GpuCard = Field("v100", validate_default=True, description="the GPU of each worker")
    fabric: Fabric = Field("server", description="a parameter server, a ring, or a switch that adds")
    shards: int = Field(1, ge=1, description="shards of the parameter server")
    overlap: bool = Field(True, description="methods that can send buckets during the backward pass")
    precision: Precision = Field("fp32", description="of the model's products and convolutions")
    coding: Ratio = Field(
        1.0, gt=0, le=1, description="share of single-pass kernels' speed that encoding and decoding reach"
    )
    keep: Ratio = Field(0.01, gt=0, le=1, description="k as a share of the weights")
    candidates: int = Field(4, ge=1, description="P: candidates of the first round, in k")
    rows: int = Field(5, ge=1, description="rows of a sketch; odd")
    table: Ratio = Field(0.15, gt=0, description="counters of a sketch, all rows together, as a share of the weights")
    hashing: Literal["block", "polynomial"] = Field("block", description="family of hashes")
    levels: int = Field(7, ge=1, description="QSGD's levels")
    rank: int = Field(2, ge=1, description="PowerSGD's rank")
    clip: float = Field(0.0, ge=0, description="DGC's bound of a gradient's norm; 0 is none")
    warm_up: int = Field(0, ge=0, description="DGC's steps of growing sparsity")
    momentum: Ratio = Field(0.9, ge=0, lt=1, description="momentum")
    epochs: int = Field(25, ge=1, description="epochs of real training")
    batch: int = Field(16, ge=1, description="samples per worker and step")
    rate: float = Field(0.1, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.0, ge=0, description="weight decay")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.rows % 2 == 0:
            raise ValueError(f"rows is {self.rows}; an odd number is needed, for the median to be one of the estimates")
        if self.candidates * self.keep > 1:
            raise ValueError(
                f"candidates * keep is {self.candidates * self.keep:g}; at most all weights can be asked for"
            )
        return self

    @property
    def trained(self) -> bool:
        """Whether there is something to train on."""
        return self.workload not in _PRICED

    def settings(self, size: int) -> Settings:
        """The method's settings for a gradient of `size` coordinates."""
        k = min(max(1, round(self.keep * size)), size // self.candidates)
        columns = max(1, round(self.table * size / self.rows))
        extras = Extras(self.clip or float("inf"), self.warm_up)
        return Settings(
            k, self.candidates, self.rows, columns, self.momentum, self.hashing, self.levels, self.rank, extras
        )
