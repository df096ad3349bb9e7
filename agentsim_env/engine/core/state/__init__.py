"""Every record of the engine: each field once, with its unit and meaning.

The state is arrays only, so that a copy of it is a snapshot. `-1` stands for "none" in every index. Records of turns
and programs are kept for all of them (they are the result); slots, resident segments and events exist only while they
live.

* `arrays`: the state, a tuple of arrays of these records
* `world`: the clock, the options and the counters of an episode
* `programs`: programs, turns, tools and tenants
* `instances`: instances and the live turns in their queues and batches
* `kv`: pools, what is resident in them, pins, links and transfers
* `constants`: numbers that stand for something
"""

from agentsim_env.engine.core.state.arrays import LAYOUT, SEEN, State, handle
from agentsim_env.engine.core.state.cache_lines import LINE_BYTES
from agentsim_env.engine.core.state.constants import (
    ACTIVE,
    AHEAD,
    BEHIND,
    CXL,
    DECODE,
    DECODE_MODE,
    DEMAND,
    DONE,
    DRAM,
    FAILED,
    FIRST,
    HELD,
    LOOK_UP,
    MAKE_ROOM,
    MIXED_MODE,
    MODES,
    MOVED,
    NO_COPIES,
    NONE,
    PREFILL,
    PREFILL_FIRST,
    PREFILL_MODE,
    READY,
    REJECTED,
    RETURNED,
    TAKE_WAITING,
    UNBORN,
    WAITING,
    WRITE_BACK,
    WRITE_THROUGH,
)
from agentsim_env.engine.core.state.instances import DUE, FINISH, INSTANCE, PROFILE, SLOT
from agentsim_env.engine.core.state.kv import LINK, PIN, POOL, RESIDENT, TIER, TRANSFER
from agentsim_env.engine.core.state.programs import AHEAD_RUN, GAP, PREFIX, PROGRAM_RUN, TENANT, TOOL, TURN_RUN
from agentsim_env.engine.core.state.world import EVENT, WORLD

__all__ = [
    "ACTIVE",
    "AHEAD",
    "AHEAD_RUN",
    "BEHIND",
    "CXL",
    "DECODE",
    "DECODE_MODE",
    "DEMAND",
    "DONE",
    "DRAM",
    "DUE",
    "EVENT",
    "FAILED",
    "FINISH",
    "FIRST",
    "GAP",
    "HELD",
    "INSTANCE",
    "LAYOUT",
    "LINE_BYTES",
    "LINK",
    "LOOK_UP",
    "MAKE_ROOM",
    "MIXED_MODE",
    "MODES",
    "MOVED",
    "NONE",
    "NO_COPIES",
    "PIN",
    "POOL",
    "PREFILL",
    "PREFILL_FIRST",
    "PREFILL_MODE",
    "PREFIX",
    "PROFILE",
    "PROGRAM_RUN",
    "READY",
    "REJECTED",
    "RESIDENT",
    "RETURNED",
    "SEEN",
    "SLOT",
    "TAKE_WAITING",
    "TENANT",
    "TIER",
    "TOOL",
    "TRANSFER",
    "TURN_RUN",
    "UNBORN",
    "WAITING",
    "WORLD",
    "WRITE_BACK",
    "WRITE_THROUGH",
    "State",
    "handle",
]
