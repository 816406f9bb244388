import pytest
from compilers import needs_clang

from hardware_models.simd import clang
from scenarios.neurovectorizer.answer import WITHOUT_CLANG
from scenarios.neurovectorizer.config import NeuroVectorizerConfig
from scenarios.neurovectorizer.scenario import NeuroVectorizer
from sim.conformance import check_scenario
from sim.scenario import Context


def test_it_keeps_the_contract() -> None:
    check_scenario("neurovectorizer", {"count": 3, "policy": "tree", "train": 26})


@pytest.mark.parametrize("kind", ["judging", "dependence", "held_out"])
def test_the_model_is_near_its_own_brute_force(kind: str) -> None:
    outcome = NeuroVectorizer().run(NeuroVectorizerConfig(count=6, loops=kind), Context.alone())  # type: ignore[arg-type]
    assert outcome.metrics["regret"] < 1.03  # type: ignore[operator]
    assert "real_regret" not in outcome.metrics or outcome.metrics["real_regret"] is None
    assert all(check.verdict == "holds" for check in outcome.checks)


def test_more_tries_are_never_worse() -> None:
    def regret(tries: int) -> float:
        config = NeuroVectorizerConfig(count=10, policy="random", tries=tries)
        found = NeuroVectorizer().run(config, Context.alone()).metrics["regret"]
        assert found is not None
        return found

    assert regret(1) >= regret(5) >= regret(36) == 1.0


def test_without_clang_it_runs_on_the_model_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clang, "have", lambda: False)
    config = NeuroVectorizerConfig(count=3, policy="default", truth="measured")
    outcome = NeuroVectorizer().run(config, Context.alone())
    assert outcome.metrics["regret"] >= 1.0  # type: ignore[operator]
    assert outcome.notes["real_regret"] == WITHOUT_CLANG


@needs_clang
def test_polly_is_timed_where_it_is_asked_for() -> None:
    config = NeuroVectorizerConfig(count=1, loops="polybench", truth="measured", polly=True, processes=2, trip=64)
    found = NeuroVectorizer().run(config, Context.alone())
    assert found.metrics["polly_speedup"] > 0.0  # type: ignore[operator]
    assert found.series["loops"].columns["polly_speedup"].shape == (1,)
    without = NeuroVectorizer().run(config.model_copy(update={"polly": False}), Context.alone())
    assert without.notes["polly_speedup"] == "only with polly = true"
