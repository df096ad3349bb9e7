"""Runs a command that ends: after a limit, or when what has started it is gone, with all that it has started itself.

python -m benchmarks.bounded SECONDS PARENT COMMAND...
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

CUT_OFF = 124
"""Exit status of a command that has reached its limit, as that of `timeout`."""

ROOT = Path(__file__).resolve().parents[1]

_PR_SET_PDEATHSIG = 1


def run_bounded(command: Sequence[str], limit_s: float, output: IO[str] | None = None) -> int:
    """Run a command from the root of the repository; its exit status, `CUT_OFF` if it took longer than the limit.

    Args:
        command: The command.
        limit_s: Seconds after which it is killed.
        output: Where what it prints goes; None: where what this process prints goes.
    """
    supervisor = [sys.executable, "-m", "benchmarks.bounded", str(limit_s), str(os.getpid()), *command]
    return subprocess.run(supervisor, cwd=ROOT, stdout=output, stderr=output, check=False).returncode


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Let the system send this process a signal when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


def main() -> None:
    """Start the command in a group of its own, wait, and end the group."""
    limit_s, parent, command = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(CUT_OFF))
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(CUT_OFF)
    child = subprocess.Popen(command, start_new_session=True)
    try:
        status = child.wait(limit_s)
    except subprocess.TimeoutExpired:
        status = CUT_OFF
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    sys.exit(status)


if __name__ == "__main__":
    main()
