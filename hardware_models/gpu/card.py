"""The figures of a GPU, in SI, as the cost and memory models use them."""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.card import Card
from sim.errors import UserError
from sim.units import Bytes, BytesPerSecond, FlopPerSecond, Joules, Quantity, Ratio, Seconds, Watts

#: What matrix products are computed in: fp32 on the vector units, or the tensor units with tf32 or 16-bit inputs.
Precision = Literal["fp32", "tf32", "tensor16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

UsdPerSecond = Annotated[float, Quantity("money rate")]
Fraction = Annotated[Ratio, Field(gt=0.0, le=1.0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Peak(_Group):
    """Peak arithmetic, FLOP/s, a fused multiply-add counted as two; tensor figures dense, never with sparsity."""

    fp32: FlopPerSecond = Field(gt=0)
    tf32: FlopPerSecond | None = Field(default=None, gt=0)
    tensor16: FlopPerSecond | None = Field(default=None, gt=0)


class Efficiency(_Group):
    """Shares of the peak that a large kernel of each class reaches; `bandwidth` is the share of DRAM bandwidth.

    Tensor units are harder to keep busy than vector units, so matrix products and convolutions have a second
    share for them. The other names are the classes of operators that the roofline knows.
    """

    matmul: Fraction
    conv: Fraction
    tensor_matmul: Fraction
    tensor_conv: Fraction
    norm: Fraction
    pool: Fraction
    pointwise: Fraction
    other: Fraction
    bandwidth: Fraction


class Energy(_Group):
    """Energy above idle: joules per FLOP in each precision, and joules per byte moved to or from DRAM."""

    fp32: Joules = Field(ge=0)
    tf32: Joules | None = Field(default=None, ge=0)
    tensor16: Joules | None = Field(default=None, ge=0)
    dram: Joules = Field(ge=0)


class HostLink(_Group):
    """The way to the host's memory: bytes per second in one direction, and seconds before the first byte.

    A bandwidth of 0 is a card without one.
    """

    bandwidth: BytesPerSecond = Field(ge=0)
    latency: Seconds = Field(ge=0)


class GpuCard(Card):
    """A GPU. `memory` is what is soldered on; `capacity` is what a framework can allocate of it."""

    kind: ClassVar[str] = "gpu"

    memory: Bytes = Field(gt=0)
    driver_reserved: Bytes = Field(ge=0)
    context_reserved: Bytes = Field(ge=0)
    dram_bandwidth: BytesPerSecond = Field(gt=0)
    peak: Peak
    efficiency: Efficiency
    launch_time: Seconds = Field(ge=0)
    idle_power: Watts = Field(ge=0)
    power_limit: Watts = Field(gt=0)
    energy: Energy
    host_link: HostLink
    price: UsdPerSecond = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.capacity <= 0:
            raise ValueError(
                f"memory of {self.memory} B is all taken by driver_reserved ({self.driver_reserved} B) "
                f"and context_reserved ({self.context_reserved} B)"
            )
        if self.idle_power > self.power_limit:
            raise ValueError(f"idle_power of {self.idle_power:g} W exceeds power_limit of {self.power_limit:g} W")
        return self

    @property
    def capacity(self) -> int:
        """Bytes a framework's allocator can get: memory less what driver and CUDA context keep."""
        return self.memory - self.driver_reserved - self.context_reserved

    def peak_rate(self, precision: Precision) -> float:
        """Peak FLOP/s of matrix products in `precision`. Raises `UserError` if the card has no such units."""
        return self._of(self.peak, precision)

    def flop_energy(self, precision: Precision) -> float:
        """Joules per FLOP of matrix products in `precision`, above idle."""
        return self._of(self.energy, precision)

    def _of(self, group: Peak | Energy, precision: Precision) -> float:
        rate: float | None = getattr(group, precision)
        if rate is None:
            known = ", ".join(name for name in PRECISIONS if getattr(group, name) is not None)
            raise UserError(f"card '{self.card}' has no figure for precision '{precision}'; allowed: {known}")
        return rate
