"""What the KV memory of the instances was held for, over time."""

import numpy as np

from agentsim_env.engine.core.state import State
from agentsim_env.engine.entry import block_seconds
from agentsim_env.engine.residency.kv_time import IDLE

TOKEN_SECONDS: dict[str, str] = {
    "prefill": "prefill",
    "decode": "decode",
    "recompute": "recomputation",
    "moving": "transfers while nothing runs",
    "reused": "idle, used again",
    "wasted": "idle, wasted",
    "unused": "unused",
}
"""What for, and in words. Together they are capacity times time."""


def token_seconds(state: State, now_s: float) -> np.ndarray:
    """`TOKEN_SECONDS` of each instance, `f8 [kinds, N]`; NaN where the engine does not add them up.

    Args:
        state: The simulation, all its instances synchronised.
        now_s: Simulated time.
    """
    n = len(state.instance)
    if not state.world["token_seconds"][0]:
        return np.full((len(TOKEN_SECONDS), n), np.nan)
    held = block_seconds(state)[:, :IDLE]
    unused = state.pool["capacity"][:n] * now_s - held.sum(axis=1)
    return np.column_stack([held, unused]).T * float(state.world["block_size"][0])
