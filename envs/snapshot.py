"""An episode of an environment at a moment, to come back to."""

from typing import NamedTuple

import numpy as np

from agentsim_env import simulator


class Snapshot(NamedTuple):
    """What `env.snapshot()` returns: the simulation, what has been charged of it, and its last step.

    It can be pickled, and restored in any environment of the same class, scenario and kinds of decision. The random
    numbers from which `reset` draws seeds where it is given none are no part of an episode, and not in it.
    """

    simulation: "simulator.Snapshot"
    books: np.ndarray
    time_s: float
    last_s: float
