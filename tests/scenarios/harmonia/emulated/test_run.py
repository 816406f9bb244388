"""`backend=mininet`: simulated and emulated side by side, as a run of the scenario."""

import os

import orjson
import pytest
from emulated_needs import emulated

from scenarios.harmonia.config import HarmoniaConfig
from scenarios.harmonia.emulated.calibrate import measure
from scenarios.harmonia.scenario import Harmonia
from sim.config import build
from sim.errors import UserError
from sim.scenario import Context


def run(**given):
    return Harmonia().run(build(HarmoniaConfig, {"backend": "mininet", **given}), Context.alone(1, "harmonia"))


@emulated
def test_a_run_has_both_and_their_distance_and_the_simulated_part_is_the_same_every_time():
    rates = {"read_rate": "900Hz", "write_rate": "900Hz"}
    asked = {"requests": 1200, "clients": 9, "hardware": {"server": rates}}
    outcomes = [run(**asked), run(**asked)]
    for outcome in outcomes:
        verdicts = {check.name: check.verdict for check in outcome.checks}
        assert verdicts["emulated history is linearizable"] == "holds"
        assert verdicts["all emulated requests are answered"] == "holds"
        metrics = outcome.metrics
        assert metrics["emulated_throughput"] > 0
        assert metrics["throughput_error"] == pytest.approx(metrics["throughput"] / metrics["emulated_throughput"] - 1)
        assert 0 <= metrics["machine_busy"] <= 1
        assert metrics["emulated_operations"] >= 1200
        assert "emulated latency" in outcome.series
    labels = {metric.name: metric.label for metric in Harmonia.metrics}
    simulated = [name for name, label in labels.items() if label in ("simulated", "counted", "modelled")]
    assert [outcomes[0].metrics[name] for name in simulated] == [outcomes[1].metrics[name] for name in simulated]


@emulated
def test_open_loops_and_plain_switches_run_too():
    outcome = run(requests=600, clients=6, offered="300Hz", switch="plain", writes=0.0)
    assert outcome.metrics["emulated_throughput"] == pytest.approx(300, rel=0.25)
    assert outcome.metrics["emulated_single"] is None


@emulated
def test_a_card_of_this_machine_is_measured():
    card = measure({"read_rate": "2kHz", "write_rate": "1kHz", "duration": "500ms"}, lambda share, doing: None)
    assert card.figures["host.latency"].confidence == "measured"
    hardware = build(HarmoniaConfig, {"hardware": card.values()}, border=True).hardware
    assert 1000.0 < hardware.server.read_rate < 2100.0  # the limit; a busy machine keeps processes from reaching it
    assert 1e-6 < hardware.host.latency < 0.1
    with pytest.raises(UserError, match="read_rat"):
        measure({"read_rat": "2kHz"}, lambda share, doing: None)


def test_a_lease_that_processes_cannot_renew_in_time_is_refused():
    with pytest.raises(UserError, match=r"lease = 0.1 s; .* renewed every 0.1 s and must be longer"):
        build(HarmoniaConfig, {"backend": "mininet", "lease": "100ms"}, border=True)


def test_what_processes_cannot_carry_is_refused_in_one_sentence():
    with pytest.raises(UserError, match="more than processes on one machine can carry"):
        run(hardware="rack-40g", lease="1s", retry="2ms", requests=2000)
    with pytest.raises(UserError, match="600 s are allowed"):
        run(requests=13_000, clients=1, replicas=1, switch="plain", hardware={"server": {"read_rate": "20Hz"}})


@pytest.mark.skipif(os.geteuid() == 0, reason="this is for those who are not root")
def test_without_root_a_run_is_refused_with_what_is_missing():
    with pytest.raises(UserError, match="emulation needs root"):
        run(requests=500)


@emulated
def test_the_command_runs_and_tells(windtunnel):
    done = windtunnel("run", "harmonia", "--set", "backend=mininet", "requests=500", "clients=6", "--json")
    assert done.returncode == 0, done.stderr
    record = orjson.loads(done.stdout)
    assert record["metrics"]["emulated_throughput"]["label"] == "emulated"
