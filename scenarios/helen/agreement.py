"""What parties agree on before anything else, in whole numbers, and the refusal of what cannot work.

>>> objective = Objective(l1=0.1, l2=0.0)
>>> terms = Agreement(parties=2, features=3, rows=(50, 50), objective=objective, rho=0.25, iterations=10, key_bits=1024)
>>> terms.check(); terms.rho_scaled, terms.threshold_scaled == round(0.1 / 0.5 * 2**40)
(1073741824, True)
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from math import isfinite

from gmpy2 import mpz

from scenarios.helen.admm import Objective
from scenarios.helen.bit_budget import RHO_FRACTION, SHARE_FRACTION, SHRINK_FRACTION, Budget
from scenarios.helen.paillier import PublicKey
from scenarios.helen.spdz.dealer import Truncation, field_prime
from sim.errors import UserError

#: Parties that a run can have, and the range of rho in units of the normalised problem.
MOST_PARTIES, LEAST_RHO, MOST_RHO = 16, 2.0**-16, 2.0**8


@dataclass(frozen=True)
class Agreement:
    """m parties, d features, rows n_i of each, penalties, rho, K iterations and the bits of the Paillier modulus."""

    parties: int
    features: int
    rows: tuple[int, ...]
    objective: Objective
    rho: float
    iterations: int
    key_bits: int

    def check(self) -> None:
        """Raises `UserError` for terms that cannot work, before any cryptography, with the computed limit."""
        if not 2 <= self.parties <= MOST_PARTIES:
            raise UserError(f"parties = {self.parties}; a joint model needs from 2 to {MOST_PARTIES} parties")
        if self.features < 1:
            raise UserError(f"features = {self.features}; a model has at least 1")
        if self.iterations < 1:
            raise UserError(f"iterations = {self.iterations}; ADMM needs at least 1")
        if not LEAST_RHO <= self.rho <= MOST_RHO:
            raise UserError(f"rho = {self.rho:g}; it must be between {LEAST_RHO:g} and {MOST_RHO:g}")
        for name, value in (("l1", self.objective.l1), ("l2", self.objective.l2)):
            if not isfinite(value) or value < 0:
                raise UserError(f"{name} = {value:g}; a penalty is a finite number, 0 or more")
        if len(self.rows) != self.parties:
            raise UserError(f"rows names {len(self.rows)} parties, and there are {self.parties}")
        for party, rows in enumerate(self.rows):
            if rows < self.features:
                raise UserError(
                    f"party {party} has {rows} rows; {self.features} features need at least {self.features}"
                )
        self.budget.check()
        self._check_threshold()

    def _check_threshold(self) -> None:
        if self.objective.l1 > 0 and self.threshold_scaled == 0:
            raise UserError(
                f"l1 = {self.objective.l1:g} is too small: its threshold is below 2^-{SHARE_FRACTION}; use 0"
            )
        if self.threshold_scaled >> (self.budget.share_bits - 1):
            raise UserError(f"l1 = {self.objective.l1:g} is too large: its threshold exceeds every weight, "
                            f"2^{self.budget.value_bits} at most")  # fmt: skip

    @cached_property
    def budget(self) -> Budget:
        """The lengths that follow."""
        return Budget(self.parties, self.features, self.iterations, self.rho, self.key_bits)

    @cached_property
    def prime(self) -> mpz:
        """Of the field in which parties share numbers."""
        return field_prime(self.budget.field_bits)

    @property
    def total_rows(self) -> int:
        """n, of all parties."""
        return sum(self.rows)

    @property
    def rho_scaled(self) -> int:
        """Rho with RHO_FRACTION bits after the point."""
        return round(self.rho * (1 << RHO_FRACTION))

    @property
    def shrink_scaled(self) -> int:
        """The factor c / m = rho / (l2 + m rho) with SHRINK_FRACTION bits after the point."""
        return round(self.rho / (self.objective.l2 + self.parties * self.rho) * (1 << SHRINK_FRACTION))

    @property
    def threshold_scaled(self) -> int:
        """The threshold c k = l1 / (l2 + m rho) of the shrunken mean, with SHARE_FRACTION bits after the point."""
        return round(self.objective.l1 / (self.objective.l2 + self.parties * self.rho) * (1 << SHARE_FRACTION))

    @property
    def product_truncation(self) -> Truncation:
        """From a product w at scale 2 Q to a share."""
        return Truncation(self.budget.product_bits + 1, 2 * self.budget.fraction - SHARE_FRACTION)

    @property
    def mean_truncation(self) -> Truncation:
        """From the shrunken mean of w + u to a share."""
        return Truncation(self.budget.scaled_bits + 1, 2 * self.budget.fraction + SHRINK_FRACTION - SHARE_FRACTION)

    def session(self, key: PublicKey) -> bytes:
        """A digest of all terms and the key: who agreed on something else is in another session."""
        terms = f"{self.parties}/{self.features}/{self.rows}/{self.objective}/{self.rho!r}/{self.iterations}/{key}"
        return blake2b(terms.encode(), digest_size=32).digest()
