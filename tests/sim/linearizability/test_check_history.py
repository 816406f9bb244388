import random
import re
from pathlib import Path

from command import Windtunnel
from histories import edn, jepsen_log, registers, store

from sim.linearizability.history import History

STALE = "0 :invoke :write 1\n0 :ok :write 1\n1 :invoke :write 2\n1 :ok :write 2\n2 :invoke :read nil\n2 :ok :read 1\n"


def test_one_line_a_file_and_the_worst_status(windtunnel: Windtunnel) -> None:
    folder = windtunnel.folder
    (folder / "good.log").write_text(jepsen_log(registers(random.Random(1), clients=5, count=85, lost=0.2)))
    (folder / "stale.log").write_text(STALE)
    (folder / "store.txt").write_text(edn(store(random.Random(2), 5, 20, 2).operations, whole=False))
    good = windtunnel("check-history", "good.log", "store.txt")
    assert (good.returncode, good.stdout) == (0, "good.log: linearizable\nstore.txt: linearizable\n")
    bad = windtunnel("check-history", "good.log", "stale.log")
    assert bad.returncode == 1
    assert bad.stdout.splitlines()[1] == (
        "stale.log: not linearizable: 1 and 2 each had to come first: "
        "0: write 1 [1, 2]; 1: write 2 [3, 4]; 2: read -> 1 [5, 6]"
    )
    none = windtunnel("check-history", "none.log", "stale.log")
    assert none.returncode == 2
    assert none.stderr == "windtunnel: none.log: it cannot be read: No such file or directory\n"
    assert none.stdout.startswith("stale.log: not linearizable")


def test_unknown_is_status_three_unless_another_is_violated(windtunnel: Windtunnel) -> None:
    folder = windtunnel.folder
    text = edn(_beyond_the_search().operations)
    (folder / "hard.edn").write_text(text)
    (folder / "stale.log").write_text(STALE)
    hard = windtunnel("check-history", "hard.edn", PYTHONPATH=_with_small_limits(windtunnel))
    assert (hard.returncode, hard.stdout) == (3, "hard.edn: unknown: key 0 takes more than 1,000 configurations\n")
    both = windtunnel("check-history", "hard.edn", "stale.log", PYTHONPATH=_with_small_limits(windtunnel))
    assert both.returncode == 1


def _beyond_the_search() -> History:
    return store(random.Random(1), clients=50, each=20, keys=1, puts=0.3, stale=1)


def _with_small_limits(windtunnel: Windtunnel) -> str:
    """A folder whose sitecustomize lowers the limit, so that the test does not take minutes."""
    folder = windtunnel.folder / "limits"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "from sim.linearizability import check\n"
        "check.check.__defaults__ = (check.check.__defaults__[0], 1_000, *check.check.__defaults__[2:])\n"
    )
    return str(folder)


def test_bad_arguments(windtunnel: Windtunnel) -> None:
    (windtunnel.folder / "stale.log").write_text(STALE)
    kv = windtunnel("check-history", "stale.log", "--model", "kv")
    assert kv.returncode == 2
    assert "the model kv knows append, get, put but no" in kv.stderr
    wrong = windtunnel("check-history", "stale.log", "--format", "edn")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("windtunnel: stale.log: line 1: an event is a map")
    assert windtunnel("check-history", "stale.log", "--model", "queue").returncode == 2
    assert windtunnel("check-history").returncode == 2


def test_the_page_shows_what_happens(windtunnel: Windtunnel) -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "check-history.md").read_text()
    history, line = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (windtunnel.folder / "stale.log").write_text(history)
    assert windtunnel("check-history", "stale.log").stdout == line
