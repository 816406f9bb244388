import random
from pathlib import Path

import pytest
from histories import edn, jepsen_log, registers, small, store

from sim.errors import UserError
from sim.linearizability.check import check
from sim.linearizability.history import History, Operation
from sim.linearizability.readers.files import read

HEADER = '\x1b[36mINFO  jepsen.core - Worker 1 starting\x1b[0m\n\nINFO  jepsen.util - :nemesis\t:info\t:start\t"cut"\n'


def from_text(folder: Path, text: str, form: str = "auto") -> History:
    (folder / "history").write_text(text)
    return read(folder / "history", form)


def meaning(history: History) -> list[tuple[object, ...]]:
    """What is left when times and names are forgotten, in the order of calls."""
    inside = sorted(history.operations, key=lambda one: one.invocation)
    return [(one.kind, one.key, one.argument, one.result, one.known) for one in inside]


@pytest.mark.parametrize("form", ["auto", "jepsen-log"])
def test_a_jepsen_log_comes_back_as_it_was_written(tmp_path: Path, form: str) -> None:
    dice = random.Random(1)
    for count in (1, 5, 85):
        history = History.of(registers(dice, clients=5, count=count, lost=0.3))
        back = from_text(tmp_path, HEADER + jepsen_log(history.operations), form)
        assert [one[:1] + one[2:] for one in meaning(back)] == [one[:1] + one[2:] for one in meaning(history)]
        assert check(back).linearizable


@pytest.mark.parametrize("model", ["cas-register", "register"])
def test_verdicts_survive_being_written_and_read(tmp_path: Path, model: str) -> None:
    dice = random.Random(2)
    for _ in range(200):
        operations = small(dice, model)
        expected = check(History.of(operations), model).linearizable
        assert check(from_text(tmp_path, jepsen_log(operations)), model).linearizable is expected


def test_a_kv_log_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for form, lost in (("auto", 0.0), ("kv-log", 0.1), ("edn", 0.1)):
        history = store(random.Random(3), clients=10, each=20, keys=3, lost=lost)
        back = from_text(tmp_path, edn(history.operations, whole=form == "edn"), form)
        assert meaning(back) == meaning(history)
        assert check(back).linearizable


def test_edn_of_knossos(tmp_path: Path) -> None:
    """Comments, commas, lists, tags, discarded forms, floats, nested values, nemesis events, two events on a line."""
    text = """; a history, newest first keys
    ({:type :invoke, :f :write :value 0, :process 0}  {:f :write, :type :ok, :value 0, :process 0, :time 1.5e3}
     #jepsen.history.Op{:process :nemesis, :type :info, :f :start, :value [:cut {"n1" #{"n2" "n\\"3"}}]}
     #_{:process 9, :type :ok} {:process "nemesis", :type :info, :f :stop, :value nil}
     {:process 1, :type :invoke, :f :cas, :value [0 4]} {:process 2, :type :invoke, :f :read, :value nil}
     {:process 1, :type :info, :f :cas, :value [0 4], :error :timeout}
     {:process 2, :type :ok, :f :read, :value 4}
     {:process 3, :type :invoke, :f :write, :value 7}, {:process 3, :type :fail, :f :write, :value 7, :error [:no nil]}
     {:process 4, :type :invoke, :f :read, :value nil} {:process 4, :type :ok, :f :read, :value nil}
     {:process 5, :type :invoke, :f :read, :value 7} {:process 6, :type :invoke, :f :write, :value -8N})"""
    history = from_text(tmp_path, text)
    assert meaning(history) == [
        ("write", None, 0, None, True),
        ("cas", None, (0, 4), None, False),
        ("read", None, None, 4, True),
        ("write", None, -8, None, False),
    ]
    assert check(history).linearizable


def test_failures_in_a_jepsen_log(tmp_path: Path) -> None:
    """A refused cas is an observation; one that timed out, a read that timed out and a failed write are not."""
    text = """INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]
INFO  jepsen.util - 0\t:fail\t:cas\t[1 2]
2020-01-01 00:00:00,123{GMT}\tINFO\t[jepsen worker 1] jepsen.util: 1\t:invoke\t:write\t3
1 :fail :write 3
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - 2\t:fail\t:read\t:timed-out
INFO  jepsen.util - 3\t:invoke\t:cas\t[3 nil]
INFO  jepsen.util - 3\t:fail\t:cas\t:timed-out
INFO  jepsen.util - 4\t:invoke\t:write\t2
INFO  jepsen.util - 4\t:info\t:write\t2\t:timeout
INFO  jepsen.util - 5\t:invoke\t:read\tnil
INFO  jepsen.util - 5\t:ok\t:read\t2
"""
    history = from_text(tmp_path, text)
    assert meaning(history) == [
        ("cas", None, (1, 2), False, True),
        ("cas", None, (3, None), None, False),
        ("write", None, 2, None, False),
        ("read", None, None, 2, True),
    ]
    assert [one.invocation for one in history.operations if one.kind == "read"] == [11.0]  # the line


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("auto", "", "there is no operation in it"),
        ("auto", "[]", "there is no operation in it"),
        ("auto", "; nothing\n", "there is no operation in it"),
        (
            "auto",
            "INFO  jepsen.util - 0\t:invoke\t:read\tnil\nthis is not a line\n",
            "line 2: 'this is not a line' is not PROCESS :invoke|:ok|:fail|:info :read|:write|:cas VALUE",
        ),
        ("auto", "0 :invoke :cas 5\n", "line 1: '5' is not what a cas takes, [EXPECTED NEW]"),
        ("auto", "0 :invoke :write\n", "line 1: '' is not a value to read or write"),
        ("auto", "\n0 :ok :read 5\n", "line 2: process 0 has no call that could be :ok"),
        (
            "auto",
            "0 :invoke :read nil\n0 :invoke :read nil\n",
            "line 2: process 0 calls read while its call of line 1 runs; one operation at a time is allowed",
        ),
        (
            "auto",
            "0 :invoke :read nil\n0 :ok :write 5\n",
            "line 2: process 0 called read in line 1, not write",
        ),
        ("edn", "[{:process 0, :type :invoke}\n {:process 0", "line 2: the '{' is never closed"),
        ("edn", "\n}", "line 2: '}' closes nothing that is open"),
        ("edn", '{:process 0, :f "unfinished}', "line 1: '\"unfinished}' is not EDN; is a quotation mark missing?"),
        ("edn", "[1 2]", "line 1: an event is a map {:process ..., :type ...}, not 1"),
        ("edn", "{:process 0, :type}", "line 1: the map has a key without a value"),
        ("edn", "{:type :ok}", "line 1: the event has no :process"),
        (
            "edn",
            "{:process 0, :type :invoke, :f :enqueue, :value 1}",
            "line 1: :type is one of fail, info, invoke, ok and :f one of append, cas, get, put, read, write, "
            "not 'invoke' and 'enqueue'",
        ),
        ("edn", "{:process 0, :type :invoke, :f :cas}", "line 1: 'None' is not what a cas takes, [EXPECTED NEW]"),
        ("xml", "[]", "'xml' is not a format; allowed: auto, edn, jepsen-log, kv-log"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(tmp_path: Path, form: str, text: str, told: str) -> None:
    with pytest.raises(UserError) as refusal:
        from_text(tmp_path, text, form)
    assert str(refusal.value) == told


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(UserError, match="it is not text: byte 1 is not UTF-8"):
        read(tmp_path / "binary")
    with pytest.raises(UserError, match="it cannot be read: Is a directory"):
        read(tmp_path)


def test_a_history_of_failures_only_is_linearizable(tmp_path: Path) -> None:
    text = "0 :invoke :write 1\n0 :fail :write 1\n"
    assert check(from_text(tmp_path, text)).linearizable
    assert from_text(tmp_path, text).operations == ()


def test_an_append_store_log_with_quotation_marks(tmp_path: Path) -> None:
    text = r"""{:process 0, :type :invoke, :f :append, :key "k", :value "a \"b\"\n"}
{:process 0, :type :ok, :f :append, :key "k", :value "a \"b\"\n"}
{:process 0, :type :invoke, :f :get, :key "other", :value nil}
{:process 0, :type :ok, :f :get, :key "other", :value nil}
"""
    write, get = from_text(tmp_path, text, "kv-log").operations
    assert write == Operation(0, "append", "k", 'a "b"\n', None, 1, 2)
    assert (get.key, get.result) == ("other", "")
