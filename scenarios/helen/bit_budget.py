"""How long every number of the protocol can get, and the shortest modulus and field in which none of them wraps.

Summaries carry Q bits after the point, 72 to 96: so many because a batched interval proof shows a bound that is 2^58
to 2^67 times what honest provers need (`proofs.interval`), and what is to be shown small are rounding errors at scale
2^-Q. Shares carry F = 40 bits. Values are bounded as follows.

- A valid summary has |A_i| <= 1/rho and |b_i| <= B_sigma B_y with B_sigma = 2 sqrt(d) (columns have a root mean square
  of at most 2) and B_y = 2, as singular values are proved at most B_sigma and y* at most B_y.
- ADMM is Douglas-Rachford splitting on s_i = w_i + u_i (the u before): a nonexpansive map, so from 0 the K-th s is at
  most K times as long as the first, |s| <= sqrt(m) max|b_i| / rho. z is a projection of s that a soft threshold
  shortens, u and z - u are no longer than s, and |w_i| <= (K + 1) times the first. So all are at most
  M = (K + 1) sqrt(m) 4 sqrt(d) / rho, and one bit more covers that proofs hold up to 2^-12.
- What a *cheater* can bring about is longer: its mask of a value that becomes a ciphertext again is only proved to be
  below 2^(mask + slack), so the value can be as long, and an honest party's product with it too. Masks of products
  must cover that, or a cheater could read an honest party's summary off a decryption. A mask is HIDING bits longer
  than what it hides (statistical distance 2^-HIDING).

>>> small = Budget(parties=3, features=10, iterations=10, rho=0.25, modulus_bits=1024)
>>> small.value_bits, small.field_bits, small.slots, small.least_modulus_bits
(11, 256, 2, 515)
"""

from dataclasses import dataclass
from math import ceil, floor, log2, sqrt

from sim.errors import UserError

#: Bits after the point: of shares (F), of rho and of the shrinkage c / m.
SHARE_FRACTION, RHO_FRACTION, SHRINK_FRACTION = 40, 32, 32
#: Bits to which a summary is proved to be that of some rows.
_VALIDITY = 12
#: Bits of a Fiat-Shamir challenge, rows of an interval proof, and bits by which masks exceed what they hide.
CHALLENGE, ROWS, HIDING = 128, 128, 40


@dataclass(frozen=True)
class Budget:
    """The lengths that follow from the agreement: m, d, K, rho and the bits of the Paillier modulus."""

    parties: int
    features: int
    iterations: int
    rho: float
    modulus_bits: int

    @property
    def fraction(self) -> int:
        """Q, a multiple of 8: enough that d x d rounding errors, overstated, are still small."""
        overstated = self.slack(self.summary_count) + 2 * ceil(log2(self.features))
        return 8 * ceil((overstated + _VALIDITY) / 8)

    @property
    def value_bits(self) -> int:
        """log2 of M, which bounds w, z, u and z - u."""
        bound = (self.iterations + 1) * sqrt(self.parties) * 4.0 * sqrt(self.features) / self.rho
        return ceil(log2(bound)) + 1

    @property
    def inverse_bits(self) -> int:
        """Of the entries of A, theta and W = V theta before the point."""
        return max(ceil(-log2(self.rho)), 0) + 1

    @property
    def share_bits(self) -> int:
        """Of a shared fixed-point number, its sign included."""
        return SHARE_FRACTION + self.value_bits + 1

    @property
    def product_bits(self) -> int:
        """Of an honest w at scale 2 Q."""
        return 2 * self.fraction + self.value_bits

    @property
    def scaled_bits(self) -> int:
        """Of the mean of w + u times the shrinkage, before it is truncated: the longest number of the field."""
        return self.product_bits + SHRINK_FRACTION + 2

    @property
    def field_bits(self) -> int:
        """Of the SPDZ prime: a multiple of 64 that holds the longest number under a mask, and at least 192."""
        return max(64 * ceil((self.scaled_bits + HIDING + 3) / 64), 192)

    def slack(self, count: int) -> int:
        """By how many bits an interval proof of `count` ciphertexts overstates: see `proofs.interval`."""
        return ceil(log2(max(count, 2))) + HIDING + 9

    @property
    def return_mask_bits(self) -> int:
        """Of a party's mask of z - u on its way back into a ciphertext."""
        return self.share_bits + HIDING

    @property
    def returned_bits(self) -> int:
        """Of what can be in a ciphertext of z - u, whoever cheats: the opened sum is checked, the masks are proved."""
        count = self.iterations * self.parties * self.features
        return self.return_mask_bits + self.slack(count) + ceil(log2(self.parties + 1)) + 1

    @property
    def worst_product_bits(self) -> int:
        """Of what can be in a ciphertext of w = A (b + rho (z - u)), whoever cheats."""
        summand = self.fraction - SHARE_FRACTION + max(ceil(log2(self.rho)), 0) + self.returned_bits + 1
        return self.fraction + self.inverse_bits + ceil(log2(self.features)) + summand + 1

    @property
    def slot_bits(self) -> int:
        """Of a slot of a packed ciphertext: a product that is made positive, and the masks of all parties."""
        return self.worst_product_bits + HIDING + ceil(log2(self.parties + 2)) + 1

    @property
    def packed_slack(self) -> int:
        """Of the interval proof of all packed masks of a run."""
        return self.slack(self.iterations * self.parties * self.features)

    @property
    def slots(self) -> int:
        """Products that are decrypted together in one ciphertext; 0 if the modulus is too short for one."""
        room = self.modulus_bits - 3 - self.packed_slack - ceil(log2(self.parties + 1))
        return max(floor(room / self.slot_bits), 0)

    def packed(self, count: int) -> int:
        """Ciphertexts that hold `count` products."""
        return ceil(count / self.slots)

    @property
    def final_mask_bits(self) -> int:
        """Of a party's mask of the final check, sum_k e_k a_k over all values that crossed, e_k of CHALLENGE bits."""
        count = 2 * self.iterations * self.parties * self.features
        return CHALLENGE + self.worst_product_bits + ceil(log2(count)) + HIDING

    @property
    def summary_bits(self) -> int:
        """Of the longest number of a summary at scale Q, of an honest party: V, sigma, theta, y*, A, b."""
        sizes = (self.inverse_bits, 3 + ceil(log2(self.features) / 2), ceil(log2(self.features)) + 2)
        return self.fraction + max(sizes)

    @property
    def summary_count(self) -> int:
        """Ciphertexts of an input proof's first interval proof: V, A, R1, four vectors, four numbers."""
        return 3 * self.features**2 + 4 * self.features + 4

    @property
    def residual_bits(self) -> int:
        """Of what products at scale 3 Q are off by, once rounded to scale Q."""
        return 2 * self.fraction + max(2 * ceil(log2(self.features) / 2) + 5, self.inverse_bits)

    def lines(self) -> dict[str, int]:
        """What must fit a Paillier modulus, each with the bits that the modulus must have for it."""
        proved = self.summary_bits + self.slack(self.summary_count)
        parties = ceil(log2(self.parties + 1))
        return {
            "a product of three proved numbers of a summary": 3 * proved + ceil(log2(self.features)) + 3,
            "a masked product": self.slot_bits + self.packed_slack + parties + 3,
            "the final check": self.final_mask_bits + self.slack(1) + parties + 3,
        }

    @property
    def least_modulus_bits(self) -> int:
        """The shortest modulus that all lines fit."""
        return max(self.lines().values())

    def check(self) -> None:
        """Raises `UserError` for a modulus that is too short, naming the line that needs most."""
        name, needed = max(self.lines().items(), key=lambda line: line[1])
        if needed > self.modulus_bits:
            raise UserError(f"key_bits = {self.modulus_bits} is too small: {name} needs a modulus of {needed} bits")
