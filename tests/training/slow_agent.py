"""An agent that takes its time, so that an evaluation can be stopped in the middle of it; it says who plays what."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Slow:
    name = "slow"

    def reset(self, seed: int) -> None:
        with Path(os.environ["SLOW_AGENT_LOG"]).open("a") as file:
            file.write(f"{os.getpid()} {seed}\n")
        time.sleep(float(os.environ.get("SLOW_AGENT_S", "0")))

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        return int(np.flatnonzero(info["action_mask"])[-1])


def killed(description: object) -> Callable[[int], None]:
    """Something that no process survives."""

    def play(seed: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    return play
