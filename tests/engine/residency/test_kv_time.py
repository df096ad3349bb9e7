"""What blocks are charged for is the integral of what there is.

The columns add up to capacity times time even if a change is charged too late or too early, so they are held against
looks at the caches: on the grid everything happens at multiples of a tick, and nothing in the middle of one.
"""

from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.residency.kv_time import DECODE, IDLE, MOVING, PREFILL, RECOMPUTE
from tests.agreement.compare import core_of
from tests.engine.random_scenarios import TICK_S, Knobs, build, knobs_of

IN_USE = [PREFILL, DECODE, RECOMPUTE, MOVING]


GRID = [replace(knobs_of(seed), grid=True, faults=True) for seed in range(24)]
# In these, loads that nothing stands on in HBM are lost with the prefill instance that they do not come from.
ORPHANS = [
    replace(knobs_of(seed), grid=True, faults=True, tier=True, modes="pools", n_instances=4) for seed in (153, 245)
]


@pytest.mark.parametrize("knobs", GRID + ORPHANS, ids=lambda knobs: str(knobs.seed))
def test_what_is_charged_is_the_integral_of_what_is_held(knobs: Knobs) -> None:
    core = core_of(build(knobs))
    state = core.state
    pool = state.pool[: len(state.instance)]
    in_use_s, idle_s = np.zeros(len(pool)), np.zeros(len(pool))
    ticks = 0
    while True:
        state.world["time_limit_s"] = (ticks + 0.5) * TICK_S
        if core.advance() == ENDED:
            break
        core.synchronise()
        idle = pool["idle"] + pool["pinned"]
        in_use_s += (pool["used"] - idle) * TICK_S
        idle_s += idle * TICK_S
        ticks += 1
    charged = core.block_seconds()
    assert charged[:, IN_USE].sum(axis=1) == pytest.approx(in_use_s)
    assert charged[:, IDLE] == pytest.approx(idle_s)
