"""The kinds of decision, and which of them someone outside may answer."""

KINDS: tuple[str, ...] = (
    "admit_program",
    "route_turn",
    "schedule_turn",
    "retain_kv",
    "evict_kv",
    "preempt_turn",
    "prefetch_kv",
    "set_prefill_budget",
)
"""Every decision kind, in the order of their numbers."""

(
    ADMIT_PROGRAM,
    ROUTE_TURN,
    SCHEDULE_TURN,
    RETAIN_KV,
    EVICT_KV,
    PREEMPT_TURN,
    PREFETCH_KV,
    SET_PREFILL_BUDGET,
) = range(len(KINDS))

ADMIT, HOLD, REJECT = range(3)
"""Answers to `admit_program`."""

LEAVE, DROP, TO_DRAM, TO_CXL, PIN = range(5)
"""Answers to `retain_kv`; PIN + k: pin for entry k of the scenario's grid, and behind the grid, for rules only, for
`world.pin_s`."""

DROP_KV, DOWN_TO_DRAM, DOWN_TO_CXL = range(3)
"""Where `evict_kv` sends what it takes: the answer is TARGETS * candidate + target."""

TARGETS = 3

OPEN_KINDS: tuple[str, ...] = (
    "admit_program",
    "route_turn",
    "schedule_turn",
    "retain_kv",
    "evict_kv",
    "preempt_turn",
    "prefetch_kv",
)
"""Kinds that an agent outside the engine can be asked to answer."""

MORE_ANSWERS: dict[str, int] = {"schedule_turn": 1, "prefetch_kv": 1}
"""Answers besides the candidates, behind the last possible one. `schedule_turn`: hold all of them back; `prefetch_kv`:
none."""

# What `advance` returns besides the number of a kind. PAUSED: nothing is asked, and it goes on when it is called again.
ENDED, TRUNCATED, STUCK, PAUSED = -1, -2, -3, -4
