"""The coordinator and its executors: same records whoever runs them, one record per loss, and resume."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import gone

from sim.errors import UserError
from sim.executors.inline import Inline
from sim.executors.workers import Workers
from sim.job import Job, plan
from sim.record import Record
from sim.replay import again, changes
from sim.runner import Finished
from sim.store import Store
from sim.study import load_study
from sim.sweep import missing, sweep
from sim.system_metrics import SYSTEM_METRICS
from sim.why import reasons, why

STORM = "outside.storm:Storm"


def jobs_of(*axes: str, settings: tuple[str, ...] = (), repeat: int = 1) -> list[Job]:
    return list(plan(load_study(STORM, settings, axes, repeat)))


def run(workers: int, jobs: list[Job], folder: Path) -> dict[str, Record]:
    executor = Workers(workers, folder) if workers else Inline(folder)
    return {f.key: Record.decode(f.body) for f in executor.execute(jobs, lambda *_: None)}


def table(store: Store, jobs: list[Job]) -> dict[str, str]:
    return store.digests([job.key for job in jobs])


def test_every_executor_gives_the_same_digests(tmp_path: Path) -> None:
    jobs = jobs_of("x=range(0,19,1)", repeat=2)
    inline = {key: record.digest() for key, record in run(0, jobs, tmp_path).items()}
    shuffled = random.Random(1).sample(jobs, len(jobs))
    for workers, order in [(1, jobs), (2, jobs), (2, shuffled)]:
        assert {key: record.digest() for key, record in run(workers, order, tmp_path).items()} == inline


def test_digests_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from sim.job import plan; from sim.study import load_study\n"
        "from sim.executors.inline import Inline\n"
        f"jobs = list(plan(load_study('{STORM}', (), ('x=range(0,5,1)',))))\n"
        "print([(f.key, f.digest) for f in Inline(Path('c')).execute(jobs, lambda *_: None)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(said) == 1


def test_a_crash_costs_one_record_and_says_how(tmp_path: Path) -> None:
    jobs = jobs_of("x=range(0,9,1)", settings=("dies_at=3",))
    records = run(2, jobs, tmp_path)
    assert Counter(record.status for record in records.values()) == {"ok": 9, "crashed": 1}
    crashed = next(record for record in records.values() if record.status == "crashed")
    assert crashed.config["x"] == 3
    assert "SIGKILL" in crashed.error
    assert "about to die" in crashed.error


def test_a_failure_is_a_record_with_its_traceback(tmp_path: Path) -> None:
    records = run(0, jobs_of("x=1,2", settings=("fails_at=2",)), tmp_path)
    by_x = {record.config["x"]: record for record in records.values()}
    assert by_x[1].status == "ok"
    assert by_x[2].status == "failed"
    assert "this point fails" in by_x[2].error


def test_a_run_over_its_time_is_stopped_even_if_it_ignores_signals(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        f'scenario = "{STORM}"\ntimeout = "6s"\n[set]\nhangs_at = 1\n[axes]\nx = [0, 1, 2]\n'
    )
    records = run(2, list(plan(load_study(str(tmp_path / "s.toml")))), tmp_path)
    assert Counter(record.status for record in records.values()) == {"ok": 2, "timeout": 1}


def test_output_of_a_run_goes_nowhere_and_blocks_nothing(tmp_path: Path) -> None:
    records = run(1, jobs_of("x=range(0,30,1)", settings=("noise=true",)), tmp_path)
    assert all(record.status == "ok" for record in records.values())


def test_closing_early_leaves_no_worker(tmp_path: Path) -> None:
    runs = Workers(2, tmp_path).execute(jobs_of("x=range(0,9,1)", settings=("sleeps=0.2",)), lambda *_: None)
    first = next(iter(runs))
    pids = {int(Record.decode(first.body).value("pid") or 0)}
    runs.close()  # type: ignore[attr-defined]
    assert gone(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def make(study_axes: str, store: Store, tmp_path: Path) -> tuple[list[Job], int]:
    study = load_study(STORM, axes=(study_axes,))
    summary = sweep(study, store, lambda count: Inline(tmp_path / "cache"))
    return summary.jobs, summary.made


def test_resume_runs_nothing_and_one_more_point_runs_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert make("x=range(0,9,1)", store, tmp_path)[1] == 10
    assert make("x=range(0,9,1)", store, tmp_path)[1] == 0
    jobs, count = make("x=range(0,10,1)", store, tmp_path)
    assert count == 1
    assert len(jobs) == 11
    assert store.members("outside.storm-Storm")[10][1] == {"x": 10}


def test_why_names_what_changed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    make("x=1,2", store, tmp_path)
    (job,) = jobs_of("x=2", settings=("sleeps=0.001",))
    assert reasons(store, job) == [("sleeps", 0.0, 0.001)]
    first, second = (key for key, _ in store.members("outside.storm-Storm"))
    assert list(why(store, second)) == [f"nearest is {first[:12]}; this record differs in", "  x: 1 -> 2"]


def test_damaged_records_are_reported_set_aside_and_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs, _ = make("x=range(0,19,1)", store, tmp_path)
    before = table(store, jobs)
    store.close()
    db = sqlite3.connect(tmp_path / "records.db")
    for position, change in [
        (3, "body = x'00ff'"),
        (5, "status = 'failed'"),
        (7, "digest = 'aa'"),
        (9, "body = NULL"),
        (11, "checksum = 'x'"),
    ]:
        db.execute(f"UPDATE records SET {change} WHERE key = ?", (jobs[position].key,))
    db.execute("UPDATE series SET body = x'00' WHERE key = ?", (jobs[13].key,))
    db.commit()
    db.close()
    store = Store(tmp_path)
    assert len(missing(jobs, store)) == 6
    assert len(store.messages) == 6
    assert make("x=range(0,19,1)", store, tmp_path)[1] == 6
    assert table(store, jobs) == before
    assert len(store.quarantined()) == 6


@pytest.mark.parametrize("wreck", ["garbage", "truncated", "header"])
def test_a_wrecked_file_is_kept_aside_and_the_study_made_again(tmp_path: Path, wreck: str) -> None:
    store = Store(tmp_path)
    jobs, _ = make("x=range(0,99,1)", store, tmp_path)
    before = table(store, jobs)
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    path = tmp_path / "records.db"
    body = bytearray(path.read_bytes())
    if wreck == "garbage":
        body[:] = b"not a database at all" * 999
    elif wreck == "truncated":
        del body[len(body) // 2 :]
    else:
        body[:100] = bytes(100)
    path.write_bytes(bytes(body))
    store = Store(tmp_path)
    make("x=range(0,99,1)", store, tmp_path)
    assert table(store, jobs) == before


def test_two_coordinators_cannot_write_at_once(tmp_path: Path) -> None:
    one, two = Store(tmp_path), Store(tmp_path)
    with one.locked(), pytest.raises(UserError, match=f"in use by process {os.getpid()}"), two.locked():
        pass


def test_an_unusable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path / "file")


def test_replay_gives_the_digest_and_names_a_difference(tmp_path: Path) -> None:
    (record,) = run(2, jobs_of("x=4"), tmp_path).values()
    made = Record.decode(again(record, tmp_path).body)
    assert made.digest() == record.digest()
    assert changes(record, made) == []
    other = replace(record, metrics={"y": {"value": 1.0, "label": "simulated"}})
    assert changes(other, made) == [f"y: 1.0 -> {record.value('y')!r}"]


def test_every_system_metric_is_there_or_says_why_not(tmp_path: Path) -> None:
    (record,) = run(1, jobs_of("x=4"), tmp_path).values()
    assert set(record.system) == set(SYSTEM_METRICS)
    assert record.system["energy"] == "not reported by this scenario"
    assert float(record.system["peak_rss"]) > 2**20


def storm(folder: Path, seed: int, kills: int, runs: int) -> None:
    """Sweep until it ends by itself, killing coordinator, worker or the whole group at random instants."""
    dice = random.Random(seed)
    command = [str(Path(sys.executable).with_name("windtunnel")), "sweep", "storm.toml", "--workers", "2"]
    while True:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while kills and process.poll() is None:
            time.sleep(dice.uniform(0.2, 1.5))
            kills -= 1
            if not kill_one(process.pid, dice):
                break
        if process.wait(timeout=120) >= 0:
            return


def kill_one(leader: int, dice: random.Random) -> bool:
    """Kill one thing of the sweep; True if the coordinator still lives."""
    what = dice.choice(["coordinator", "worker", "worker", "group"])
    group = [pid for pid in members(leader) if pid != leader]
    try:
        if what == "worker" and group:
            os.kill(dice.choice(group), signal.SIGKILL)
            return True
        (os.killpg if what == "group" else os.kill)(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return False


def members(leader: int) -> list[int]:
    """Processes of a session, found by their session id."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_crash_storm_ends_with_the_table_of_the_undisturbed_study(tmp_path: Path) -> None:
    runs = 500
    text = f'scenario = "{STORM}"\n[set]\ndies_at = 250\nsleeps = 0.02\n[axes]\nx = {{ range = [0, {runs - 1}, 1] }}\n'
    (tmp_path / "storm.toml").write_text(text)
    jobs = list(plan(load_study(str(tmp_path / "storm.toml"))))
    healthy = [job for job in jobs if job.config["x"] != 250]
    undisturbed = {key: record.digest() for key, record in run(0, healthy, tmp_path).items()}
    storm(tmp_path, seed=7, kills=5, runs=runs)
    store = Store(tmp_path / "windtunnel-results")
    damage(store, healthy[100:105])
    storm(tmp_path, seed=8, kills=5, runs=runs)
    digests = table(store, jobs)
    statuses = store.statuses([job.key for job in jobs])
    assert {key: digests[key] for key in undisturbed} == undisturbed
    assert Counter(statuses.values()) == {"ok": runs - 1, "crashed": 1}
    assert gone(lambda: [path for path in Path("/proc").glob("[0-9]*/cwd") if points_to(path, tmp_path)])


def points_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:
        return False


def damage(store: Store, jobs: list[Job]) -> None:
    for job in jobs:
        store._db.execute("UPDATE records SET body = x'dead' WHERE key = ?", (job.key,))


def test_finished_has_everything_the_store_needs(tmp_path: Path) -> None:
    (finished,) = Inline(tmp_path).execute(jobs_of("x=1"), lambda *_: None)
    assert isinstance(finished, Finished)
    assert set(finished.series) == {"path"}
    store = Store(tmp_path)
    store.put(finished)
    found = store.series(finished.key, "path")
    assert found is not None
    assert found.units == {"t": "time", "v": ""}
    assert list(found.columns["t"]) == [0.0, 1.0, 2.0]
