"""Rate selection as a decision problem for `windtunnel judge`: is learning the rates worth it on a radio link?

An instance is a kind of link (mean SNR and speed), an episode one such link for `SLOTS` slots. A step is a slot, its
decision the quality report that is shown (a table "at report q send rate k" is a plan); seen are the report and the
acknowledgement that came in last. The value prices the constraint, as the scenario's own score does:

    mean over slots of (rate * success + price * (success - eta)) / rate of the average-constraint genie

with true success probabilities, and target 1 - eta and dual price of that kind of link (`_known`). The oracle takes
the best priced rate of every slot at the slot's own SNR, which no transmitter knows: a bound.

The judged method is the paper's constrained Thompson sampling. It goes on learning from episode to episode, and within
the episodes in which it is scored.
"""

from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.link import Channel
from scenarios.con_ts.average import Best
from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policies import Knobs, PolicyName, make
from scenarios.con_ts.policy import ACK, LOST, NACK, Feedback, Policy, Task
from scenarios.con_ts.radio import Radio
from scenarios.con_ts.tuning import STEPS, best_step
from sim import lanes
from sim.judge.methods import Method, Setting
from sim.judge.methods.given import Given
from sim.judge.play import Trajectory
from sim.judge.problem import Instance, Plan, Problem, Rule, Situation, Split, mistaken
from sim.rng import Stream, Streams

#: Slots of an episode.
SLOTS = 1000
#: Links, of an episode's length, from which target and price of a kind are worked out.
_MANY = 200
#: Links and slots on which the outer loop's step is tuned, as in the scenario.
_TUNING_LINKS, _TUNING_SLOTS = 20, 1000
#: What is seen before anything was heard.
_NOTHING = (-1.0, float(LOST))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of link: mean SNR (dB), fading rate (cycles per slot), age of its quality reports (slots)."""

    snr: float
    doppler: float
    age: int

    def card(self) -> WirelessCard:
        """The link's card."""
        return _card(self)


@cache
def _card(kind: Kind) -> WirelessCard:
    figures = {"mean_snr": kind.snr, "doppler": kind.doppler, "cqi": {"delay": kind.age}}
    return WirelessCard.model_validate({"card": "lte-6prb", **figures}, context={"border": False})


#: The authors' fading set-up; 3 dB less; reports 16 slots old; and SNRs and fading rates that are both new.
KINDS: Mapping[Split, tuple[Kind, ...]] = {
    "train": (Kind(5.0, 0.01, 0), Kind(10.0, 0.01, 0), Kind(15.0, 0.01, 0)),
    "shifted": (Kind(2.0, 0.01, 0), Kind(7.0, 0.01, 0), Kind(12.0, 0.01, 0)),
    "what_if": (Kind(5.0, 0.01, 16), Kind(10.0, 0.01, 16), Kind(15.0, 0.01, 16)),
    "held_out": (Kind(8.0, 0.05, 0), Kind(13.0, 0.05, 0)),
}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One link: reports, true success of every arm (slots, arms), draws, and which acknowledgements are lost."""

    cqi: Arms
    success: Floats
    draws: tuple[float, ...]
    lost: tuple[bool, ...]


@cache
def _known(kind: Kind) -> tuple[BlockErrorModel, Task, Best]:
    """What holds for all links of a kind: block errors, what a policy is told, and the priced optimum.

    The target lies half way between the block errors of the most robust rate and those of the best rate without a
    constraint, so that the constraint binds and can be kept.
    """

    def link(target: float) -> Radio:
        return Radio(kind.card(), target, Streams(0, "con_ts problem", 0), _MANY, SLOTS)

    free = link(1.0).best
    kept = link(0.5 * (free.least_errors + free.errors))
    return BlockErrorModel.of(kind.card()), kept.task, kept.best


@lru_cache(maxsize=256)
def _drawn(kind: Kind, number: int) -> _Drawn:
    card, (errors, _, _) = kind.card(), _known(kind)
    streams = Streams(number, "con_ts problem", 1)
    snr = Channel(card, streams, 1, SLOTS).snr_db(0, SLOTS)
    cqi = CqiReporter(card, errors, streams, 1).report(snr)[:, 0]
    return _Drawn(
        cqi.astype(np.int64),
        1.0 - errors.error_rate(snr[:, 0]),
        tuple(streams("decode", 0).generator.random(SLOTS).tolist()),
        tuple((streams("ack loss", 0).generator.random(SLOTS) < card.ack.loss).tolist()),
    )


@dataclass(frozen=True, slots=True)
class LinkInstance:
    """A kind of link as an instance of the problem."""

    name: str
    family: str
    features: tuple[float, ...]
    kind: Kind

    def start(self, workload: Stream) -> "_LinkEpisode":
        """A fresh link."""
        return _LinkEpisode(self.kind, _drawn(self.kind, int(workload.generator.integers(2**31))))

    def evaluate(self, plan: Plan, workload: Stream) -> float:
        """The value of a table of rates, all slots at once."""
        _, task, best = _known(self.kind)
        drawn = _drawn(self.kind, int(workload.generator.integers(2**31)))
        arms = np.array(plan)[drawn.cqi]
        success = drawn.success[np.arange(SLOTS), arms]
        gained = task.rates[arms] * success + best.price * (success - task.eta)
        return float(gained.mean() / best.rate)

    def oracle(self, workload: Stream) -> float:
        """The best priced rate of every slot at that slot's SNR: no transmitter gets more."""
        _, task, best = _known(self.kind)
        drawn = _drawn(self.kind, int(workload.generator.integers(2**31)))
        gained = ((task.rates + best.price) * drawn.success).max(axis=1) - best.price * task.eta
        return float(gained.mean() / best.rate)


class _LinkEpisode:
    """Slots; the acknowledgement of each comes the card's delay later, or never."""

    def __init__(self, kind: Kind, drawn: _Drawn) -> None:
        _, self._task, self._best = _known(kind)
        self._drawn, self._slot, self._sum = drawn, 0, 0.0
        self._flying: deque[tuple[float, float]] = deque([_NOTHING] * kind.card().ack.delay)
        self._heard = _NOTHING

    def situation(self) -> Situation | None:
        """The report is the decision; the report and what was heard last (arm, outcome) are seen."""
        if self._slot == SLOTS:
            return None
        cqi = int(self._drawn.cqi[self._slot])
        return Situation(self._slot, cqi, (float(cqi), *self._heard))

    def step(self, arm: int) -> float:
        """Send one block; rewarded as it came through."""
        slot = self._slot
        chance = float(self._drawn.success[slot, arm])
        came = self._drawn.draws[slot] >= 1.0 - chance
        self._flying.append((float(arm), float(LOST if self._drawn.lost[slot] else ACK if came else NACK)))
        self._heard = self._flying.popleft()
        self._slot += 1
        self._sum += self._priced(arm, chance)
        return self._priced(arm, float(came))

    def value(self) -> float:
        """The priced rate by true success probabilities, over the genie's rate."""
        return self._sum

    def _priced(self, arm: int, success: float) -> float:
        rate, price = float(self._task.rates[arm]), self._best.price
        return (rate * success + price * (success - self._task.eta)) / self._best.rate / SLOTS


class _Transmitter:
    """A policy of the scenario as a rule. It keeps its own list of what it has sent, and of which report it went by."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sent: deque[tuple[int, int]] = deque()

    def __call__(self, situation: Situation) -> int:
        _, came_back, outcome = situation.seen
        if came_back >= 0.0:
            context, arm = self._sent.popleft()
            heard = np.array([round(outcome)], np.int8)
            self._policy.update(Feedback(np.array([context]), np.array([arm]), heard))
        chosen = int(self._policy.act(np.array([situation.decision]))[0])
        self._sent.append((situation.decision, chosen))
        return chosen


def misread(situation: Situation, share: float, stream: Stream) -> Situation:
    """A quality report that is taken for its neighbour: the one thing seen that is measured.

    What was sent the transmitter knows, and an acknowledgement comes or does not.
    """
    report = mistaken(situation.decision, len(PROBLEM.arms), share, stream)
    return replace(situation, decision=report, seen=(float(report), *situation.seen[1:]))


def _policy(name: PolicyName, kind: Kind, seed: int, knobs: Knobs) -> Policy:
    world = Radio(kind.card(), _known(kind)[1].target, Streams(0, "con_ts problem", 0), 1, 1)
    return make(name, world, lanes.seed(Streams(seed, "con_ts problem", 0), "policy", range(1)), knobs)


class _Lasting:
    """An agent whose policy goes on learning from one episode of an instance to the next."""

    def __init__(self, setting: Setting, name: PolicyName) -> None:
        self._name, self._seed = name, int(setting.stream.generator.integers(2**31))
        self._policies: dict[str, Policy] = {}

    def ask(self, instance: Instance) -> Rule:
        """The policy, as it stands."""
        return _Transmitter(self._of(instance))

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """It has heard already."""

    def best(self, instance: Instance) -> Rule:
        """A copy, which goes on learning by itself."""
        return _Transmitter(deepcopy(self._of(instance)))

    def _of(self, instance: Instance) -> Policy:
        if instance.name not in self._policies:
            assert isinstance(instance, LinkInstance)
            self._policies[instance.name] = _policy(self._name, instance.kind, self._seed, Knobs())
        return self._policies[instance.name]


def con_ts(setting: Setting) -> _Lasting:
    """The paper's constrained Thompson sampling, from uniform priors."""
    return _Lasting(setting, "con_ts")


def con_ts_informed(setting: Setting) -> _Lasting:
    """The same from the offline table."""
    return _Lasting(setting, "con_ts_informed")


def thompson(setting: Setting) -> _Lasting:
    """Thompson sampling that knows of no constraint."""
    return _Lasting(setting, "ts")


def foresight(setting: Setting) -> Given:
    """The scenario's own filter, which looks ahead with the offline table."""
    return Given(_fresh("foresight"))


def _fresh(name: PolicyName) -> Callable[[Instance], Rule]:
    """A policy that starts anew with every episode."""

    def rule(instance: Instance) -> Rule:
        assert isinstance(instance, LinkInstance)
        knobs = Knobs(olla_step=_step(instance.kind)) if name == "olla_tuned" else Knobs()
        return _Transmitter(deepcopy(_made(name, instance.kind, knobs)))

    return rule


@cache
def _made(name: PolicyName, kind: Kind, knobs: Knobs) -> Policy:
    return _policy(name, kind, 0, knobs)


@cache
def _step(kind: Kind) -> float:
    """The outer loop's best step, on links of their own."""
    apart = Streams(0, "con_ts problem tuning", 0)
    return best_step(lambda: Radio(kind.card(), _known(kind)[1].target, apart, _TUNING_LINKS, _TUNING_SLOTS))


def instances(split: Split) -> list[LinkInstance]:
    """The links of a split."""
    return [
        LinkInstance(
            f"{kind.snr:g} dB, {kind.doppler:g} cycles per slot, reports {kind.age} slots old",
            f"{kind.doppler:g} cycles per slot",
            (kind.snr, kind.doppler, float(kind.age)),
            kind,
        )
        for kind in KINDS[split]
    ]


_CARD = Kind(10.0, 0.01, 0).card()
PROBLEM = Problem(
    name="con_ts",
    question="Is it worth learning which rate keeps a link's constraint?",
    arms=(len(_CARD.table.bits),) * _CARD.cqi.levels,
    horizon=SLOTS,
    better="higher",
    instances=instances,
    oracle="bound",
    rewards="each step",
    stochastic=True,
    workloads=4,
    budget=20,
    candidate="con_ts",
    methods={
        "con_ts": Method("learned", con_ts, "the paper's constrained Thompson sampling, uniform priors"),
        "con_ts_informed": Method("learned", con_ts_informed, "the same from the offline table"),
        "ts": Method("learned", thompson, "Thompson sampling without the constraint"),
        "heuristic": Method(
            "given", "given:heuristic", "the outer loop, its step tuned on links of their own", reusable=True,
            trains=False, tuning=len(STEPS) * _TUNING_LINKS,
        ),
        "foresight": Method("given", foresight, "a filter that looks ahead", reusable=True, trains=False),
    },
    default=_fresh("olla"),
    heuristic=_fresh("olla_tuned"),
    misread=misread,
    lifetime_uses=1e6,
    decision_interval=_CARD.slot,
)  # fmt: skip
