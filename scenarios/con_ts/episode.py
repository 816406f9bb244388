"""One policy on one world: slots and late acknowledgements as events on the simulation engine.

In every slot the policy is shown the contexts and names the arms; what became of them reaches it `delay` slots later
(at least one: a slot's outcome is never known before the next), unless the acknowledgement is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.con_ts.hull import Floats
from scenarios.con_ts.policy import LOST, Feedback, Policy
from scenarios.con_ts.world import World
from sim.engine import Engine


@dataclass(frozen=True, slots=True)
class Episode:
    """What happened, each of shape (slots, links): the arms, their true success probabilities, and the outcomes."""

    arms: NDArray[np.int16]
    success: Floats
    acks: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Hearing:
    """How acknowledgements arrive: `delay` slots after their slot, `lost` of shape (slots, links) or None."""

    delay: int = 1
    lost: NDArray[np.bool_] | None = None


def play(
    policy: Policy,
    world: World,
    hearing: Hearing,
    engine: Engine,
    slot_time: float = 1.0,
    progress: Callable[[float], None] = lambda share: None,
) -> Episode:
    """Let `policy` run over all slots of `world`; `slot_time` in seconds."""
    shape = (world.slots, world.links)
    episode = Episode(np.empty(shape, np.int16), np.empty(shape), np.empty(shape, np.int8))

    def slot(number: int) -> None:
        contexts = world.contexts(number)
        arms = policy.act(contexts)
        success = world.success_of(number, arms)
        acks = (world.draws(number) < success).astype(np.int8)
        episode.arms[number], episode.success[number], episode.acks[number] = arms, success, acks
        heard = acks if hearing.lost is None else np.where(hearing.lost[number], np.int8(LOST), acks)
        # Feedback is scheduled before the next slot, so what arrives with a slot is known in it.
        engine.call_at((number + hearing.delay) * slot_time, policy.update, Feedback(contexts, arms, heard))
        if number % 256 == 0:
            progress(number / world.slots)
        if number + 1 < world.slots:
            engine.call_at((number + 1) * slot_time, slot, number + 1)

    if world.slots:
        engine.call_at(0.0, slot, 0)
        engine.run()
    return episode
