"""The figures of a radio link, in SI and decibels, as the channel, feedback and retransmission models use them.

Two figures may be words instead of numbers: `mean_snr = "geometry"` derives the mean SNR from transmit power,
path loss and noise, and `doppler = "speed"` derives the normalised Doppler from speed, carrier and slot.
"""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hardware_models.wireless.mcs import McsTable, mcs_table, table_names
from sim.card import Card
from sim.errors import did_you_mean
from sim.units import DecibelMilliwatts, Decibels, Hertz, Metres, MetresPerSecond, Quantity, Ratio, Seconds

#: Metres per second; exact by definition of the metre.
SPEED_OF_LIGHT = 299_792_458.0

PathLoss = Literal["log_distance", "free_space", "lte_macro", "uma_los", "uma_nlos", "umi_los", "umi_nlos"]
FadingLaw = Literal["none", "rayleigh", "rice"]
FadingMethod = Literal["ifft_doppler", "sum_of_sinusoids", "ar1_fast"]
DelayProfile = Literal["flat", "tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e"]
Decoder = Literal["nr-ldpc-ideal", "lte-turbo", "conservative"]
Combining = Literal["none", "chase", "ir"]
COMBININGS: tuple[Combining, ...] = get_args(Combining)

MeanSnr = Annotated[float | Literal["geometry"], Quantity("level", words=("geometry",))]
Doppler = Annotated[float | Literal["speed"], Quantity("ratio", words=("speed",))]
Slots = Annotated[int, Field(ge=0)]
Share = Annotated[Ratio, Field(ge=0.0, le=1.0)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Geometry(_Group):
    """Where the mean SNR comes from when `mean_snr = "geometry"`.

    `exponent` and `reference_loss` (dB at 1 m) belong to the `log_distance` model, `terminal_height` to the
    NLOS models of TR 38.901; the others ignore them.
    """

    tx_power: DecibelMilliwatts
    noise_figure: Decibels = Field(ge=0)
    distance: Metres = Field(gt=0)
    path_loss: PathLoss
    exponent: Ratio = Field(gt=0)
    reference_loss: Decibels
    terminal_height: Metres = Field(gt=0)


class Shadowing(_Group):
    """Log-normal shadowing: standard deviation, and the distance over which its correlation falls to 1/e."""

    sigma: Decibels = Field(ge=0)
    decorrelation: Metres = Field(gt=0)


class Fading(_Group):
    """Small-scale fading; `k_factor` and `los_doppler` (of the direct path, as a share of f_D) belong to `rice`.

    The profiles TDL-D and TDL-E bring their own K instead of `k_factor`. `ar1_fast` has the right correlation from
    one slot to the next and the wrong one over longer lags: never study feedback delay with it.
    """

    law: FadingLaw
    k_factor: Decibels
    los_doppler: Annotated[Ratio, Field(ge=-1.0, le=1.0)]
    method: FadingMethod


class Delay(_Group):
    """Frequency selectivity: a tapped delay line of TR 38.901 scaled to an rms spread, seen in `subbands`.

    Their SNRs become one by `effective_snr` ("eesm" with `beta`, or "miesm").
    """

    profile: DelayProfile
    spread: Seconds = Field(ge=0)
    subbands: int = Field(ge=1)
    effective_snr: Literal["eesm", "miesm"]
    beta: Ratio = Field(gt=0)


class DecoderFigures(_Group):
    """Which decoder's block errors, and what an implementation loses on top of it."""

    profile: Decoder
    gap: Decibels = Field(ge=0)


class Cqi(_Group):
    """Channel quality reports: `levels` of quantisation by block error <= `target`; delay and period in slots.

    `bias` and `error` (standard deviation) are in dB on the measured SNR; `loss` is the share of reports lost.
    """

    levels: int = Field(ge=2, le=127)
    target: Annotated[Ratio, Field(gt=0.0, lt=1.0)]
    delay: Slots
    period: int = Field(ge=1)
    bias: Decibels
    error: Decibels = Field(ge=0)
    loss: Share


class Ack(_Group):
    """Acknowledgements: slots from a transmission to its feedback, and the share that is lost."""

    delay: Slots
    loss: Share


class Harq(_Group):
    """Retransmissions: what the receiver combines, attempts per packet at most, slots from one to the next."""

    combining: Combining
    attempts: int = Field(ge=1)
    round_trip: int = Field(ge=1)
    processes: int = Field(ge=1)


class WirelessCard(Card):
    """A radio link. `symbols` is the resource elements that carry a slot's block; `mcs` names a table of rates."""

    kind: ClassVar[str] = "wireless"

    carrier: Hertz = Field(gt=0)
    bandwidth: Hertz = Field(gt=0)
    slot: Seconds = Field(gt=0)
    symbols: int = Field(ge=1)
    mcs: str
    mean_snr: MeanSnr
    doppler: Doppler
    speed: MetresPerSecond = Field(ge=0)
    geometry: Geometry
    shadowing: Shadowing
    fading: Fading
    delay: Delay
    decoder: DecoderFigures
    cqi: Cqi
    ack: Ack
    harq: Harq

    @field_validator("mcs")
    @classmethod
    def _known(cls, name: str) -> str:
        if not name.endswith(".toml") and name not in table_names():
            raise ValueError(f"no table of rates is called '{name}'; {did_you_mean(name, table_names())}")
        return name

    @field_validator("doppler")
    @classmethod
    def _not_aliased(cls, doppler: float | str) -> float | str:
        if not isinstance(doppler, str) and not 0.0 <= doppler <= 0.5:
            raise ValueError(f"{doppler:g} cycles per slot is outside 0 to 0.5, where slots sample the fading")
        return doppler

    @model_validator(mode="after")
    def _sampled(self) -> Self:
        if not self.normalised_doppler <= 0.5:
            raise ValueError(
                f"speed of {self.speed:g} m/s at {self.carrier:g} Hz fades {self.normalised_doppler:.3g} times per "
                f"slot of {self.slot:g} s; at most 0.5 is allowed"
            )
        return self

    @model_validator(mode="after")
    def _paths_fit_the_law(self) -> Self:
        needed = {"flat": self.fading.law, "tdl-d": "rice", "tdl-e": "rice"}.get(self.delay.profile, "rayleigh")
        if self.fading.law != needed:
            raise ValueError(
                f"delay.profile = '{self.delay.profile}' needs fading.law = '{needed}', not '{self.fading.law}'"
            )
        return self

    @property
    def normalised_doppler(self) -> float:
        """f_D T, cycles per slot: the largest Doppler shift times the slot, 0 to 0.5."""
        if isinstance(self.doppler, str):
            return self.speed * self.carrier / SPEED_OF_LIGHT * self.slot
        return self.doppler

    @property
    def metres_per_slot(self) -> float:
        """How far the terminal moves in a slot; follows from the Doppler, whichever way that is given."""
        return self.normalised_doppler * SPEED_OF_LIGHT / self.carrier

    @property
    def table(self) -> McsTable:
        """The rates, for blocks of `symbols` resource elements."""
        return mcs_table(self.mcs, self.symbols)
