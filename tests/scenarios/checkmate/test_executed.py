"""A run that executes its schedule: measured figures beside simulated ones, and the same record every time."""

from pathlib import Path

import numpy as np
import pytest

from scenarios.checkmate.config import EXECUTED, CheckmateConfig
from scenarios.checkmate.profile import measure, read_profile
from scenarios.checkmate.scenario import Checkmate
from sim.card import write_card
from sim.config import build
from sim.errors import UserError
from sim.scenario import Context, Outcome

NETWORK = {"network": "segnet", "batch": 4, "shape": [3, 64, 64]}
CARD = {"card": "cpu-core", "memory": "38MiB"}


def run(**settings: object) -> Outcome:
    tree = NETWORK | {"hardware": CARD, "allocator": "exact"} | settings
    return Checkmate().run(build(CheckmateConfig, tree), Context.alone())


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("profile") / "mobilenet.toml"
    settings = {**NETWORK, "repeats": 2}
    write_card(measure(settings, lambda fraction, doing: None), path)
    return str(path)


def test_an_executed_run_measures_what_it_simulates(profile: str) -> None:
    found = run(execute=True, cost="profile", profile=profile, hardware=CARD | {"memory": "42MiB"})
    assert found.answer == "feasible"
    assert {check.name: check.verdict for check in found.checks}[
        "gradients equal plain training's bit for bit"
    ] == "holds"
    assert (found.metrics["recomputed"] or 0) > 0
    simulated, counted, taken = (found.metrics[name] or 0 for name in ("device_peak", "measured_live", "measured_peak"))
    assert counted <= simulated * 1.001
    assert taken == pytest.approx(simulated, rel=0.07)
    assert taken == pytest.approx(found.metrics["peak_with_workspaces"], rel=0.05)
    assert (found.metrics["timeline_correlation"] or 0) > 0.99
    assert not set(EXECUTED) & set(found.notes)


def test_a_real_profile_times_every_operator(profile: str) -> None:
    read = read_profile(Path(profile))
    assert len(read.operators) > 50
    assert (read.seconds_of > 0).all()
    assert np.isfinite(read.spreads).all()
    assert 0 < read.workspaces.max() < 1 << 26


def test_without_execution_the_reason_is_said() -> None:
    found = run(hardware=CARD | {"memory": "1GiB"})
    assert {found.notes[name] for name in EXECUTED} == {"not executed; execute = true does"}
    unfit = run(hardware=CARD | {"memory": "20MiB"}, execute=True)
    assert unfit.answer == "infeasible"
    assert {unfit.notes[name] for name in EXECUTED} == {unfit.notes["answer"]}


def test_a_profile_and_its_cost_mode_go_together(profile: str, tmp_path: Path) -> None:
    config = build(CheckmateConfig, NETWORK | {"cost": "profile", "profile": profile})
    assert config.source
    for wrong in ({"cost": "profile"}, {"profile": profile}):
        with pytest.raises(UserError, match="go together"):
            build(CheckmateConfig, NETWORK | wrong)
    with pytest.raises(UserError, match=r"profile file none\.toml cannot be read"):
        build(CheckmateConfig, {"cost": "profile", "profile": "none.toml"})
    with pytest.raises(UserError, match="taken of another graph"):
        run(batch=3, cost="profile", profile=profile)


def test_a_graph_file_cannot_be_executed(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text("{}")
    with pytest.raises(UserError, match=r"execute = true needs a network of PyTorch; .*g\.json is a graph file"):
        run(network=str(tmp_path / "g.json"), shape=None, execute=True)


def test_shapes_can_be_typed() -> None:
    assert build(CheckmateConfig, {"shape": "3,64,64"}).shape == (3, 64, 64)
    assert build(CheckmateConfig, {"shape": "[3, 64, 64]"}).shape == (3, 64, 64)
    with pytest.raises(UserError, match="shape"):
        build(CheckmateConfig, {"shape": "3,x"})
