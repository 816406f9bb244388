"""Checkmate in the testbed: the contract, the studies, and the three answers."""

import json
from pathlib import Path
from typing import get_args

import pytest

from hardware_models.gpu import cards
from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.config import CheckmateConfig
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.portfolio import POLICIES
from scenarios.checkmate.scenario import Checkmate
from sim.config import build
from sim.conformance import check_card, check_scenario, check_study
from sim.errors import UserError
from sim.registry import study_paths
from sim.scenario import Context, Outcome

SMALL = {"network": "segnet", "batch": 8, "shape": [3, 96, 96]}


def run(**settings: object) -> Outcome:
    tree = SMALL | {"allocator": "exact"} | settings
    return Checkmate().run(build(CheckmateConfig, tree, border=False), Context.alone())


def card(**figures: object) -> dict[str, object]:
    return {"card": "v100", "driver_reserved": 0, "context_reserved": 0} | figures


def test_it_keeps_the_contract() -> None:
    check_scenario("checkmate", SMALL | {"hardware": {"card": "t4", "memory": "1900MiB"}})


@pytest.mark.parametrize("study", sorted(study_paths()))
def test_shipped_studies_keep_theirs(study: str) -> None:
    check_study(study)


@pytest.mark.parametrize("path", sorted(Path(cards.__file__).parent.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_cards_keep_theirs(path: Path) -> None:
    check_card(GpuCard, path)


def test_every_policy_has_a_solver() -> None:
    assert {*POLICIES, "exact"} == set(get_args(Policy))


def needs() -> tuple[int, int]:
    """(least memory, memory for keeping everything) of the small network, bytes."""
    whole = run(hardware=card())
    return int(whole.metrics["least_memory"] or 0), int(whole.metrics["keep_all_peak"] or 0)


def test_three_answers_are_never_confused() -> None:
    least, most = needs()
    impossible = run(hardware=card(memory=least - 1))
    assert impossible.answer == "infeasible"
    assert impossible.notes["least_memory"].split(": ")[1] in impossible.notes["answer"]
    assert "bytes" in impossible.notes["answer"]
    assert impossible.metrics.get("overhead") is None
    failing = run(hardware=card(memory=most - 1), policy="checkpoint_all")
    assert failing.answer == "not found"
    assert "wants" in failing.notes["out of memory"]
    tight = run(hardware=card(memory=(least + most) // 2))
    assert tight.answer == "feasible"
    assert 0 <= (tight.metrics["overhead_bound"] or 0) <= (tight.metrics["overhead"] or 0)
    assert tight.metrics["gap"] == pytest.approx(
        (1 + (tight.metrics["overhead"] or 0)) / (1 + (tight.metrics["overhead_bound"] or 0)) - 1, abs=1e-9
    )


def test_out_of_time_is_not_infeasible() -> None:
    least, most = needs()
    limited = run(hardware=card(memory=least + (most - least) // 20), policy="exact", time_limit=1e-3)
    assert limited.answer in ("feasible", "not found")


@pytest.mark.parametrize("policy", get_args(Policy))
def test_every_policy_answers_and_every_schedule_is_checked(policy: str) -> None:
    least, most = needs()
    found = run(hardware=card(memory=(least + 3 * most) // 4), policy=policy)
    assert found.answer in ("feasible", "not found")
    if found.answer == "feasible":
        assert {check.name: check.verdict for check in found.checks}["the interpreter accepts the schedule"] == "holds"
        assert (found.metrics["device_peak"] or 0) <= (least + 3 * most) // 4


def test_memory_curves_by_kind_add_up() -> None:
    series = run(hardware=card()).series["memory"]
    assert {"parameters", "inputs", "activation", "allocated", "reserved"} <= set(series.columns)
    assert (series.columns["reserved"] >= series.columns["allocated"]).all()


def test_fragmentation_costs_a_margin_or_is_the_reason() -> None:
    least, most = needs()
    tight = card(memory=least + (most - least) // 3)
    exact, caching = run(hardware=tight), run(hardware=tight, allocator="caching")
    assert exact.metrics["margin"] == 0.0
    assert exact.metrics["fragmentation"] == 0.0
    if caching.answer == "feasible":
        assert (caching.metrics["overhead"] or 0) >= (exact.metrics["overhead"] or 0)
        assert {check.verdict for check in caching.checks} == {"holds"}
    else:
        assert "fragmented" in caching.notes["answer"]
        assert "limit: fragmentation" in caching.notes["out of memory"]


def write(folder: Path, graph: object) -> str:
    path = folder / "g.json"
    path.write_text(json.dumps(graph))
    return str(path)


GRAPH = {
    "name": "two layers",
    "parameters": "4MiB",
    "loss": "loss",
    "nodes": [
        {"name": "a", "bytes": "8MiB", "cost": "2ms", "inputs": []},
        {"name": "loss", "bytes": 4, "cost": "10us", "inputs": ["a"]},
        {"name": "da", "bytes": "8MiB", "cost": "4ms", "inputs": ["loss", "a"], "backward": True},
    ],
}


def test_a_users_graph_runs_and_its_content_is_part_of_the_question(tmp_path: Path) -> None:
    name = write(tmp_path, GRAPH)
    first = build(CheckmateConfig, {"network": name})
    found = Checkmate().run(first, Context.alone())
    assert found.metrics["iteration_seconds"] == pytest.approx(6.01e-3)
    write(tmp_path, GRAPH | {"parameters": "8MiB"})
    assert build(CheckmateConfig, {"network": name}).source != first.source


def test_networks_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no network is called 'resnet5'; did you mean resnet50"):
        build(CheckmateConfig, {"network": "resnet5"})
    with pytest.raises(UserError, match="cannot be read"):
        build(CheckmateConfig, {"network": str(tmp_path / "none.json")})
    wrong = build(CheckmateConfig, {"network": write(tmp_path, GRAPH | {"loss": "none"})})
    with pytest.raises(UserError, match="loss"):
        Checkmate().run(wrong, Context.alone())


def test_offloading_is_an_answer_too() -> None:
    least, most = needs()
    tight = card(memory=least + (most - least) // 3, host_link={"bandwidth": "12GB/s", "latency": "10us"})
    mixed = run(hardware=tight, policy="offload_and_recompute")
    alone = run(hardware=tight, policy="offload")
    recomputing = run(hardware=tight, policy="portfolio")
    assert all(check.verdict == "holds" for check in mixed.checks + alone.checks)
    assert (alone.metrics["copied"] or 0) > 0
    assert (mixed.metrics["overhead"] or 0) <= min(alone.metrics["overhead"] or 0, recomputing.metrics["overhead"] or 0)
    assert alone.metrics["iteration_seconds"] == pytest.approx(alone.series["memory"].columns["time"][-1])
    cut = run(hardware=tight | {"host_link": {"bandwidth": "0B/s", "latency": 0}}, policy="offload")
    assert cut.answer == "not found"
    assert "no way to the host" in cut.notes["answer"]
    with pytest.raises(UserError, match="roofline"):
        run(hardware=tight, policy="offload", cost="flops")


def test_a_static_layout_needs_next_to_no_margin() -> None:
    least, most = needs()
    planned = run(hardware=card(memory=least + (most - least) // 2), allocator="static")
    assert planned.answer == "feasible"
    assert planned.metrics["margin"] <= 0.01
    assert planned.metrics["static_height"] <= 1.03 * planned.metrics["peak_allocated"]
    assert planned.metrics["peak_reserved"] <= planned.metrics["capacity"]


def test_goals_are_reached_and_certified() -> None:
    paper = {"granularity": "paper", "cost": "flops", "network": "vgg19", "shape": None}
    device = card(memory=16_000_000_000)
    largest = run(hardware=device, goal="largest_batch", **paper)
    assert largest.metrics["batch"] == largest.metrics["batch_bound"] == 289
    assert run(hardware=device, goal="largest_batch", policy="checkpoint_all", **paper).metrics["batch"] == 222
    smallest = run(hardware=device, goal="smallest_budget", **paper)
    assert smallest.metrics["budget"] + 2 * 4 * 143_667_240 == smallest.metrics["least_memory"]
    loose = run(hardware=device, goal="smallest_budget", most_overhead=0, **paper)
    assert smallest.metrics["budget"] < loose.metrics["budget"] <= loose.metrics["keep_all_peak"]
    with pytest.raises(UserError, match="not even one sample"):
        run(hardware=card(memory="1200MB"), goal="largest_batch", **paper)
    with pytest.raises(UserError, match="no graph called 'gpt2'"):
        run(granularity="paper", network="gpt2", shape=None)


def test_the_largest_batch_of_a_traced_network_is_its_largest() -> None:
    device = card(memory="400MB")
    largest = run(hardware=device, goal="largest_batch")
    found = int(largest.metrics["batch"] or 0)
    assert 8 < found <= (largest.metrics["batch_bound"] or 0)
    assert run(hardware=device, batch=found).answer == "feasible"


def test_the_largest_batch_needs_a_network_that_has_batches(tmp_path: Path) -> None:
    graph = tmp_path / "mine.json"
    graph.write_text("{}")
    with pytest.raises(UserError, match="one batch only"):
        run(network=str(graph), shape=None, goal="largest_batch")
