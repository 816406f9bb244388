"""`doctor`: what works on this machine, what does not, and what to do about it."""

import importlib.util
import multiprocessing
import os
import platform
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import orjson

from sim.errors import UserError
from sim.registry import Broken, all_scenarios, checkups, hardware_kinds

Finding = tuple[bool, str]


def doctor(given: Namespace) -> int:
    """Every check with its verdict and remedy; status 1 if one that every study needs fails.

    With `--clean` it first clears what killed runs left on this machine, and says what.
    """
    if given.clean:
        told = [line for checkup in checkups().values() for line in checkup.clean()]
        print("\n".join(f"cleared  {line}" for line in told) or "nothing was left to clear")
        return 0
    checks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "packages": _packages,
        "one installation": _one_installation,
        "plug-ins": _plugins,
        "workers": _workers,
        "results": lambda: _results(given.results),
        "disk": lambda: _disk(given.results),
        "peak memory": _peak_memory,
    } | {name: checkup.check for name, checkup in checkups().items()}
    findings = {name: check() for name, check in checks.items()}
    if given.json:
        print(orjson.dumps({name: {"ok": ok, "detail": detail} for name, (ok, detail) in findings.items()}).decode())
    else:
        for name, (ok, detail) in findings.items():
            print(f"{'ok     ' if ok else 'PROBLEM'}  {name}: {detail}")
    return 0 if all(ok for ok, _ in findings.values()) else 1


def _python() -> Finding:
    return sys.version_info >= (
        3,
        11,
    ), f"{platform.python_version()} on {os.cpu_count()} cores (3.11 or newer is needed)"


def _packages() -> Finding:
    needed = ("numpy", "scipy", "simpy", "networkx", "numba", "pydantic", "orjson", "pyarrow", "torch", "vl_convert")
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    return not lacking, f"missing: {', '.join(lacking)}; run `make demo` once" if lacking else "all installed"


def _one_installation() -> Finding:
    """A folder called `sim` in the working directory may shadow ours; say so rather than fail strangely."""
    packages = ("sim", "hardware_models", "emulation", "scenarios")
    origins = [spec.origin for name in packages if (spec := importlib.util.find_spec(name)) and spec.origin]
    roots = {str(Path(origin).parents[1]) for origin in origins}
    if len(roots) == 1:
        return True, roots.pop()
    return False, f"packages come from several places: {', '.join(sorted(roots))}; leave the folder that shadows one"


def _plugins() -> Finding:
    broken = [found.reason for found in [*all_scenarios(), *hardware_kinds().values()] if isinstance(found, Broken)]
    return not broken, "; ".join(broken) or "all load"


def _workers() -> Finding:
    process = multiprocessing.get_context("forkserver").Process(target=os.getpid)
    process.start()
    process.join(timeout=30.0)
    return process.exitcode == 0, "a worker starts and ends" if process.exitcode == 0 else "a worker did not start"


def _results(folder: Path) -> Finding:
    if not (folder / "records.db").exists():
        return True, f"none yet in {folder}"
    from sim.store import Store

    try:
        store = Store(folder)
    except UserError as error:
        return False, str(error)
    aside = store.quarantined()
    told = [*store.messages, *(f"{key[:12]} was set aside: {reason}" for key, reason in aside)]
    return not store.messages, "; ".join(told) or f"{folder} is sound"


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder if folder.exists() else ".").free
    return free > 2**30, f"{free / 2**30:.1f} GiB free (1 GiB is needed)"


def _peak_memory() -> Finding:
    resettable = os.access("/proc/self/clear_refs", os.W_OK)
    return True, "measured per run" if resettable else "the kernel cannot reset it: figures are those of the process"
