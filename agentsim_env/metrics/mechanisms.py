"""What the rules of a run have done, and which of them have done nothing."""

from typing import TYPE_CHECKING

from agentsim_env.engine.tables import shown_by

if TYPE_CHECKING:
    from agentsim_env.metrics.records import Records

INSTANCE_COUNTERS = (
    "preemptions",
    "reordered",
    "held_back",
    "steals",
    "pins_made",
    "pins_used",
    "pins_expired",
    "pins_broken",
    "evicted_blocks",
    "dropped_blocks",
    "demoted_blocks",
    "stored_blocks",
    "loaded_blocks",
    "lost_blocks",
    "migrated_blocks",
    "prefetches",
    "prefetches_used",
    "prefetches_wasted",
    "prefetches_interrupted",
    "prefetches_cancelled",
    "wasted_bytes",
    "adapter_lookups",
    "adapter_hits",
    "adapter_loads",
    "adapter_load_bytes",
    "merged_prefills",
    "rebinds",
    "budget_changes",
)
"""Columns of the instances that count what rules do; the warm-up is in them."""


def counters(records: "Records") -> dict[str, float]:
    """How often each mechanism has fired, over all programs and instances, the warm-up included."""
    programs, instances = records.programs, records.instances
    names = [name for name in INSTANCE_COUNTERS if name in (instances.dtype.names or ())]
    return {
        "holds": float((programs["held_s"] > 0.0).sum()),
        "pauses": float(programs["pauses"].sum()),
        **{name: float(instances[name].sum()) for name in names},
    }


def idle_rules(records: "Records") -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind, rule and counters of the rules whose defining mechanism never fired in a run."""
    counted = counters(records) | {"programs_rejected": float((records.programs["state"] == "rejected").sum())}
    outside = records.metadata.get("agent_kinds", ())
    idle = []
    for kind, rule in records.metadata.get("rules", {}).items():
        shown = shown_by(kind, rule)
        if shown and kind not in outside and not any(counted.get(name, 0.0) for name in shown):
            idle.append((kind, rule, shown))
    return idle
