import json
import shutil
from pathlib import Path

import pytest
from command import PLUGIN, Windtunnel

from sim.conformance import check_problem
from sim.judge.plan import Tag, learn_jobs, question, ruler_job
from sim.registry import installed

FEW = ("--against", "random", "greedy_factored", "default", "--repeat", "2", "--workers", "0")


@pytest.mark.parametrize("name", sorted(installed("windtunnel.problems")))
def test_problems_pass_the_conformance_suite(name: str) -> None:
    check_problem(name, plans=3)


def test_a_problem_of_a_package_outside_is_small_and_judged(windtunnel: Windtunnel, tmp_path: Path) -> None:
    assert len((PLUGIN / "outside/tune.py").read_text().splitlines()) <= 50
    check_problem("outside.tune:PROBLEM")
    done = windtunnel("judge", "outside.tune:PROBLEM", *FEW)
    assert done.returncode == 1, done.stderr  # a plan of two choices needs no reinforcement learning
    assert "use_" in done.stdout
    card = json.loads((tmp_path / "windtunnel-results/judge-tape_tuning-q_learning.json").read_bytes())
    assert card["oracle_kind"] == "exact"
    assert card["judge"]["verdict"].startswith("use_")
    assert card["judge"]["A18_reproduced"] is True
    assert {"random", "greedy_factored", "default", "q_learning"} == set(card["methods"])
    for told in card["methods"].values():
        assert told["A2_iqm"] <= 1.0
    assert {told["evaluations"] for name, told in card["methods"].items() if name != "default"} == {12.0 * 3}
    page = (tmp_path / "windtunnel-results/judge-tape_tuning-q_learning.html").read_text()
    assert "Is q_learning worth it in tape_tuning?" in page


def test_runs_are_kept_and_independent_of_workers(windtunnel: Windtunnel, tmp_path: Path) -> None:
    told = ("judge", "deceptive", "--against", "random", "genetic", "--repeat", "2", "--budget", "20", "--json")
    first = windtunnel(*told, "--workers", "2")
    results = tmp_path / "windtunnel-results"
    before = (results / "records.db").stat().st_mtime_ns
    again = windtunnel(*told, "--workers", "0")
    assert (results / "records.db").stat().st_mtime_ns == before  # nothing was made again
    shutil.rmtree(results)
    alone = windtunnel(*told, "--workers", "0")

    def simulated(text: str) -> dict:
        card = json.loads(text)
        for told in card["methods"].values():
            del told["agent_seconds"], told["simulator_seconds"]
        return {part: card[part] for part in ("structure", "methods", "flags")}

    assert simulated(first.stdout) == simulated(again.stdout) == simulated(alone.stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("judge", "delayd"), "did you mean delayed"),
        (("judge", "delayed", "--method", "q_lerning"), "did you mean q_learning"),
        (("judge", "delayed", "--against", "rnadom"), "did you mean random"),
        (("judge", "delayed", "--against", "q_learning"), "at least one method that is not learned"),
        (("judge", "delayed", "--repeat", "-1"), "must be 1 or more"),
        (("judge", "planted", "--method", "ppo"), "leave --method out"),
        (("judge", "sim.judge.planted:RIGHT"), "is no sim.judge.problem.Problem"),
    ],
)
def test_bad_input_is_one_sentence(windtunnel: Windtunnel, arguments: tuple[str, ...], words: str) -> None:
    done = windtunnel(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_keys_depend_on_the_code_of_problem_and_method_and_on_nothing_else() -> None:
    asked = question("deceptive", against=("random", "genetic"), seeds=2)
    jobs = learn_jobs(asked)
    assert jobs[Tag("random", "", 0)].config["code"] != jobs[Tag("genetic", "", 0)].config["code"]
    assert len({job.key for job in jobs.values()}) == len(jobs)
    assert {tag: job.key for tag, job in learn_jobs(asked).items()} == {tag: job.key for tag, job in jobs.items()}
    more = learn_jobs(question("deceptive", against=("random", "genetic", "bandit"), seeds=3))
    assert all(more[tag].key == job.key for tag, job in jobs.items())
    assert ruler_job(asked).key == ruler_job(question("deceptive", budget=7)).key


def test_hyper_parameters_late_rewards_and_unseen_instances_are_extra_runs() -> None:
    variants = {
        tag.variant for tag in learn_jobs(question("delayed", against=("random", "greedy_sequential"), seeds=1))
    }
    assert variants == {
        "", "epsilon x 0.5", "epsilon x 2", "decay x 0.5", "decay x 2", "gamma = 0", "rewards 3 late", "held_out",
    }  # fmt: skip


def test_help_stays_light(windtunnel: Windtunnel) -> None:
    done = windtunnel("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"sklearn", "optuna", "cma", "stable_baselines3", "torch", "scipy", "sim.judge.methods"}
