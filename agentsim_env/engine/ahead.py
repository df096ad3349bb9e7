"""What the second process of a first start does: it compiles what every scenario calls, from the last to the first.

The first process compiles what it calls, from the first to the last. Where they meet one waits for the other.
"""

import os
import sys

from agentsim_env.engine import entry as _engine  # noqa: F401  declares all components
from agentsim_env.engine.core import second_process
from agentsim_env.engine.core.component import every_name, make_all
from agentsim_env.engine.core.usual import USUAL

_ALL = "all"


def begin_with_all() -> None:
    """Start a second process that compiles every component, from the last to the first."""
    second_process.begin(__name__, [_ALL])


def main(first_process: int, *which: str) -> None:
    """Compile, as long as the first process is there."""
    names = every_name() if _ALL in which else USUAL
    make_all(tuple(reversed(names)), lambda: os.getppid() == first_process)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
