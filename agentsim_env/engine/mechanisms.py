"""Which counters show that a rule has done what it is for: one row a rule that differs from its kind.

A run in which none of them has moved is a run without the rule: its report says so.
"""

from collections.abc import Mapping

DO_NOTHING: frozenset[tuple[str, str]] = frozenset(
    {
        ("admit_program", "admit"),
        ("schedule_turn", "fcfs"),
        ("retain_kv", "leave"),
        ("evict_kv", "lru"),
        ("preempt_turn", "last_admitted"),
        ("prefetch_kv", "none"),
        ("set_prefill_budget", "static"),
    }
)
"""Rules that have no mechanism: what an engine does by itself."""

OF_KIND: Mapping[str, tuple[str, ...]] = {
    "admit_program": ("holds", "pauses", "programs_rejected"),
    "schedule_turn": ("reordered", "held_back"),
    "retain_kv": ("pins_made", "dropped_blocks", "demoted_blocks"),
    "evict_kv": ("evicted_blocks",),
    "preempt_turn": ("preemptions",),
    "prefetch_kv": ("prefetches",),
}
"""What shows it for the rules of a kind. A router always routes: only what it does besides can fail to happen."""

OF_RULE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("admit_program", "max_programs"): ("holds", "programs_rejected"),
    ("admit_program", "watermark"): ("holds",),
    ("admit_program", "gate"): ("holds",),
    ("admit_program", "concur"): ("holds",),
    ("route_turn", "saga"): ("steals",),
    ("schedule_turn", "gate"): ("held_back",),
    ("retain_kv", "evict_always"): ("dropped_blocks",),
    ("retain_kv", "ttl"): ("pins_made",),
    ("retain_kv", "swap"): ("demoted_blocks",),
    ("retain_kv", "tokencake"): ("demoted_blocks",),
    ("retain_kv", "pensieve"): ("demoted_blocks",),
}
"""What shows it where not all of the kind's counters do."""


def shown_by(kind: str, rule: str) -> tuple[str, ...]:
    """Counters of which one at least is above 0 if the rule's mechanism has fired; none for a rule without one."""
    if (kind, rule) in DO_NOTHING:
        return ()
    return OF_RULE.get((kind, rule), OF_KIND.get(kind, ()))
