"""Every policy by name. The order is that of their colours on every page: the ones people compare most come first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scenarios.con_ts.policy import Policy
    from scenarios.con_ts.world import World
    from sim import lanes

PolicyName = Literal[
    "foresight",
    "con_ts",
    "olla_tuned",
    "latent_ts",
    "con_ts_informed",
    "bayes_la",
    "olla",
    "latent_mean",
    "lin_con_kl_ucb",
    "ts",
    "olla_highest",
    "illa",
    "con_ts_discounted",
    "con_ts_window",
    "ts_discounted",
    "ts_window",
    "unimodal_ts",
    "ucb1",
    "kl_ucb",
    "epsilon_greedy",
    "genie",
    "genie_lp",
    "genie_average",
]


@dataclass(frozen=True, slots=True)
class Knobs:
    """What can be set about policies: see `scenarios.con_ts.config.ConTSConfig` for their meaning and units."""

    prior_weight: float = 10.0
    infeasible: Literal["random", "max_success", "lowest_rate"] = "random"
    olla_step: float = 0.1
    keep: float = 0.99
    window: int = 100


Make = Callable[["World", "lanes.State", Knobs], "Policy"]


def make(name: PolicyName, world: "World", lanes_state: "lanes.State", knobs: Knobs) -> "Policy":
    """The policy called `name` for all links of `world`. Raises `UserError` where it cannot play there."""
    return _makers()[name](world, lanes_state, knobs)


def _makers() -> Mapping[str, Make]:
    from scenarios.con_ts import indices, latent, oracles, thompson
    from scenarios.con_ts.epsilon_greedy import EpsilonGreedy
    from scenarios.con_ts.foresight import Foresight
    from scenarios.con_ts.outer_loop import OuterLoop
    from scenarios.con_ts.posterior import Discounted, Forever, Memory, Windowed, informed, uninformed

    def plain(world: "World") -> Forever:
        return Forever(uninformed(world.task, world.links))

    def told(world: "World", knobs: Knobs, name: str) -> Forever:
        return Forever(informed(world.task, world.links, knobs.prior_weight, name))

    def fading(world: "World", knobs: Knobs) -> Discounted:
        return Discounted(uninformed(world.task, world.links), knobs.keep)

    def sliding(world: "World", knobs: Knobs) -> Windowed:
        return Windowed(uninformed(world.task, world.links), knobs.window)

    def con_ts(memory: Callable[["World", Knobs], Memory]) -> Make:
        return lambda w, state, k: thompson.ConTS(w.task, memory(w, k), state, k.infeasible)

    def ts(memory: Callable[["World", Knobs], Memory]) -> Make:
        return lambda w, state, k: thompson.Thompson(w.task, memory(w, k), state)

    return {
        "foresight": lambda w, state, k: Foresight(w.task, w.links),
        "con_ts": con_ts(lambda w, k: plain(w)),
        "con_ts_informed": con_ts(lambda w, k: told(w, k, "con_ts_informed")),
        "con_ts_discounted": con_ts(fading),
        "con_ts_window": con_ts(sliding),
        "ts": ts(lambda w, k: plain(w)),
        "bayes_la": ts(lambda w, k: told(w, k, "bayes_la")),
        "ts_discounted": ts(fading),
        "ts_window": ts(sliding),
        "unimodal_ts": lambda w, state, k: thompson.UnimodalThompson(w.task, plain(w), state),
        "latent_ts": lambda w, state, k: latent.Latent(w.task, state, sampled=True),
        "latent_mean": lambda w, state, k: latent.Latent(w.task, state, sampled=False),
        "ucb1": lambda w, state, k: indices.UCB1(w.task, w.links),
        "kl_ucb": lambda w, state, k: indices.KLUCB(w.task, w.links),
        "lin_con_kl_ucb": lambda w, state, k: indices.LinConKLUCB(w.task, state),
        "epsilon_greedy": lambda w, state, k: EpsilonGreedy(w.task, state),
        "olla": lambda w, state, k: OuterLoop(w.task, w.links, k.olla_step, name="olla"),
        "olla_tuned": lambda w, state, k: OuterLoop(w.task, w.links, k.olla_step, name="olla_tuned"),
        "olla_highest": lambda w, state, k: OuterLoop(w.task, w.links, k.olla_step, "highest", name="olla_highest"),
        "illa": lambda w, state, k: OuterLoop(w.task, w.links, 0.0, name="illa"),
        "genie": lambda w, state, k: oracles.Genie(w),
        "genie_lp": lambda w, state, k: oracles.GenieLP(w, state),
        "genie_average": lambda w, state, k: oracles.AverageGenie(w),
    }
