"""A fingerprint of the code that a result depends on.

The closure of a module's imports, kept to the packages that are part of the experiment (the scenario's own
package and ours), each module reduced to its syntax tree without docstrings: comments, formatting and
documentation change no fingerprint; anything else does, and `why` names the module.
"""

import ast
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec, resolve_name
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_OURS = ("sim", "hardware_models", "emulation", "scenarios")


@cache
def fingerprints(module: str) -> dict[str, str]:
    """Module name -> hash, for `module` and everything of the experiment that it imports, however lazily."""
    packages = {*_OURS, module.partition(".")[0]}
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.partition(".")[0] not in packages:
            continue
        path = _source(name)
        if path is None:
            continue
        digest, imports = _reduced(path, name, path.name == "__init__.py")
        found[name] = digest
        waiting += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
        waiting += imports
    return dict(sorted(found.items()))


def combined(module: str) -> str:
    """One hash for all of `fingerprints(module)`."""
    text = "\n".join(f"{name} {digest}" for name, digest in fingerprints(module).items())
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _source(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None  # an attribute that was imported from a module, not a module
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _reduced(path: Path, module: str, is_package: bool) -> tuple[str, list[str]]:
    tree = ast.parse(path.read_bytes())
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package)
            imports += [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest(), imports


def _base(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    package = module if is_package else module.rpartition(".")[0]
    return resolve_name("." * node.level + (node.module or ""), package)
