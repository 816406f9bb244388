"""The scenario: promises, both backends beside each other, faults, and what is refused."""

import pytest

from scenarios.harmonia.config import HarmoniaConfig
from scenarios.harmonia.quorum_replica import QuorumReplica
from scenarios.harmonia.scenario import Harmonia
from sim.config import build
from sim.conformance import check_scenario, check_study
from sim.errors import UserError
from sim.registry import study_paths
from sim.scenario import Context

SMALL = {"requests": 3000, "objects": 1000, "clients": 30}
FAULTY = {
    "backend": "messages", "requests": 12_000, "objects": 300, "writes": 0.15, "clients": 40, "retry": 1e-3,
    "hardware": {"card": "rack-40g", "link": {"impairments": {"loss": 1e-3, "duplication": 1e-3, "jitter": 3e-6}}},
    "faults": {"switch_stops": 4e-3, "switch_returns": 4e-3, "server_stops": 18e-3},
}  # fmt: skip


def ran(seed=5, **settings):
    config = build(HarmoniaConfig, settings, border=False)
    return Harmonia().run(config, Context.alone(seed))


@pytest.mark.parametrize("backend", ["requests", "messages"])
def test_the_scenario_keeps_the_testbed_s_promises(backend):
    check_scenario("harmonia", SMALL | {"backend": backend})


@pytest.mark.parametrize("study", [name for name in study_paths() if name.startswith("harmonia/")])
def test_shipped_studies_name_what_exists(study):
    check_study(study)


@pytest.mark.parametrize(("protocol", "switch"), [
    ("chain", "plain"), ("chain", "harmonia"), ("primary_backup", "harmonia"), ("craq", "plain"),
])  # fmt: skip
def test_both_backends_find_the_same_throughput_and_latency(protocol, switch):
    setting = {"protocol": protocol, "switch": switch, "requests": 20_000, "clients": 300, "writes": 0.1}
    fast, slow = (ran(**setting, backend=backend).metrics for backend in ("requests", "messages"))
    assert slow["throughput"] == pytest.approx(fast["throughput"], rel=0.04)
    alone = setting | {"clients": 1, "requests": 4000}
    fast, slow = (ran(**alone, backend=backend).metrics for backend in ("requests", "messages"))
    assert slow["read_latency"] == pytest.approx(fast["read_latency"], rel=0.01)
    # message by message, replicas also send acknowledgements, behind which a write may wait
    assert slow["write_latency"] == pytest.approx(fast["write_latency"], rel=0.05)


@pytest.mark.parametrize("switch", ["plain", "harmonia"])
@pytest.mark.parametrize("protocol", ["primary_backup", "chain", "vr", "nopaxos"])
def test_every_answer_is_linearizable_through_loss_and_crashes(protocol, switch):
    found = ran(**FAULTY, protocol=protocol, switch=switch)
    assert {check.verdict for check in found.checks} == {"holds"}, found.checks
    assert found.metrics["operations"] == 12_000
    assert found.metrics["retried"] > 0
    assert found.metrics["outage"] >= 4e-3
    if switch == "harmonia":
        assert found.metrics["single"] > 0.3
        assert found.metrics["resumed"] < found.metrics["write_latency_p99"]


def test_jitter_makes_replicas_refuse_what_the_switch_let_through():
    hardware = {"card": "rack-40g", "link": {"impairments": {"jitter": 2e-5}}}
    setting = {"objects": 20, "writes": 0.3, "backend": "messages", "requests": 10_000, "clients": 40}
    found = ran(**setting, hardware=hardware)
    assert found.metrics["bounced"] > 0
    assert found.metrics["refused"] > 0
    assert {check.verdict for check in found.checks} == {"holds"}


def test_an_open_loop_answers_what_is_offered():
    for backend in ("requests", "messages"):
        found = ran(backend=backend, offered=3e5, requests=20_000, clients=2000)
        assert found.metrics["throughput"] == pytest.approx(3e5, rel=0.03)


def test_the_chip_decides_what_fits_and_how_long_it_takes():
    small, large = (ran(**SMALL, dirty_stages=stages).metrics for stages in (1, 6))
    assert (small["stages"], large["stages"]) == (4, 9)
    assert small["pipeline"] < large["pipeline"]
    with pytest.raises(UserError, match="needs 13 dependent stages; tofino1 has 12"):
        ran(**SMALL, dirty_stages=10)
    assert ran(**SMALL, dirty_stages=10, chip="tofino2").metrics["stages"] == 13


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"replicas": 0}, "replicas = 0: .*greater than or equal to 1"),
        ({"writes": 1.5}, "writes = 1.5: .*less than or equal to 1"),
        ({"dirty_slots": 1000}, "slots = 1000 is not a power of two"),
        ({"dirty_stages": 99}, "stages = 99 of the dirty set"),
        ({"skew": -1}, "skew = -1: .*greater than or equal to 0"),
        ({"lease": 0}, "lease = 0: .*greater than 0"),
        ({"protocol": "craq"}, "protocol = 'craq' is the rival in software; it needs switch = 'plain'"),
        ({"protocol": "vr"}, "protocol = 'vr' needs backend = 'messages'"),
        ({"protocol": "vr", "backend": "messages", "replicas": 4}, "replicas = 4; 'vr' needs an odd number"),
        ({"faults": {"switch_stops": 1.0}}, "faults need backend = 'messages'"),
        ({"faults": {"server": 3}, "backend": "messages"}, "faults.server = 3; servers are numbered 0 to 2"),
        (
            {"hardware": {"card": "rack-40g", "link": {"impairments": {"loss": 0.1}}}},
            "hardware.link.impairments need backend = 'messages'",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(settings, said):
    with pytest.raises(UserError, match=said) as refused:
        ran(**SMALL | settings)
    assert "\n" not in str(refused.value)


def test_a_replica_that_answers_behind_the_last_commit_is_noticed(monkeypatch):
    setting = {
        "backend": "messages", "protocol": "vr", "objects": 50, "requests": 20_000, "clients": 40, "writes": 0.2,
        "hardware": {"card": "rack-40g", "link": {"impairments": {"jitter": 20e-6}}},
    }  # fmt: skip
    assert ran(seed=2, **setting).checks[0].verdict == "holds"
    monkeypatch.setattr(QuorumReplica, "behind", lambda self, packet: "")
    linearizable = ran(seed=2, **setting).checks[0]
    assert (linearizable.name, linearizable.verdict) == ("linearizable", "fails")
