"""Keys, terms, rows and runs for tests: dealt once, from named streams."""

from functools import cache
from typing import Any

import numpy as np

from hardware_models.network.card import LinkFigures
from scenarios.helen.admm import Objective
from scenarios.helen.agreement import Agreement
from scenarios.helen.draws import Draws
from scenarios.helen.paillier import Cipher
from scenarios.helen.party import Party
from scenarios.helen.session import Keys, Rows, protocols
from sim.rng import Streams

LINK = LinkFigures(rate="1Gbit/s", propagation="1ms", buffer="1GB")


def streams(seed: int = 7) -> Streams:
    return Streams(seed, "helen tests", 0)


def draws(*names: str | int, seed: int = 7) -> Draws:
    return Draws(streams(seed), *names)


@cache
def keys(parties: int, bits: int = 512) -> Keys:
    return Keys.deal(parties, bits, streams())


def cipher(parties: int = 2, bits: int = 512) -> Cipher:
    return Cipher(keys(parties, bits).public, keys(parties, bits).table)


def terms(parties: int = 2, features: int = 2, iterations: int = 3, key_bits: int = 512, **other: Any) -> Agreement:
    given: dict[str, Any] = {"objective": Objective(0.05, 0.02), "rho": 0.25, "rows": (40,) * parties} | other
    return Agreement(parties=parties, features=features, iterations=iterations, key_bits=key_bits, **given)


def rows(agreed: Agreement, seed: int = 1) -> list[Rows]:
    """Rows of each party, correlated, of a sparse model with noise."""
    generator = np.random.default_rng(seed)
    true = generator.standard_normal(agreed.features) * 0.4 * (np.arange(agreed.features) % 3 != 2)
    found = []
    for count in agreed.rows:
        X = generator.standard_normal((count, agreed.features)) + 0.3 * generator.standard_normal((count, 1))
        X /= np.sqrt((X**2).mean(axis=0))
        found.append((X, X @ true + 0.3 * generator.standard_normal(count)))
    return found


def parties(agreed: Agreement, seed: int = 7, patience: float = 5.0) -> list[Party]:
    made = protocols(agreed, rows(agreed), keys(agreed.parties, agreed.key_bits), streams(seed))
    return [Party(protocol, patience) for protocol in made]
