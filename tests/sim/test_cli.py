"""The command as a person meets it: verbs, sentences, exit statuses, and what it does not import."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import Windtunnel

from sim.cli import VERBS
from sim.cli.sweeping import RETRIED


def test_help_names_every_verb(windtunnel: Windtunnel) -> None:
    told = windtunnel("--help")
    assert told.returncode == 0
    assert all(f"    {verb} " in told.stdout for verb in VERBS)


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_light_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from sim.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('HEAVY', sorted({'torch', 'scipy', 'matplotlib', 'pyarrow', 'numba'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "HEAVY []" in said.stdout


BAD = [
    (["swep", "tape"], "did you mean sweep"),
    (["run", "tpae"], "did you mean tape"),
    (["run"], "required: target"),
    (["run", "tape", "--set", "bloks=3"], "no setting is called 'bloks'; did you mean blocks"),
    (["run", "tape", "--set", "hardware.wnd=3s"], "did you mean hardware.wind"),
    (["run", "tape", "--set", "blocks"], "is not a setting"),
    (["run", "tape", "--set", "blocks=many"], "blocks = 'many'"),
    (["run", "tape", "--set", "block=5"], "needs a unit"),
    (["run", "tape", "--set", "block=5G"], "ambiguous"),
    (["run", "tape", "--set", "block=5GiB/s"], "a unit of byte rate, not of bytes"),
    (["run", "tape", "--set", "hardware=lto8"], "no tape card is called 'lto8'; did you mean lto9"),
    (["run", "tape", "--set", "hardware=./mine.toml"], "card file mine.toml does not exist"),
    (["run", "tape", "--set", "hardware=v100"], "is a gpu card, a tape card is needed"),
    (["sweep", "none.toml"], "none.toml does not exist"),
    (["sweep", "tape", "--axis", "blocks="], "axis blocks is empty"),
    (["sweep", "tape", "--axis", "blocks=range(1,10000000,1)"], "axis blocks has 10,000,000 points"),
    (["sweep", "tape", "--axis", "bloks=1,2"], "did you mean blocks"),
    (["sweep", "tape", "--axis", "block=1GiB,2G"], "ambiguous"),
    (["sweep", "tape", "--axis", "hardware=lto9,lto8"], "did you mean lto9"),
    (["sweep", "tape", "--axis", "blocks=1", "--workers", "-1"], "--workers -1 is not allowed"),
    (["plan", "tape", "--axis", "blocks=range(1,10000000,1)"], "10,000,000 points"),
    (["compare", "tape", "--axis", "bloks=1,2"], "did you mean blocks"),
    (["compare", "tape", "--axis", "block=1,2"], "needs a unit"),
    (["compare", "tape", "--axis", "hardware=lto8"], "did you mean lto9"),
    (["compare", "none.toml", "--by", "blocks"], "none.toml does not exist"),
    (["compare", "tape", "--axis", "blocks="], "axis blocks is empty"),
    (["compare", "tape", "--axis", "blocks=range(1,10000000,1)"], "10,000,000 points"),
    (["compare", "tape", "--axis", "blocks=1,2", "--by", "block"], "does not vary 'block'; did you mean blocks"),
    (["compare", "tape", "--axis", "blocks=1,2", "--metric", "second"], "did you mean seconds"),
    (["compare", "tape"], "say which setting"),
    (["compare", "aaaa", "bbbb"], "no record begins with 'aaaa'"),
    (["report", "tape"], "there are no results"),
    (["replay", "abc"], "there are no results"),
    (["hardware", "show", "lto8"], "did you mean lto9"),
    (["hardware", "diff", "lto9"], "takes 2 cards, 1 given"),
    (["show", "tpae"], "did you mean tape"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_sentence_and_status_2(windtunnel: Windtunnel, arguments: list[str], said: str) -> None:
    done = windtunnel(*arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert done.stderr.startswith("windtunnel: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_study_from_sweep_to_parquet(windtunnel: Windtunnel, tmp_path: Path) -> None:
    sweep = ["sweep", "tape", "--axis", "blocks=1,2", "--repeat", "3", "--workers", "0"]
    assert json.loads(windtunnel("plan", *sweep[1:-2], "--json").stdout) == {
        "runs": 6,
        "missing": 6,
        "seconds": None,
        "changed": [],
    }
    assert windtunnel(*sweep).returncode == 0
    assert json.loads(windtunnel("plan", *sweep[1:-2], "--json").stdout)["missing"] == 0
    told = windtunnel("plan", "tape", "--axis", "blocks=1,2,3", "--repeat", "3").stdout
    assert "9 runs, 6 stored, 3 to make" in told
    assert "blocks: 1 -> 3" in told or "blocks: 2 -> 3" in told
    standing = json.loads(windtunnel("status", "--json").stdout)
    assert standing["tape"] == {"runs": 6, "stored": 6, "ok": 6} | dict.fromkeys(RETRIED, 0)
    assert (tmp_path / "windtunnel-results" / "tape.html").stat().st_size > 1000
    written = windtunnel("export", "tape").stdout.split()
    from pyarrow import parquet

    rows = parquet.read_table(tmp_path / written[0]).to_pylist()
    assert [row["set.blocks"] for row in rows] == [1, 1, 1, 2, 2, 2]
    assert all(row["metric.seconds"] > 0 for row in rows)
    key = rows[0]["key"]
    assert "same digest" in windtunnel("replay", key[:10]).stdout
    assert "nearest is" in windtunnel("status", "--why", key).stdout
    assert json.loads(windtunnel("show", key, "--json").stdout)["replicate"] == 0
    compared = json.loads(windtunnel("compare", *sweep[1:], "--by", "blocks", "--json").stdout)
    assert [row["pairs"] for row in compared] == [3, 3]
    two = json.loads(windtunnel("compare", key, rows[3]["key"], "--json").stdout)
    assert ["blocks", 1, 2] in two["settings"]


def test_a_sweep_with_a_crash_ends_with_status_1(windtunnel: Windtunnel) -> None:
    done = windtunnel("sweep", "outside.storm:Storm", "--set", "dies_at=1", "--axis", "x=0,1,2")
    assert done.returncode == 1
    assert "1 crashed, 2 ok; 3 made now" in done.stdout
    again = windtunnel("sweep", "outside.storm:Storm", "--set", "dies_at=1", "--axis", "x=0,1,2", "--retry")
    assert "1 made now" in again.stdout


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("windtunnel")), "sweep", "outside.storm:Storm"]
    options = ["--set", "sleeps=0.05", "--axis", "x=range(0,199,1)", "--workers", "2"]
    process = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in a shell's background ignores it
    )
    store = tmp_path / "windtunnel-results" / "records.db-wal"
    deadline = time.monotonic() + 60
    while not (store.exists() and store.stat().st_size > 200_000) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what is done is kept" in said
    assert "Traceback" not in said


def test_doctor_finds_this_machine_well(windtunnel: Windtunnel) -> None:
    done = windtunnel("doctor", "--json")
    findings = json.loads(done.stdout)
    assert done.returncode == 0, findings
    assert all(finding["ok"] for finding in findings.values())


def test_shows_and_diffs(windtunnel: Windtunnel) -> None:
    assert "400MB/s (datasheet" in windtunnel("hardware", "show", "lto9").stdout
    assert "lto9" in windtunnel("hardware", "list").stdout
    difference = json.loads(windtunnel("hardware", "diff", "v100", "t4", "--json").stdout)
    assert difference["dram_bandwidth"][0] != difference["dram_bandwidth"][1]
    assert "hardware.rate: [byte rate]" in windtunnel("show", "tape").stdout
