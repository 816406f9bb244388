"""Helen in the testbed: parties, rows, a network, perhaps a cheater; what model comes out, and what did it cost?"""

import numpy as np

from hardware_models.network.card import LinkFigures
from scenarios.helen.admm import optimality_gap, summary_of, train
from scenarios.helen.cheats import CHEATS, cheating
from scenarios.helen.config import METRICS, HelenConfig
from scenarios.helen.frames import HEAD
from scenarios.helen.integer_model import weights
from scenarios.helen.party import Aborted, Finished, Party, address_of
from scenarios.helen.powers import Meter
from scenarios.helen.session import Keys, Rows, protocols
from scenarios.helen.simulated import Ran, run
from scenarios.helen.synthetic import synthetic
from sim.protocol import Node
from sim.scenario import Check, Context, Outcome

#: Wires hold what is sent; nothing is lost for want of room.
_BUFFER = 1e12


class Helen:
    """Wires rows, keys, parties and network; what each does stands in its own module."""

    name, version = "helen", 1
    question = "Can competitors train a joint model although all but one may cheat, and what does it cost?"
    config = HelenConfig
    metrics = METRICS

    def run(self, config: HelenConfig, context: Context) -> Outcome:
        """One run with real cryptography on simulated wires."""
        terms = config.terms
        terms.check()
        rows = synthetic(
            config.parties, config.features, config.rows, config.correlation, config.nonzero, config.noise,
            context.streams,
        )  # fmt: skip
        context.progress(0.0, f"dealing a key of {config.key_bits} bits")
        keys = Keys.deal(config.parties, config.key_bits, context.streams)
        parties = [Party(one, config.patience) for one in protocols(terms, rows, keys, context.streams)]
        context.progress(0.1, f"{config.parties} parties train")
        link = LinkFigures(rate=config.rate, propagation=config.propagation, buffer=_BUFFER)
        ran = run(parties, link, lambda party: _dressed(party, config))
        return _outcome(config, rows, parties, ran)


def _dressed(party: Party, config: HelenConfig) -> Node:
    if config.cheat and party.protocol.party == config.cheater:
        return cheating(party, config.cheat, config.cheat_iteration, config.patience)
    return party


def _outcome(config: HelenConfig, rows: list[Rows], parties: list[Party], ran: Ran) -> Outcome:
    honest = {who: end for who, end in ran.ends.items() if not config.cheat or who != address_of(config.cheater)}
    spent = [party.protocol.cipher.meter for party in parties]
    metrics: dict[str, float | None] = {
        "rounds": float(max(len(steps) for steps in ran.steps.values())),
        "bytes": float(
            sum((step.size + HEAD) * (config.parties - 1) for steps in ran.steps.values() for step in steps)
        ),
        **{name: float(sum(getattr(meter, name) for meter in spent)) for name in Meter.__slots__},
        "wire_seconds": ran.seconds,
    }
    end = next(iter(honest.values()))
    checks = [
        Check("all honest parties end", "holds" if len(honest) == config.parties - bool(config.cheat) else "fails")
    ]
    if isinstance(end, Finished):
        return _released(config, rows, end, metrics, checks, honest)
    return _stopped(config, end, metrics, checks, honest)


def _released(
    config: HelenConfig, rows: list[Rows], end: Finished, metrics: dict[str, float | None], checks: list[Check],
    honest: dict[str, Finished | Aborted],
) -> Outcome:  # fmt: skip
    terms = config.terms
    summaries = [summary_of(X, y, terms.total_rows, terms.rho) for X, y in rows]
    plain = train(summaries, terms.objective, terms.rho, terms.iterations)
    found = weights(end.z)
    X, y = np.vstack([X for X, _ in rows]), np.concatenate([y for _, y in rows])
    metrics["weight_error"] = float(np.abs(found - plain).max() / max(np.abs(plain).max(), np.finfo(np.float64).tiny))
    metrics["optimality_gap"] = optimality_gap(X, y, found, terms.objective)
    harmless = not config.cheat or not CHEATS[config.cheat].checks
    checks += [
        Check("all release the same model", "holds" if set(honest.values()) == {end} else "fails"),
        Check("no model is released that was cheated for", "holds" if harmless else "fails", config.cheat),
    ]
    nobody = {"caught_by": "nobody was caught", "culprit": "nobody was caught"}
    return Outcome(metrics | dict.fromkeys(nobody), checks=tuple(checks), notes=nobody, answer="released")


def _stopped(
    config: HelenConfig, end: Aborted, metrics: dict[str, float | None], checks: list[Check],
    honest: dict[str, Finished | Aborted],
) -> Outcome:  # fmt: skip
    none = all(isinstance(one, Aborted) for one in honest.values())
    checks.append(Check("nobody releases a model", "holds" if none else "fails", f"{end.check}: {end.detail}"))
    notes = dict.fromkeys(("weight_error", "optimality_gap"), f"stopped by {end.check}: {end.detail}")
    metrics |= dict.fromkeys(notes) | {"caught_by": float(end.by), "culprit": float(end.culprit)}
    if end.culprit < 0:
        metrics["culprit"], notes["culprit"] = None, f"what was seen does not show who it was: {end.detail}"
    return Outcome(metrics, checks=tuple(checks), notes=notes, answer=end.check)
