"""A profile is a card: measured, written, read back, and refused for another graph."""

from pathlib import Path

import pytest

from scenarios.checkmate import profile as profiles
from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.child import Measurement, Request
from scenarios.checkmate.graph import Graph, Operator, Value
from scenarios.checkmate.measurement import Timing, Weight
from scenarios.checkmate.profile import Profile, measure, read_profile
from sim.card import write_card
from sim.errors import UserError

SMALL = {"network": "segnet", "batch": "1", "shape": "3,32,32", "repeats": "1"}


def two() -> Graph:
    """Two operators whose names nest in each other."""
    operators = (Operator("a.conv", (), (0,), flops=1.0), Operator("a.conv.relu#2", (0,), (1,), flops=1.0))
    return Graph("two", operators, (Value("x", 8), Value("y", 8)), frozenset({1}))


TIMING = Timing([1e-3, 2.5e-6], [0.1, 0.02], [1e-3])


def test_it_survives_its_file(tmp_path: Path) -> None:
    profile = Profile.of("two, here", two(), TIMING, Weight("", [8, 16], [8 + (1 << 20), 16]))
    write_card(profile.card(), tmp_path / "two.toml")
    again = read_profile(tmp_path / "two.toml")
    assert again.operators == profile.operators == ("a.conv", "a.conv.relu#2")
    assert again.seconds(two()).tolist() == pytest.approx(TIMING.steps)
    assert again.spreads.tolist() == TIMING.spreads
    assert again.workspaces.tolist() == [1 << 20, 0]
    assert [operator.workspace for operator in again.with_workspaces(two()).operators] == [1 << 20, 0]


def test_it_is_refused_for_another_graph() -> None:
    profile = Profile.of("two, here", two(), TIMING)
    other = Graph("other", two().operators, (Value("x", 16), Value("y", 8)), frozenset({1}))
    assert profile.seconds(Graph("renamed", two().operators, two().values, frozenset({1}))).tolist() == TIMING.steps
    for use in (profile.seconds, profile.with_workspaces):
        with pytest.raises(UserError, match="taken of another graph than other with 2 operators"):
            use(other)


def test_another_card_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "gpu.toml").write_text('kind = "gpu"\n')
    with pytest.raises(UserError, match="is a gpu card, not a profile"):
        read_profile(tmp_path / "gpu.toml")


def test_one_command_asks_for_every_operator_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    asked: list[Request] = []
    graph = capture_network("segnet", 1, (3, 32, 32)).graph
    count = len(graph.operators)

    def measured(request: Request) -> list[Measurement]:  # `test_executed` runs the real one
        asked.append(request)
        return [Measurement(Weight("", [8] * count, [8] * count), Timing([1e-3] * count, [0.1] * count, [1.0]))]

    monkeypatch.setattr(profiles, "measured", measured)
    card = measure(SMALL, lambda fraction, doing: said.append(doing))
    write_card(card, tmp_path / "here.toml")
    profile = read_profile(tmp_path / "here.toml")
    assert profile.seconds(graph).tolist() == [1e-3] * count
    assert asked == [Request("segnet", 1, (3, 32, 32), [tuple(range(count))], 1)]
    assert said == ["tracing segnet", "running segnet"]
    assert card.title == "segnet, batch 1 of 3 x 32 x 32, on cpu, threads: 1"


def test_settings_it_does_not_know() -> None:
    with pytest.raises(UserError, match="no setting is called 'batches'; did you mean batch"):
        measure({"batches": 1}, lambda fraction, doing: None)
