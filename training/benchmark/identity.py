"""By what an agent is known again: the files that it is made of, found without running anything in them."""

import hashlib
import importlib.util
import sys
from pathlib import Path

from agentsim_env.agents.bundle import PREFIX as BUNDLE
from agentsim_env.agents.loading import files_of, split_name
from agentsim_env.training.benchmark.outcome import Contestant


def contestant(name: str, source: str) -> Contestant:
    """An agent with the hashes of its files as they are here and now."""
    return Contestant(name=name, source=source, files=hashes(source))


def hashes(source: str) -> dict[str, str]:
    """SHA-256 of each file of an agent, by their names; none if it has no files, or they are not here."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(source)}


def runs_code(source: str) -> bool:
    """Whether an agent is a module, which is run when it is loaded."""
    text = split_name(source)[1]
    return ":" in text and not text.startswith(f"{BUNDLE}:") and not Path(text).exists()


def has_files(source: str) -> bool:
    """Whether an agent is made of files, wherever they are: no rule, bundle or `uniform`."""
    text = split_name(source)[1]
    path = Path(text)
    return runs_code(source) or path.suffix in (".npz", ".zip") or len(path.parts) > 1 or path.exists()


def _files(source: str) -> list[Path]:
    if not runs_code(source):
        return files_of(source)
    module = split_name(source)[1].partition(":")[0]
    found = _module_file(module)
    return [] if found is None else [found]


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
