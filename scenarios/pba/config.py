"""What may be asked of pba (its settings) and what it answers (its metrics)."""

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from hardware_models.gpu.card import GpuCard
from hardware_models.network.link_card import LinkCard
from scenarios.images.load import DataName
from sim.scenario import Config, Metric
from sim.units import Ratio, Seconds

#: What may be trained; `scenarios.pba.controls` says what each does.
MethodName = Literal["pba", "none", "fixed_last", "shuffled", "random", "rand_augment", "trivial_augment"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)
_CONTROLS = tuple(method for method in METHODS if method != "pba")

METRICS = (
    Metric("accuracy", "ratio", "higher", "share of test images classed right after training by `method`", "counted"),
    *(
        Metric(f"accuracy_{control}", "ratio", "higher", f"the same by {control}; beside every run of pba", "counted")
        for control in _CONTROLS
    ),
    Metric("over_none", "ratio", "higher", "accuracy above that of no augmentation", "counted"),
    Metric("over_controls", "ratio", "higher", "accuracy above that of the best control", "counted"),
    Metric("search_accuracy", "ratio", "higher", "best trial's share of validation images at the end", "counted"),
    Metric("search_seconds", "time", "lower", "from the first epoch to the last report", "simulated"),
    Metric("one_gpu_seconds", "time", "lower", "all epochs one after the other on one GPU", "modelled"),
    Metric("gpu_seconds", "time", "lower", "time in which a GPU has a trial, all GPUs together", "simulated"),
    Metric("idle_share", "ratio", "lower", "part of GPUs x search time without a trial", "simulated"),
    Metric("epoch_seconds", "time", "lower", "one epoch of one trial alone on a GPU", "modelled"),
    Metric("clones", "1", "neither", "how often a trial copied another", "simulated"),
    Metric("segments", "1", "neither", "policies in the learned schedule", "simulated"),
    Metric("network_bytes", "bytes", "lower", "checkpoints written and read", "counted"),
    Metric("money", "money", "lower", "price of the GPUs for as long as the search takes", "modelled"),
)


class PbaConfig(Config):
    """One question: this search on this cluster, and this method trained on these images."""

    method: MethodName = Field("pba", description="what is trained: pba (with all controls beside it) or one control")
    images: DataName = Field("posed_digits", description="what is trained on; see docs/scenarios/pba.md")
    folder: str = Field("", description="where your own CIFAR or SVHN lies")
    network: Literal["small", "wrn_40_2"] = Field(
        "small", description="small is trained for real; of wrn_40_2 only the search's time is found, scores are drawn"
    )
    train_images: int = Field(300, ge=0, description="training images; 0 takes all there are")
    validation_images: int = Field(0, ge=0, description="images to score trials by; 0 takes all there are")
    trials: int = Field(8, ge=1, description="trials in the population")
    epochs: int = Field(45, ge=1, description="epochs of the search, and of each training after it")
    interval: int = Field(3, ge=1, description="epochs between reports")
    quantile: Ratio = Field(0.25, ge=0, le=0.5, description="share of trials that copy, and share that is copied")
    counts: tuple[Ratio, ...] = Field((0.2, 0.3, 0.5), description="probability of 0, 1, 2, ... operations per image")
    mode: Literal["asynchronous", "synchronous"] = Field(
        "asynchronous", description="synchronous: all trials wait for the last report of an interval"
    )
    batch: int = Field(32, ge=1, description="images per step of real training")
    rate: float = Field(0.05, gt=0, description="first learning rate of real training")
    decay: float = Field(5e-4, ge=0, description="weight decay of real training")
    padding: int = Field(0, ge=0, description="pixels around an image before a random crop of it (authors, CIFAR: 4)")
    flip: bool = Field(False, description="whether images are mirrored with probability 1/2 (authors, CIFAR: true)")
    cutout: int = Field(0, ge=0, description="side of a square cut out of every image (authors, CIFAR-10: 16)")
    hardware: GpuCard = Field("titan-xp", validate_default=True, description="the GPUs")
    gpus: int = Field(1, ge=1, le=4096, description="how many of them")
    share: Ratio = Field(0.15, gt=0, le=1, description="part of a GPU that a trial reserves: 1 / share fit on one")
    demand: Ratio = Field(1.0, gt=0, le=1, description="part of a GPU that a trial keeps busy when alone on it")
    overhead: Seconds = Field(0.0, ge=0, description="of every epoch, beside its arithmetic")
    spread: float = Field(0.0, ge=0, le=2, description="deviation of the logarithm of an interval's time")
    barrier: Seconds = Field(0.0, ge=0, description="from the last report of an interval to the next (synchronous)")
    link: LinkCard = Field("ethernet-10g", validate_default=True, description="the way to the store of checkpoints")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.interval > self.epochs:
            raise ValueError(f"interval is {self.interval}; it is at most the {self.epochs} epochs")
        if abs(sum(self.counts) - 1) > 1e-9 or min(self.counts) < 0:
            raise ValueError(f"counts is {self.counts}; probabilities of 0, 1, 2, ... operations sum to 1")
        if not self.trained and not (self.train_images and self.validation_images):
            raise ValueError(
                f"train_images is {self.train_images} and validation_images {self.validation_images}; "
                f"for network = '{self.network}', of which nothing is loaded, both are needed"
            )
        return self

    @property
    def trained(self) -> bool:
        """Whether anything is trained for real."""
        return self.network == "small"
