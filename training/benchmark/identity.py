"""By what an agent is known again: the files that it is made of, found without running anything in them."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from agentsim_env.agents import AgentError
from agentsim_env.agents.bundle import PREFIX as BUNDLE
from agentsim_env.agents.loading import files_of, split_name
from agentsim_env.training.benchmark.outcome import Contestant

_ONLY_DATA = (".npz", ".safetensors")
"""Endings of files in which nothing is pickled."""


def contestant(name: str, source: str) -> Contestant:
    """An agent with the hashes of its files as they are here and now."""
    return Contestant(name=name, source=source, files=hashes(source))


def hashes(source: str) -> dict[str, str]:
    """SHA-256 of each file of an agent, by their names; none if it has no files, or they are not here."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(source)}


def has_files(source: str) -> bool:
    """Whether an agent is made of files, wherever they are: no rule, bundle or `uniform`."""
    text = split_name(source)[1]
    path = Path(text)
    is_named = text.startswith(f"{BUNDLE}:") or (":" not in text and not path.suffix and len(path.parts) == 1)
    return path.exists() or not is_named


def runs_code(files: Iterable[str]) -> bool:
    """Whether loading one of these files can run any code, as modules and models in `.zip` files do."""
    return any(Path(name).suffix not in _ONLY_DATA for name in files)


def _files(source: str) -> list[Path]:
    text = split_name(source)[1]
    if text.startswith(f"{BUNDLE}:"):
        return []
    try:
        found = [path for path in files_of(source) if path.suffix != ".py"]
    except AgentError:
        return []
    module = _module_file(text.partition(":")[0]) if ":" in text and not found else None
    return found if module is None else [module]


def _module_file(module: str) -> Path | None:
    """The file of a module, in the current folder or where Python looks; packages around it are not run for it."""
    top, *below = module.split(".")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not below:
        return Path(spec.origin) if spec.origin is not None and Path(spec.origin).is_file() else None
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *below)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None
