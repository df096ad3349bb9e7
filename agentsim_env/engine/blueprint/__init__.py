"""From engines and programs to a fresh `State`: `Blueprint` is what stays, `new_state` what each episode begins with.

* `blueprint`: what a simulation is made of, whatever its workload
* `latency_rows`: the latency tables of its engines, at every whole number of tokens and of sequences
* `topology`: instances, pools, tiers and the links between them
* `world`: the clock, the options and the counters of an episode
* `allocation`: the arrays of an episode, and how large they can get
* `reserved`: memory for them
"""

from agentsim_env.engine.blueprint.allocation import LAST_GAPS, new_state
from agentsim_env.engine.blueprint.blueprint import PIN_GRID_S, Blueprint, EngineLike, Peer, Tier
from agentsim_env.engine.blueprint.world import STEAL_PERIOD_S

__all__ = [
    "LAST_GAPS",
    "PIN_GRID_S",
    "STEAL_PERIOD_S",
    "Blueprint",
    "EngineLike",
    "Peer",
    "Tier",
    "new_state",
]
