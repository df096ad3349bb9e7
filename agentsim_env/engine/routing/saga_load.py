"""SAGA's measure of load, which its placement and its work stealing share."""

from agentsim_env.engine.batch.look import busy_blocks, turns
from agentsim_env.engine.core.jit import compiled


@compiled
def load(state, i):
    """Share of the batch or of the blocks of instance `i`, whichever is scarcer, that its turns take, waiting or not.

    SAGA compares a worker's utilisation with 0.8 and does not define it further. The batch alone (`max_num_seqs`) would
    say that an instance whose memory is full of long contexts is idle. Contexts that are pinned while tools run are no
    load: if they were, sessions would leave the instances that SAGA's own pins have filled, and their pins with them.
    """
    sequences = turns(state, i) / state.seen[i].max_num_seqs
    blocks = (busy_blocks(state, i) + state.seen[i].demand_blocks) / state.seen_pool[i].capacity
    return max(sequences, blocks)
