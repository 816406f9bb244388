"""A fair rival: the outer loop with the step that is best for this very set-up, found on links of its own."""

from collections.abc import Callable

from scenarios.con_ts.outer_loop import OuterLoop
from scenarios.con_ts.world import World

#: Steps per ACK in dB that are tried.
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
#: A step is in the running when the block error rate it leads to is at most so much above the target.
_TOLERANCE = 0.003


def best_step(world: Callable[[], World]) -> float:
    """The step of largest rate among those that keep the target; if none does, the one that fails least.

    `world` makes the validation links anew for each trial; they must not be those that are judged.
    """
    found = []
    for step in STEPS:
        links = world()
        episode = links.play(OuterLoop(links.task, links.links, step, name="olla_tuned"), lambda share: None)
        errors = float(1.0 - episode.success.mean())
        rate = float((links.task.rates[episode.arms] * episode.success).mean())
        over = max(0.0, errors - links.task.target - _TOLERANCE)
        found.append((over, -rate if over == 0.0 else 0.0, step))
    return min(found)[2]
