"""Numbers that stand for something in the state."""

NONE = -1
"""No index: of every field that is one."""

# States of a program.
UNBORN, HELD, ACTIVE, DONE, REJECTED, FAILED = range(6)

# States of a live turn (a slot).
READY, WAITING, PREFILL, DECODE = range(4)

MODES = ("mixed", "prefill_first", "prefill", "decode")
"""How an instance forms its iterations (mode of an instance in a scenario)."""

MIXED_MODE, PREFILL_FIRST, PREFILL_MODE, DECODE_MODE = range(len(MODES))

# Stays of a turn in a batch: the first, one after it was handed over, one after preemption or a lost instance.
FIRST, MOVED, RETURNED = range(3)

# Stages of forming an iteration: prefills that run are looked up, running turns get blocks, waiting turns join.
LOOK_UP, MAKE_ROOM, TAKE_WAITING = range(3)

# Tiers below HBM, the upper one first.
DRAM, CXL = range(2)

# What becomes of KV on its own: a copy is made when a turn ends, when HBM gives it up, or never.
NO_COPIES, WRITE_THROUGH, WRITE_BACK = range(3)

# Classes of transfers, the most urgent first: a turn waits, a turn is expected, nobody waits.
DEMAND, AHEAD, BEHIND = range(3)
