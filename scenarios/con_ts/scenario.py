"""Con-TS in the testbed: a policy, links, a constraint; what does it deliver, and does it keep the constraint?"""

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from scenarios.con_ts.config import METRICS, ConTSConfig
from sim.scenario import Context, Outcome

if TYPE_CHECKING:
    from scenarios.con_ts.world import World
    from sim.rng import Streams

#: Validation links of the tuned outer loop, and how many slots they are tried for at most.
_TUNING_LINKS, _TUNING_SLOTS = 20, 3000


class ConTSScenario:
    """Wires world, policy and outcome; what each does stands in its own module."""

    name, version = "con_ts", 1
    question = "Which rate keeps a link's latency constraint at the best throughput?"
    config = ConTSConfig
    metrics = METRICS
    preload = ("scenarios.con_ts.radio", "scenarios.con_ts.foresight", "scenarios.con_ts.thompson")
    summary = "scenarios.con_ts.answer:sentences"

    def run(self, config: ConTSConfig, context: Context) -> Outcome:
        """Build the world, let the policy play, judge the episode."""
        from scenarios.con_ts.outcome import outcome
        from scenarios.con_ts.policies import make
        from scenarios.con_ts.thompson import ConTS
        from sim import lanes

        world = _world(config, context.streams, config.links, config.slots)
        knobs, known = config.knobs, dict[str, float | None]()
        if config.policy == "olla_tuned":
            context.progress(0.0, "tuning the outer loop on links of its own")
            knobs = replace(knobs, olla_step=_tuned(config, context.streams))
        if config.policy.startswith("olla"):
            known["olla_step"] = knobs.olla_step
        policy = make(config.policy, world, lanes.seed(context.streams, "policy", range(config.links)), knobs)
        started = perf_counter()
        episode = world.play(policy, lambda share: context.progress(share, f"{config.policy} on {config.links} links"))
        known["decide_seconds"] = (perf_counter() - started) / (config.links * config.slots)
        if isinstance(policy, ConTS):
            known["infeasible"] = float(policy.infeasible_slots.mean() / config.slots)
        return outcome(config, world, episode, known)


def _world(config: ConTSConfig, streams: "Streams", links: int, slots: int) -> "World":
    if config.on_radio:
        from scenarios.con_ts.radio import Radio

        return Radio(config.hardware, config.block_error_target, streams, links, slots)
    from scenarios.con_ts.stationary import SETS, Arms, Stationary

    arms = Arms(config.rates, config.success) if config.rates else SETS[config.arms]
    return Stationary(arms, config.block_error_target, streams, links, slots)


def _tuned(config: ConTSConfig, streams: "Streams") -> float:
    from scenarios.con_ts.tuning import best_step
    from sim.rng import Streams

    def validation() -> "World":
        apart = Streams(streams.seed, f"{streams.scenario} tuning", streams.replicate)
        return _world(config, apart, min(config.links, _TUNING_LINKS), min(config.slots, _TUNING_SLOTS))

    return best_step(validation)
