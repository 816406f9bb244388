"""Keys, terms and rows for tests: dealt once, from named streams."""

from functools import cache

import numpy as np

from scenarios.helen.admm import Objective
from scenarios.helen.agreement import Agreement
from scenarios.helen.draws import Draws
from scenarios.helen.paillier import Cipher, KeyShare, PublicKey, deal_keys
from scenarios.helen.powers import FixedBase
from sim.rng import Streams


def draws(*names: str | int, seed: int = 7) -> Draws:
    return Draws(Streams(seed, "helen tests", 0), *names)


@cache
def dealt(parties: int, bits: int) -> tuple[PublicKey, list[KeyShare]]:
    return deal_keys(parties, bits, draws("keys", parties, bits))


@cache
def table(parties: int, bits: int) -> FixedBase:
    key = dealt(parties, bits)[0]
    return FixedBase(key.hiding_base, key.n * key.n)


def cipher(parties: int = 2, bits: int = 512) -> Cipher:
    return Cipher(dealt(parties, bits)[0], table(parties, bits))


def terms(parties: int = 2, features: int = 3, iterations: int = 3, key_bits: int = 512, **other: object) -> Agreement:
    given = {"objective": Objective(0.05, 0.02), "rho": 0.25, "rows": (40,) * parties} | other
    return Agreement(parties=parties, features=features, iterations=iterations, key_bits=key_bits, **given)  # type: ignore[arg-type]


def rows(agreed: Agreement, seed: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of each party, correlated, of a sparse model with noise."""
    generator = np.random.default_rng(seed)
    true = generator.standard_normal(agreed.features) * 0.4 * (np.arange(agreed.features) % 3 != 2)
    found = []
    for count in agreed.rows:
        X = generator.standard_normal((count, agreed.features)) + 0.3 * generator.standard_normal((count, 1))
        X /= np.sqrt((X**2).mean(axis=0))
        found.append((X, X @ true + 0.3 * generator.standard_normal(count)))
    return found
