"""What the second process of a first start does: it compiles what every scenario calls, from the last to the first.

The first process compiles what it calls, from the first to the last. Where they meet one waits for the other.
"""

import os
import sys

from agentsim_env.engine import entry as _engine  # noqa: F401  declares all components
from agentsim_env.engine.core.component import make_all
from agentsim_env.engine.core.usual import USUAL


def main(first_process: int) -> None:
    """Compile all, as long as the first process is there."""
    make_all(tuple(reversed(USUAL)), lambda: os.getppid() == first_process)


if __name__ == "__main__":
    main(int(sys.argv[1]))
