"""Names of methods, what they may be told, and of what a network is made: data that is light to import."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from sim.errors import UserError

MethodName = Literal[
    "dense",
    "true_top_k",
    "local_top_k",
    "dgc",
    "pkk",
    "random_k",
    "sketched",
    "fetch_sgd",
    "sign_feedback",
    "one_bit",
    "signum",
    "qsgd",
    "terngrad",
    "power_sgd",
]
METHODS: tuple[MethodName, ...] = get_args(MethodName)

#: What connects the workers: a parameter server, a ring, or a switch that adds.
Fabric = Literal["server", "ring", "switch"]


class Extras(NamedTuple):
    """What DGC adds to local top-k. `clip`: bound of a gradient's norm times sqrt(workers) (infinity for none).

    `warm_up`: steps over which the share of coordinates sent falls from 25 % to k/d, geometrically (Lin et al., 2018,
    section 3.3: 75 % to 99.9 % sparse).
    """

    clip: float = float("inf")
    warm_up: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """`candidates` is P. `hashing` names a family of `sketch`. `levels` is QSGD's s, `rank` PowerSGD's."""

    k: int
    candidates: int = 4
    rows: int = 5
    columns: int = 1
    momentum: float = 0.9
    hashing: str = "block"
    levels: int = 7
    rank: int = 2
    extras: Extras = field(default_factory=Extras)

    def checked(self, size: int) -> "Settings":
        """Itself, if it fits a gradient of `size` coordinates. Raises `UserError` if not."""
        if not 1 <= self.k <= size:
            raise UserError(f"k is {self.k}; of {size} coordinates, 1 to {size} can be chosen")
        if self.candidates < 1 or self.candidates * self.k > size:
            allowed = f"1 to {size // self.k} for k = {self.k} and {size} coordinates"
            raise UserError(f"candidates is {self.candidates}; allowed: {allowed}")
        return self
