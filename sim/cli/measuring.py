"""`hardware measure`: a card with the figures of this machine."""

from argparse import Namespace
from pathlib import Path

from sim.card import write_card
from sim.config import assign, split_setting
from sim.errors import UserError
from sim.progress import meter
from sim.registry import find_measurement


def measure(given: Namespace) -> int:
    """Measure a card of the kind that is named, and write it to `--out` (KIND.toml if left out)."""
    if len(given.cards) != 1:
        raise UserError(f"hardware measure takes 1 kind of card, {len(given.cards)} given")
    (kind,) = given.cards
    found = find_measurement(kind)
    settings: dict[str, object] = {}
    for text in given.set:
        assign(settings, *split_setting(text))
    out = given.out or Path(f"{kind}.toml")
    with meter(1, f"measuring {kind}") as shown:
        card = found(settings, lambda fraction, doing: shown.watch(kind, fraction, doing))
    write_card(card, out)
    measured = sum(figure.confidence == "measured" for figure in card.figures.values())
    print(f"{out}: {card.title}; {measured} of {len(card.figures)} figures measured")
    return 0
