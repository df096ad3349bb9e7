"""What blocks are charged for is the integral of what there is.

The columns add up to capacity times time even if a change is charged too late or too early, so they are held against
looks at the caches: on the grid everything happens at multiples of a tick, and nothing in the middle of one.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.residency.kv_time import DECODE, IDLE, MOVING, PREFILL, RECOMPUTE
from tests.agreement.compare import core_of
from tests.agreement.scenario import BLOCK, Scenario
from tests.engine.random_scenarios import TICK_S, build, knobs_of
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, MemorySpec, TierSpec, constant_profile

IN_USE = [PREFILL, DECODE, RECOMPUTE, MOVING]


# What the lanes of an instance take is no multiple of a tick.
GRID = [build(replace(knobs_of(seed), grid=True, faults=True, lanes="none")) for seed in range(24)]


def orphan() -> Scenario:
    """A load from DRAM, on its way for a turn that was handed over, is lost with the prefill instance of that turn.

    The load locks nothing in HBM: only what is reserved for it says that blocks were held.
    """
    work = WorkloadBuilder(block_size=BLOCK)
    trunk = work.segment(7)
    for n_blocks, prompt, output in ((6, 151, 19), (3, 144, 1)):
        work.program()
        work.turn(work.segment(n_blocks, trunk), prompt, output)
    tick = constant_profile(overhead_s=4 * TICK_S)
    prefill = InstanceSpec(58, 8, 32, 700, tick, failures=((156 * TICK_S, 20 * TICK_S),), mode="prefill")
    decode = InstanceSpec(58, 6, 20, 700, tick, failures=((107 * TICK_S, 20 * TICK_S),), mode="decode")
    dram = TierSpec("dram", 22, (0, 0), math.inf, 64.0, TICK_S)
    return Scenario(work.build(), [prefill, decode], memory=MemorySpec((dram,), 1.0))


@pytest.mark.parametrize("scenario", [*GRID, orphan()], ids=[*map(str, range(len(GRID))), "orphan"])
def test_what_is_charged_is_the_integral_of_what_is_held(scenario: Scenario) -> None:
    core = core_of(scenario)
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
