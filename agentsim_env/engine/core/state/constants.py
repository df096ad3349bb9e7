"""Numbers that stand for something in the state."""

NONE = -1
"""No index: of every field that is one."""

# States of a program.
UNBORN, HELD, ACTIVE, DONE, REJECTED, FAILED = range(6)

# States of a live turn (a slot).
READY, WAITING, PREFILL, DECODE = range(4)

# Stays of a turn in a batch: the first, one after it was handed over, one after preemption or a lost instance.
FIRST, MOVED, RETURNED = range(3)

# What turns the mask of a routing decision is for: one; or all that are to be prefilled, or to decode elsewhere than
# where they were prefilled, if their context is not longer than any instance takes.
FOR_ONE, FOR_NEW, FOR_HANDED = range(3)

# Stages of forming an iteration: prefills that run are looked up, running turns get blocks, waiting turns join it, or,
# with `async_scheduling`, the one after it, or the prefill lane.
LOOK_UP, MAKE_ROOM, TAKE_WAITING, TAKE_AHEAD, TAKE_PROMPT = range(5)

# Classes of transfers, the most urgent first: a turn waits, a turn is expected, nobody waits.
DEMAND, AHEAD, BEHIND = range(3)

# Choices that a scenario names: their names as they stand there, and their numbers.

MODES = ("mixed", "prefill_first", "two_lanes", "prefill", "decode")
"""How an instance forms its iterations; the last two take one half of the work of a turn each."""

MIXED_MODE, PREFILL_FIRST, TWO_LANES, PREFILL_MODE, DECODE_MODE = range(len(MODES))

TIER_KINDS = ("dram", "cxl")
"""Tiers below HBM, the upper one first."""

DRAM, CXL = range(len(TIER_KINDS))

WRITE_POLICIES = ("none", "write_through", "write_back")
"""When KV is copied down on its own: never, when a turn ends, or when HBM gives it up."""

NO_COPIES, WRITE_THROUGH, WRITE_BACK = range(len(WRITE_POLICIES))

EVICTIONS = ("blocks", "objects")
"""What goes at a time when blocks are needed: as many as are short, or a whole record."""

BLOCKS, OBJECTS = range(len(EVICTIONS))

TRANSFERS = ("overlap", "serialized")
"""Instances compute while KV is moved; or a transfer takes effect at once, and the next iteration pays its time."""

OVERLAP, SERIALIZED = range(len(TRANSFERS))

QUEUES = ("fifo", "priority", "distance")
"""Which transfer a link takes next: the first that came; of the most urgent class the first that came; or likewise, and
of what is brought up ahead of its use the one with the smallest invocation distance."""

FIFO, PRIORITY, DISTANCE = range(len(QUEUES))
