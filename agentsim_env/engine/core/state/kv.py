"""Records of KV: pools, the tiers below them, what is resident, pins, links and transfers."""

import numpy as np

from agentsim_env.engine.core.state.cache_lines import on_lines

POOL = on_lines(
    [
        ("charged_s", "f8"),  # blocks in use have been charged up to here; see engine/residency/kv_time.py
        ("capacity", "i4"),  # blocks
        ("used", "i4"),  # blocks resident, owned or reserved for what is on its way
        ("idle", "i4"),  # resident blocks that nobody locks or pins
        ("pinned", "i4"),  # resident blocks that are pinned and that nobody locks
        ("oldest", "i4"),  # idle records: those that go first, then least recently released first
        ("newest", "i4"),
        ("last_first", "i4"),  # the last of those that go first; NONE for none
        ("staging_blocks", "i4"),  # room for what is written back: it has left the pool and waits for its link
        ("staged_blocks", "i4"),  # of these, in use
        ("watermark_blocks", "i4"),  # of a lower pool: what would leave more in use has it give up a batch first
        ("batch_share", "f8"),  # share of the blocks in use that such a batch has
    ]
)

TIER = np.dtype(
    [
        ("pool", "i4"),  # NONE for none
        ("down", "i4"),  # link to it
        ("up", "i4"),  # link from it; NONE for none
    ],
    align=True,
)

RESIDENT = on_lines(
    [
        ("released_s", "f8"),  # when it was last released
        ("segment", "i4"),
        ("pool", "i4"),  # NONE for a free record
        ("blocks", "i4"),  # leading blocks of the segment that the pool holds
        ("locks", "i4"),  # turns that lock it, plus locked children
        ("pins", "i4"),  # pins on it, plus pinned children
        ("parent", "i4"),  # record of the parent segment in the same pool
        ("children", "i4"),  # resident children
        ("older", "i4"),  # neighbours among the idle records of the pool
        ("newer", "i4"),
        ("next_holder", "i4"),  # neighbours among the records of the same segment
        ("uses", "i4"),  # stays of turns in a batch that locked it and have ended
        ("shared", "i1"),  # they were of more than one program
        ("goes_first", "i1"),  # it has been given up, and nobody has locked it since
        ("torn", "i1"),  # a transfer into it was lost
        ("program", "i4"),  # program of the last stay; NONE for none
        ("previous_holder", "i4"),
        # Up to here in one cache line.
        ("idle_since_s", "f8"),  # since when nobody locks it; for token-seconds
        ("entered", "i8"),  # number of the record; a later one is larger
        ("mark", "i8"),  # scratch of eviction rules: the number of the question that `place` belongs to
        ("place", "i4"),
        # In lower tiers only, where a record has room for any run of blocks of its segment; see tiers/lower_pools.py.
        ("first", "i4"),  # first block that it has room for
        ("ready", "i4"),  # first block that has arrived
        ("ready_end", "i4"),  # end of the run of blocks that have arrived
        ("arriving", "i2"),  # transfers on their way into it
    ]
)

PIN = np.dtype(
    [
        ("expiry_s", "f8"),  # deadline
        ("turn", "i4"),  # turn that left what is pinned; NONE for a free record
        ("instance", "i4"),
        ("record", "i4"),  # deepest record that it pins
        ("next", "i4"),  # neighbours among the pins of the instance; next free record
        ("previous", "i4"),
        ("next_of_program", "i4"),  # next among the pins of the program
        ("again", "i1"),  # the rule is asked again, and no event marks the deadline
    ],
    align=True,
)

LINK = np.dtype(
    [
        ("bytes_per_s", "f8"),  # 0: nothing is sent
        ("latency_s", "f8"),
        ("block_bytes", "f8"),  # KV of one block
        ("busy_s", "f8"),  # time in which something was on it, of transfers that ended
        ("bytes", "f8"),  # moved by transfers that ended
        ("current", "i4"),  # transfer on it
        ("queue_head", "i4"),  # transfers that wait for it, in the order in which they are served
        ("queue_tail", "i4"),
        ("queue", "i1"),  # FIFO or PRIORITY
    ],
    align=True,
)

TRANSFER = np.dtype(
    [
        ("begun_s", "f8"),
        ("payer", "i4"),  # instance whose next iteration waits for it, if transfers are serialized
        ("source_pool", "i4"),
        ("target_pool", "i4"),
        ("link", "i4"),
        ("leaf", "i4"),  # leaf of the path that is copied
        ("first", "i4"),  # blocks of the path from this one ...
        ("blocks", "i4"),  # ... up to here (not included) are to be at its target
        ("missing", "i4"),  # blocks that it moves
        ("source", "i4"),  # HBM record that it locks at its source, NONE for none
        ("held", "i4"),  # record that a load locks at its target, NONE for none
        ("reserved", "i4"),  # blocks that a load keeps free at its target
        ("slot", "i4"),  # waiting turn that a load is for; NONE for none
        ("waiter", "i4"),  # of a leader: first of the turns that wait for the load
        ("next_load", "i4"),  # of a leader: next load on its way to the same instance
        ("program", "i4"),  # program that it is for, if it has set out ahead of use; NONE for none
        ("leader", "i4"),  # first transfer of the load that it belongs to; itself where it is alone
        ("sibling", "i4"),  # next transfer of the same load
        ("left", "i4"),  # of a leader: transfers of the load that have not ended
        ("next", "i4"),  # next in the queue of the link, or next free record
        ("urgency", "i1"),  # DEMAND, AHEAD or BEHIND
        ("staged", "i1"),  # its blocks are in the staging buffer of its source
        ("demotes", "i1"),  # HBM gives up what it has copied
        ("done", "i1"),  # it has ended, others of its load have not
        ("void", "i1"),  # an instance has failed: it ends without effect
    ],
    align=True,
)
