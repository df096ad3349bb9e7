"""Processes that hear Ctrl-C, also where the tests run in the background of a shell, which has it ignored."""

import signal


def hear_interrupts() -> None:
    """For `preexec_fn`: a process inherits what is ignored, and Python then leaves it so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
