"""The same parties on Mininet hosts: the same model, through a switch, at the rate of its links."""

from coopetition import LINK, keys, parties, rows, streams, terms
from emulated_needs import emulated

from scenarios.helen.on_mininet import play
from scenarios.helen.party import Entered
from scenarios.helen.schedule import schedule
from scenarios.helen.session import protocols
from scenarios.helen.simulated import run

SLOW = 2e6


@emulated
def test_parties_on_hosts_come_to_what_the_simulated_parties_come_to() -> None:
    agreed = terms(3, features=1, iterations=2)
    ran = play(protocols(agreed, rows(agreed), keys(3), streams()), SLOW, patience=60.0, limit=120.0)
    assert ran.ends == run(parties(agreed), LINK).ends
    entered = [(when, event) for when, who, event in ran.notes if who == "party1" and isinstance(event, Entered)]
    assert [(event.step, event.size) for _, event in entered] == [tuple(one) for one in schedule(agreed)]
    first, second = entered[0][0], entered[1][0]
    sent = 2 * entered[0][1].size * 8  # to two others, over one link
    assert second - first > 0.9 * sent / SLOW - 0.1, "links are as slow as was asked for"
