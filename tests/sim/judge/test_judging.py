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


def test_rivals_that_crash_are_listed_and_not_beaten(windtunnel: Windtunnel, tmp_path: Path) -> None:
    """Q-learning beats what ran, uniform plans; what did not run is not beaten, so the judge does not say yes."""
    fragile = ("judge", "outside.fragile:PROBLEM", "--repeat", "2", "--workers", "1", "--against", "fine")
    assert windtunnel(*fragile).returncode == 0
    done = windtunnel(*fragile, "raising", "aborting", "--json")
    assert done.returncode == 3, done.stderr
    card = json.loads(done.stdout)
    assert card["crashed"] == {
        "raising": "RuntimeError: no such table (2 of 2 runs)",
        "aborting": "the worker ended with signal SIGABRT, 3 times (2 of 2 runs)",
    }
    assert set(card["methods"]) == {"fine", "q_learning"}
    assert (card["judge"]["verdict"], card["judge"]["more_seeds"]) == ("inconclusive", 0)
    assert "raising did not: RuntimeError: no such table" in card["judge"]["reasons"][-1]
    assert "some_crashed" in card["flags"]
    page = (tmp_path / "windtunnel-results/judge-fragile-q_learning.html").read_text()
    assert "crashed: the worker ended with signal SIGABRT, 3 times" in page
    assert "a baseline that crashed is not beaten" in page


@pytest.mark.parametrize(
    ("reference", "method", "words"),
    [
        ("HOPELESS", "q_learning", "no cheap method is left to hold q_learning in fragile against"),
        ("PROBLEM", "raising", "raising in fragile did not end well: RuntimeError: no such table"),
    ],
)
def test_without_candidate_or_rivals_there_is_no_verdict(windtunnel, reference, method, words) -> None:
    rivals = ("raising", "aborting") if reference == "HOPELESS" else ("fine",)
    told = ("judge", f"outside.fragile:{reference}", "--method", method, "--repeat", "1", "--workers", "1")
    done = windtunnel(*told, "--budget", "5", "--against", *rivals)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_every_metric_is_a_number_or_says_why_it_is_none(windtunnel: Windtunnel) -> None:
    """A1 to A18, whatever the problem: one where all apply but a real thing, and one where nothing is to be gained."""
    for problem in ("delayed", "flat"):
        told = ("judge", problem, "--against", "random", "greedy_sequential", "heuristic", "--repeat", "2")
        rivals = told if problem == "delayed" else told[:-3] + told[-2:]
        card = json.loads(windtunnel(*rivals, "--budget", "20", "--workers", "0", "--json").stdout)
        metrics = card["structure"] | card["judge"]
        for name, method in card["methods"].items():
            metrics |= {key: value for key, value in method.items() if f"{name} {key}" not in card["notes"]}
        for name, value in metrics["A9_robust"].items() if problem == "delayed" else ():
            metrics[f"A9_robust {name}"] = value
        asked = {int(name[1:].split("_")[0]) for name in metrics if name[0] == "A"}
        assert asked == set(range(1, 19)) if problem == "delayed" else asked >= set(range(5, 19))
        silent = [name for name, value in metrics.items() if name[0] == "A" and value is None]
        assert set(silent) == {name for name in card["notes"] if name[0] == "A"}
        assert all(len(why.split()) > 2 for why in card["notes"].values())


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
