"""A second process that compiles what this one is going to need, on a core that is free."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import parent_process

_IS_SECOND = "AGENTSIM_SECOND_PROCESS"
_begun = False
_kept: list[subprocess.Popen[bytes]] = []
"""Python would warn of a process that nobody has waited for."""


def begin(module: str, arguments: Sequence[str] = ()) -> None:
    """Start a module in it, once, if a core is free for it; what becomes of it is of no concern.

    Args:
        module: What is run, as by `python -m`.
        arguments: What follows on its command line.
    """
    global _begun
    if _begun or parent_process() is not None or os.environ.get(_IS_SECOND) or not sys.executable or n_cores() < 2:
        return
    _begun = True
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    with suppress(OSError):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", module, str(os.getpid()), *arguments],
            env=os.environ | {"PYTHONPATH": paths, _IS_SECOND: "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _kept.append(process)


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
