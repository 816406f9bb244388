"""Cheats: what one party can do wrong, at which step, and which check is to catch it.

A cheat changes what a party brings before a run (its summary, its terms) or what it says at a step; otherwise it
follows the protocol, with its own lies in mind. `CHEATS` is the table: what is done, where, and what must happen. A
cheat that is harmless is in the table too, and must not end a run.

Steps named with {k} can be cheated at in any iteration; a cheat about differences needs an iteration after it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from gmpy2 import mpz

from scenarios.helen.masks import MaskNumbers
from scenarios.helen.paillier import Secret
from scenarios.helen.party import Party, Told
from scenarios.helen.protocol import Protocol
from scenarios.helen.rounds import Exchange, Steps
from scenarios.helen.summary import SummaryNumbers
from scenarios.helen.wire import Writer
from sim.errors import UserError, did_you_mean
from sim.protocol import Effect, Node, Send

#: What a cheat says instead of an honest message; `earlier` are the party's honest messages of earlier steps, by step.
Lie = Callable[[Protocol, bytes, int, Mapping[str, bytes]], bytes]
#: What a cheat brings instead of an honest summary.
Forge = Callable[[Protocol], SummaryNumbers]


class Cheat(NamedTuple):
    """What is done (`about`), at which step, and which checks may catch it (none: it is harmless).

    `named` says whether everybody can see who did it. It is done by a lie or by a forged summary, `to_one` of the
    others only, or by falling `silent`.

    `first` is the first iteration at which it can be done, `last` how many before the last it must end.
    """

    about: str
    step: str
    checks: tuple[str, ...]
    named: bool
    lie: Lie | None = None
    forge: Forge | None = None
    first: int = 0
    before_last: int = 0
    to_one: bool = False
    silent: bool = False


class Cheater(Protocol):
    """A party that lies once, at `step`."""

    def __init__(self, honest: Protocol, cheat: Cheat, iteration: int) -> None:
        super().__init__(honest.terms, honest.cipher, honest.secrets)
        self._cheat, self._iteration = cheat, iteration
        if cheat.forge is not None:
            self.secrets = replace(self.secrets, summary=cheat.forge(self))

    def run(self) -> Steps[list[int]]:
        """The protocol, but for one message."""
        running, earlier = super().run(), dict[str, bytes]()
        said = next(running)
        while True:
            earlier[said.step] = said.body
            if self._cheat.lie is not None and said.step == self._cheat.step.format(k=self._iteration):
                said = Exchange(said.step, self._cheat.lie(self, said.body, self._iteration, earlier))
            bodies = yield said
            try:
                said = running.send(bodies)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]


class TwoFaced(Node):
    """A party that says something else to the last of the others than to the rest, or nothing to anybody, at a step."""

    def __init__(self, party: Party, cheat: Cheat, iteration: int) -> None:
        self._party, self._cheat, self.address = party, cheat, party.address
        self._when, self._silent = cheat.step.format(k=iteration), False

    def on_start(self, now: float) -> list[Effect]:
        """As the party, but for one step."""
        return self._says(self._party.on_start(now))

    def on_message(self, now: float, source: str, message: object) -> list[Effect]:
        """As the party, but for one step."""
        return self._says(self._party.on_message(now, source, message))

    def on_timer(self, now: float, timer: object) -> list[Effect]:
        """As the party, but for one step."""
        return self._says(self._party.on_timer(now, timer))

    def _says(self, effects: Sequence[Effect]) -> list[Effect]:
        return [changed for effect in effects for changed in self._changed(effect)]

    def _changed(self, effect: Effect) -> list[Effect]:
        """What is sent instead; who falls silent says nothing any more."""
        self._silent = self._silent or (self._cheat.silent and self._party.step == self._when)
        if self._silent:
            return [] if isinstance(effect, Send) else [effect]
        if not isinstance(effect, Send) or not isinstance(effect.message, Told) or self._party.step != self._when:
            return [effect]
        told, protocol = effect.message, self._party.protocol
        if effect.to != max(peer for peer in self._party.peers):
            return [effect]
        return [Send(effect.to, told._replace(body=_field(protocol, told.body, 0, 1)))]


def cheating(party: Party, name: str, iteration: int, patience: float) -> Node:
    """The node that cheats in place of `party`. Raises `UserError` for a cheat that there is not."""
    if name not in CHEATS:
        raise UserError(f"there is no cheat '{name}'; {did_you_mean(name, CHEATS)}")
    cheat = CHEATS[name]
    if cheat.to_one or cheat.silent:
        return TwoFaced(party, cheat, iteration)
    return Party(Cheater(party.protocol, cheat, iteration), patience)


def _field(protocol: Protocol, body: bytes, place: int, plus: int, end: bool = False) -> bytes:
    """A message of numbers of the field with one of them changed; `place` counts from the end if `end`."""
    width = (int(protocol.spdz.prime.bit_length()) + 7) // 8
    at = len(body) - (place + 1) * width if end else place * width
    number = (int.from_bytes(body[at : at + width], "big") + plus) % int(protocol.spdz.prime)
    return body[:at] + number.to_bytes(width, "big") + body[at + width :]


def _ciphertext(protocol: Protocol, body: bytes, place: int, change: Callable[[mpz], mpz]) -> bytes:
    """A message that begins with ciphertexts, with one of them changed."""
    width = (2 * protocol.terms.key_bits + 7) // 8
    at = place * width
    changed = change(mpz(int.from_bytes(body[at : at + width], "big"))) % protocol.cipher.square
    return body[:at] + int(changed).to_bytes(width, "big") + body[at + width :]


def _plus_one(protocol: Protocol, body: bytes, place: int) -> bytes:
    return _ciphertext(protocol, body, place, lambda c: c * protocol.cipher.constant(1))


def _input(protocol: Protocol, body: bytes, kind: str, iteration: int, plus: int) -> bytes:
    """The masks message, with one number that goes into SPDZ changed."""
    size = protocol.terms.parties * protocol.terms.features
    products, K = protocol.terms.iterations * size, protocol.terms.iterations
    place = {"product": iteration * size, "difference": products + iteration * size, "final": products + (K - 1) * size}
    return _field(protocol, body, products + (K - 1) * size - place[kind], plus, end=True)


def _another_product(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    """The product of twice the inverse, with a proof that is made as if that had been committed to."""
    maker = protocol.products
    doubled = [Secret(2 * one.secret.plain, 2 * one.secret.randomness) for one in protocol.opened["inverse"]]
    step = f"iteration {iteration} product"
    made = maker.make(protocol.cipher, doubled, protocol.summands, protocol.transcript(step), protocol.secrets.draw)
    out = Writer(protocol.terms.key_bits)
    maker.write(made, out)
    return out.data()


def _another_share(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    """Partial decryptions with another exponent than that of the verification key, with a proof made for it."""
    share = protocol.secrets.share._replace(exponent=protocol.secrets.share.exponent + 1)
    return protocol.proved_partials(f"iteration {iteration} decrypt", protocol.partials(share), share)


def _negated(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    share, square = protocol.secrets.share, protocol.cipher.square
    first, *others = protocol.partials(share)
    return protocol.proved_partials(f"iteration {iteration} decrypt", [square - first, *others], share)


def _cancelling(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    """Two partial decryptions with errors that cancel, and a proof made as if they were right."""
    share, cipher = protocol.secrets.share, protocol.cipher
    first, second, *others = protocol.partials(share)
    wrong = [first * cipher.constant(1) % cipher.square, second * cipher.constant(-1) % cipher.square, *others]
    return protocol.proved_partials(f"iteration {iteration} decrypt", wrong, share)


def _oversized(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    """All masks of differences longer than agreed, encrypted and proved as if that were allowed."""
    honest = protocol.mask_numbers
    numbers = MaskNumbers(
        honest.products, [one << (2 * protocol.terms.budget.packed_slack) for one in honest.differences], honest.final
    )
    commitment = protocol.mask_commitment(numbers)
    return commitment + body[len(commitment) :]


def _longer(protocol: Protocol, body: bytes, iteration: int, earlier: Mapping[str, bytes]) -> bytes:
    width = (int(protocol.spdz.prime.bit_length()) + 7) // 8
    return (int(protocol.spdz.prime) + 1).to_bytes(width, "big") + body[width:]


def _forged(**changes: Callable[[SummaryNumbers], Any]) -> Forge:
    """A summary with some of its numbers replaced, and nothing else."""
    return lambda protocol: replace(
        protocol.secrets.summary, **{name: change(protocol.secrets.summary) for name, change in changes.items()}
    )


def _skewed(protocol: Protocol) -> SummaryNumbers:
    """A summary that is consistent but for a V that is not orthogonal."""
    honest, q = protocol.secrets.summary, protocol.terms.budget.fraction
    V = honest.vectors * 3 // 2
    W, two = V * honest.inverses, mpz(1) << (2 * q)
    A, b = W.dot(V.T) >> (2 * q), V.dot(honest.moments) >> (2 * q)
    unit = np.array([[two * int(i == j) for j in range(len(V))] for i in range(len(V))], dtype=object)
    return replace(
        honest, vectors=V, weighted=W, inverse=A, moment=b, orthogonal_residual=V.dot(V.T) - unit,
        inverse_residual=W.dot(V.T) - (A << (2 * q)), moment_residual=V.dot(honest.moments) - (b << (2 * q)),
    )  # fmt: skip


def _large_targets(protocol: Protocol) -> SummaryNumbers:
    """A summary that is consistent but for a y* of eight times the bound."""
    honest, q = protocol.secrets.summary, protocol.terms.budget.fraction
    y = honest.projected * 0 + (mpz(16) << q)
    g = honest.values * y
    b = honest.vectors.dot(g) >> (2 * q)
    spare = honest.spare * np.array([1, 0], dtype=object)
    bounds = np.array([0, (mpz(4) << (2 * q)) - (y * y).sum()], dtype=object)
    residual = honest.norm_residual * np.array([1, 0], dtype=object) - bounds
    return replace(
        honest, projected=y, moments=g, moment=b, spare=spare, norm_residual=residual,
        moment_residual=honest.vectors.dot(g) - (b << (2 * q)),
    )  # fmt: skip


_INTERVAL, _ROUNDING, _RELATIONS = ("input interval",), ("rounding interval",), ("input relations",)
_PRODUCT, _PARTIAL, _MAC, _FINAL = ("product",), ("partial decryption",), ("MAC check",), ("final check",)
_MALFORMED, _RANGE = ("malformed message",), ("ciphertext range",)


def _spoken(step: str, about: str, plus: int = 1, checks: tuple[str, ...] = _MAC) -> Cheat:
    """A share that is changed when a shared number is opened."""
    return Cheat(about, step, checks, False, lambda p, body, k, earlier: _field(p, body, 0, plus))


CHEATS: Mapping[str, Cheat] = {
    "skewed-vectors": Cheat("V is not orthogonal, all else fits", "inputs", _INTERVAL, True, forge=_skewed),
    "doubled-inverses": Cheat(
        "theta is twice 1 / (sigma^2 + rho)",
        "inputs",
        _RELATIONS,
        True,
        forge=_forged(inverses=lambda s: s.inverses * 2),
    ),
    "other-inverse": Cheat(
        "A is that of other rows", "inputs", _RELATIONS, True, forge=_forged(inverse=lambda s: s.inverse * 3 // 4)
    ),
    "other-moment": Cheat(
        "b is that of other rows", "inputs", _RELATIONS, True, forge=_forged(moment=lambda s: s.moment + 1)
    ),
    "large-targets": Cheat("y* is larger than allowed, all else fits", "inputs", _INTERVAL, True, forge=_large_targets),
    "negative-value": Cheat(
        "a sigma below 0, and its y* too: another way to write the same rows",
        "inputs",
        (),
        False,
        forge=_forged(
            values=lambda s: s.values * np.array([-1] + [1] * (len(s.values) - 1), dtype=object),
            projected=lambda s: s.projected * np.array([-1] + [1] * (len(s.values) - 1), dtype=object),
        ),
    ),
    "long-number": Cheat(
        "a y* of 2^200", "inputs", _INTERVAL, True, forge=_forged(projected=lambda s: s.projected + (mpz(1) << 200))
    ),
    "changed-commitment": Cheat(
        "a ciphertext of V is changed after its proof",
        "inputs",
        _INTERVAL,
        True,
        lambda p, body, k, earlier: _plus_one(p, body, 0),
    ),
    "zero-ciphertext": Cheat(
        "a ciphertext is 0",
        "inputs",
        _RANGE,
        True,
        lambda p, body, k, earlier: _ciphertext(p, body, 0, lambda c: mpz(0)),
    ),
    "no-unit": Cheat(
        "a ciphertext is N",
        "inputs",
        _RANGE,
        True,
        lambda p, body, k, earlier: _ciphertext(p, body, 0, lambda c: p.cipher.n),
    ),
    "short-inputs": Cheat("a byte is missing", "inputs", _MALFORMED, True, lambda p, body, k, earlier: body[:-1]),
    "changed-mask": Cheat(
        "a mask's ciphertext is changed after its proof",
        "masks",
        ("mask interval",),
        True,
        lambda p, body, k, earlier: _plus_one(p, body, 0),
    ),
    "oversized-mask": Cheat("masks are longer than agreed", "masks", ("mask interval",), True, _oversized),
    "other-product-mask": Cheat(
        "another mask of a product is shared than was encrypted",
        "masks",
        _FINAL,
        False,
        lambda p, body, k, earlier: _input(p, body, "product", k, 1),
    ),
    "shifted-product-mask": Cheat(
        "a shared mask is off by 2^40",
        "masks",
        _FINAL,
        False,
        lambda p, body, k, earlier: _input(p, body, "product", k, 1 << 40),
    ),
    "other-difference-mask": Cheat(
        "another mask of a difference is shared than was encrypted",
        "masks",
        _FINAL,
        False,
        lambda p, body, k, earlier: _input(p, body, "difference", k, 1),
        before_last=1,
    ),
    "huge-difference-mask": Cheat(
        "a shared mask of a difference is off by 2^220, to make others' products long",
        "masks",
        ("return range",),
        False,
        lambda p, body, k, earlier: _input(p, body, "difference", k, 1 << 220),
        before_last=1,
    ),
    "other-final-mask": Cheat(
        "another mask of the final check is shared than was encrypted",
        "masks",
        _FINAL,
        False,
        lambda p, body, k, earlier: _input(p, body, "final", k, 1),
    ),
    "input-not-of-field": Cheat(
        "a number that goes into SPDZ is not below the prime",
        "iteration {k} truncate",
        _MALFORMED,
        True,
        lambda p, body, k, earlier: _longer(p, body, k, earlier),
    ),
    "wrong-product": Cheat(
        "a product's ciphertext is changed",
        "iteration {k} product",
        _PRODUCT,
        True,
        lambda p, body, k, earlier: _plus_one(p, body, 0),
    ),
    "other-summary": Cheat(
        "the product is that of another A", "iteration {k} product", _PRODUCT, True, _another_product
    ),
    "older-product": Cheat(
        "the product of the iteration before is said again",
        "iteration {k} product",
        _PRODUCT,
        True,
        lambda p, body, k, earlier: earlier[f"iteration {k - 1} product"],
        first=1,
    ),
    "wrong-answer": Cheat(
        "the last answer of the product's proof is changed",
        "iteration {k} product",
        (*_PRODUCT, *_MALFORMED),
        True,
        lambda p, body, k, earlier: body[:-1] + bytes([body[-1] ^ 1]),
    ),
    "wrong-partial": Cheat(
        "a partial decryption is changed",
        "iteration {k} decrypt",
        _PARTIAL,
        True,
        lambda p, body, k, earlier: _plus_one(p, body, 0),
    ),
    "cancelling-partials": Cheat(
        "two partial decryptions are changed so that their product is right",
        "iteration {k} decrypt",
        _PARTIAL,
        True,
        _cancelling,
    ),
    "other-share": Cheat(
        "partial decryptions are made with another share", "iteration {k} decrypt", _PARTIAL, True, _another_share
    ),
    "older-partials": Cheat(
        "the partial decryptions of the iteration before are said again",
        "iteration {k} decrypt",
        _PARTIAL,
        True,
        lambda p, body, k, earlier: earlier[f"iteration {k - 1} decrypt"],
        first=1,
    ),
    "negative-partial": Cheat(
        "a partial decryption is negated, which changes nothing", "iteration {k} decrypt", (), False, _negated
    ),
    "truncate-opening": _spoken("iteration {k} truncate", "a share is changed when a truncation is opened"),
    "compare-opening": _spoken(
        "iteration {k} compare masked", "a share is changed when a comparison is opened", checks=(*_MAC, "return range")
    ),
    "tree-opening": _spoken("iteration {k} compare tree 0", "a share of a Beaver product is changed"),
    "deep-tree-opening": _spoken("iteration {k} compare tree 3", "a share of a later Beaver product is changed"),
    "threshold-opening": _spoken("iteration {k} threshold", "a share is changed when the threshold is taken"),
    "cancelling-openings": Cheat(
        "two shares are changed by +1 and -1",
        "iteration {k} truncate",
        _MAC,
        False,
        lambda p, body, k, earlier: _field(p, _field(p, body, 0, 1), 1, -1),
    ),
    "two-faced-opening": Cheat(
        "one party is told another share than the others",
        "iteration {k} truncate",
        ("equivocation", "MAC check"),
        False,
        to_one=True,
    ),
    "return-opening": Cheat(
        "a share is changed when a difference goes back to a ciphertext",
        "iteration {k} return",
        _MAC,
        False,
        lambda p, body, k, earlier: _field(p, body, 0, 1),
        before_last=1,
    ),
    "huge-return": Cheat(
        "a share is changed by 2^200, to make another's product longer than masks",
        "iteration {k} return",
        ("return range",),
        False,
        lambda p, body, k, earlier: _field(p, body, 0, 1 << 200),
        before_last=1,
    ),
    "short-opening": Cheat(
        "a byte is missing", "iteration {k} truncate", _MALFORMED, True, lambda p, body, k, earlier: body[:-1]
    ),
    "wrong-final-partial": Cheat(
        "the last partial decryption is changed",
        "final decrypt",
        _PARTIAL,
        True,
        lambda p, body, k, earlier: _plus_one(p, body, 0),
    ),
    "final-opening": _spoken("final open", "a share is changed in the final check"),
    "other-mac": Cheat(
        "another MAC difference is opened than was committed to",
        "final MAC open",
        ("MAC commitment",),
        True,
        lambda p, body, k, earlier: _field(p, body, 0, 1),
    ),
    "release-opening": _spoken("release", "a share of the model is changed"),
    "silence": Cheat("says nothing", "iteration {k} truncate", ("timeout",), True, silent=True),
    "withheld-release": Cheat("keeps its share of the model", "release", ("timeout",), True, silent=True),
}
