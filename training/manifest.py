"""What else a result depends on: versions, threads, the state of the source tree, the command."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("agentsim-env", "gymnasium", "numba", "numpy", "scipy", "sb3-contrib", "stable-baselines3", "torch")


def describe_machine() -> dict[str, Any]:
    """Versions, processor, number of CPUs and threads, and the commit of the source tree if there is one."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")},
        "packages": {package: _version(package) for package in PACKAGES},
        "commit": _commit(),
    }


def command() -> str:
    """The command line that runs; bytes in it that are no text are spelled out."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return shlex.join([program, *sys.argv[1:]]).encode("utf-8", "backslashreplace").decode("utf-8")


def cpu_name() -> str:
    """Name of the processor as the system gives it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of the repository that this file is in, with `+` behind it if something has changed since."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return head + ("+" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
