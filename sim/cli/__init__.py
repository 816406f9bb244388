"""The command `windtunnel`: one verb per thing a person wants to do.

Each verb is a function in a module of this package that is imported when the verb is called, so `--help`
and `list` load neither torch nor scipy. Exit status: 0 all is well, 1 something ran and failed or differs,
2 bad input, 3 unknown (of `check-history` and `judge`), 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from sim.errors import UserError, did_you_mean

_ARGUMENTS: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "target": (("target",), {"help": "a study file, a shipped study, or a scenario"}),
    "study": (("study",), {"help": "a study that was swept"}),
    "name": (("name",), {"help": "a scenario, a study, a hardware card or a record's key"}),
    "key": (("key",), {"help": "a record's key, or its first characters"}),
    "run": (("run",), {"help": "a record's key, or a study: then its first run that satisfies --where"}),
    "where": (("--where",), {"metavar": "CONDITION", "default": "", "help": "e.g. \"hardware.memory <= 8GiB\""}),
    "maybe study": (("study",), {"nargs": "?", "help": "a study; all of them if left out"}),
    "two": (("targets",), {"nargs": "+", "help": "two record keys, or a study or scenario with --by"}),
    "set": (("--set",), {"nargs": "+", "action": "extend", "default": [], "metavar": "KEY=VALUE",
                         "help": "settings, e.g. hardware=v100 hardware.memory=8GiB"}),
    "axis": (("--axis",), {"nargs": "+", "action": "extend", "default": [], "metavar": "KEY=A,B,C",
                           "help": "settings that vary, e.g. hardware.memory=logspace(4GiB,64GiB,5)"}),
    "repeat": (("--repeat",), {"type": int, "default": 0, "help": "replicates of every point"}),
    "seed": (("--seed",), {"type": int, "default": 0, "help": "seed of all random streams"}),
    "workers": (("--workers",), {"type": int, "default": None,
                                 "help": "processes that run at once; 0 runs in this one (default: one per core)"}),
    "again": (("--again",), {"action": "store_true", "help": "make every run again, stored or not"}),
    "retry": (("--retry",), {"action": "store_true", "help": "make failed, crashed and timed-out runs again"}),
    "by": (("--by",), {"metavar": "KEY", "default": "", "help": "the setting whose values are compared"}),
    "metric": (("--metric",), {"nargs": "+", "action": "extend", "default": [], "help": "only these metrics"}),
    "why": (("--why",), {"metavar": "KEY", "default": "", "help": "what sets this record apart from its nearest"}),
    "out": (("--out",), {"type": Path, "default": None, "help": "file or folder to write"}),
    "clean": (("--clean",), {"action": "store_true", "help": "clear what killed runs left on this machine"}),
    "json": (("--json",), {"action": "store_true", "help": "print JSON for programs"}),
    "hardware": (("action",), {"choices": ("list", "show", "diff", "measure"), "help": "what to do with cards"}),
    "files": (("files",), {"nargs": "+", "type": Path, "metavar": "FILE", "help": "histories of operations"}),
    "file": (("file",), {"type": Path, "metavar": "FILE", "help": "a C source"}),
    "model": (("--model",), {"choices": ("register", "cas-register", "kv"), "default": "",
                             "help": "what the operations mean (default: what their kinds need)"}),
    "format": (("--format",), {"choices": ("auto", "jepsen-log", "kv-log", "edn"), "default": "auto",
                               "help": "how the files are written (default: look at the file)"}),
    "problem": (("problem",),
                {"help": "a decision problem, module:object, or `planted`: the suite with known verdicts"}),
    "method": (("--method",), {"default": "", "help": "the method that is judged (default: the problem's candidate)"}),
    "against": (("--against",), {"nargs": "+", "action": "extend", "default": [], "metavar": "METHOD",
                                 "help": "only these methods are compared (default: all)"}),
    "budget": (("--budget",), {"type": int, "default": 0,
                               "help": "evaluations of each instance (default: the problem's)"}),
    "cards": (("cards",), {"nargs": "*", "help": "names of cards, or card files; to measure, a kind of card"}),
}  # fmt: skip

#: Verb -> (module:function, one line, its arguments).
VERBS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "list": ("looking:list_all", "scenarios, studies and hardware that are installed", ("json",)),
    "show": ("looking:show", "what a scenario, study, card or record is", ("name", "json")),
    "run": ("sweeping:run", "one run of a scenario", ("target", "set", "seed", "again", "json")),
    "sweep": ("sweeping:sweep", "a study; again to resume it",
              ("target", "set", "axis", "repeat", "workers", "retry", "again")),
    "plan": ("sweeping:plan", "what a sweep would run", ("target", "set", "axis", "repeat", "json")),
    "status": ("sweeping:status", "how studies stand, and why a record is not another", ("maybe study", "why", "json")),
    "compare": ("comparing:compare", "two records, or the values of a setting, paired",
                ("two", "by", "metric", "set", "axis", "repeat", "workers", "json")),
    "reproduce": ("reproducing:reproduce", "the numbers of a scenario's paper beside ours",
                  ("target", "workers", "again")),
    "judge": ("judging:judge", "whether a learned method is worth it, against everything cheaper",
              ("problem", "method", "against", "budget", "repeat", "seed", "workers", "retry", "again", "json")),
    "report": ("giving:report", "the page of a study", ("study", "out")),
    "trace": ("giving:trace", "the timeline of a run, for Perfetto", ("run", "where", "out")),
    "export": ("giving:export", "a study's records and series as Parquet", ("study", "out")),
    "replay": ("giving:replay", "make a run again and compare digests", ("key",)),
    "hardware": ("looking:hardware", "hardware cards; `measure` makes one of this machine",
                 ("hardware", "cards", "set", "out", "json")),
    "check-history": ("checking:check_history", "whether histories of reads and writes are linearizable",
                      ("files", "model", "format")),
    "vectorize": ("vectorizing:vectorize", "a C file with vectorization factors before its loops",
                  ("file", "set", "out")),
    "doctor": ("doctor:doctor", "what works here; --clean clears what killed runs left", ("clean", "json")),
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("argument VERB: invalid choice: "):
            word = message.split("'")[1]
            message = f"'{word}' is not a verb; {did_you_mean(word, VERBS)}"
        raise UserError(f"{message} (see `{self.prog} --help`)")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(prog="windtunnel", description="A wind tunnel for algorithms that are sensitive to hardware.")
    top.add_argument(
        "--results", type=Path, default=Path(os.environ.get("WINDTUNNEL_RESULTS", "windtunnel-results")),
        help="folder of records and reports (default: %(default)s)",
    )  # fmt: skip
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    for verb, (function, about, arguments) in VERBS.items():
        below = verbs.add_parser(verb, help=about, description=about)
        below.set_defaults(function=function)
        for name in arguments:
            flags, options = _ARGUMENTS[name]
            below.add_argument(*flags, **options)  # type: ignore[arg-type]
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        given = parser().parse_args(arguments)
        module, _, function = given.function.partition(":")
        return int(getattr(import_module(f"sim.cli.{module}"), function)(given))
    except UserError as error:
        print(f"windtunnel: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("windtunnel: stopped; what is done is kept, the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
