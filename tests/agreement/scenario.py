"""A cluster, its rules and a workload: all that either simulator needs."""

from dataclasses import dataclass, field

from agentsim_env.workload.programs import Programs
from tests.reference.description import InstanceSpec, MemorySpec

BLOCK = 16
"""Tokens of a block."""


@dataclass(frozen=True)
class Scenario:
    """What both simulators are given; what is left out is as plain as it can be.

    Attributes:
        rule: Rule that routes; `capacity_limit` is a parameter of `session_affinity`.
        view_delay_s: How often the router's view is refreshed; 0: it is always fresh.
        rule_seed: Seed of the rules that take chance.
        context_switch_s: An iteration that begins while others of its GPU work takes so much longer.
        warmup_programs: Programs before this one do not count.
    """

    programs: Programs
    specs: list[InstanceSpec]
    rule: str = "least_loaded"
    route_parameters: dict[str, float] = field(default_factory=dict)
    schedule: str = "fcfs"
    schedule_parameters: dict[str, float] = field(default_factory=dict)
    preempt: str = "last_admitted"
    admit: str = "admit"
    admit_parameters: dict[str, float] = field(default_factory=dict)
    rule_seed: int = 0
    capacity_limit: int = 64
    frontend_s: float = 0.0
    warmup_programs: int = 0
    memory: MemorySpec | None = None
    retain: str = "leave"
    retain_parameters: dict[str, float] = field(default_factory=dict)
    evict: str = "lru"
    eviction: str = "blocks"
    evict_parameters: dict[str, float] = field(default_factory=dict)
    prefetch: str = "none"
    prefetch_parameters: dict[str, float] = field(default_factory=dict)
    view_delay_s: float = 0.0
    context_switch_s: float = 0.0
    budget: str = "keep"
    budget_parameters: dict[str, float] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, str]:
        """Name of the rule of each kind of decision."""
        return {
            "admit_program": self.admit,
            "route_turn": self.rule,
            "schedule_turn": self.schedule,
            "preempt_turn": self.preempt,
            "retain_kv": self.retain,
            "evict_kv": self.evict,
            "prefetch_kv": self.prefetch,
            "set_prefill_budget": self.budget,
        }

    @property
    def parameters(self) -> dict[str, dict[str, float]]:
        """Parameters of these rules, by kind of decision."""
        return {
            "admit_program": self.admit_parameters,
            "route_turn": (
                {"capacity_limit": self.capacity_limit} if self.rule == "session_affinity" else self.route_parameters
            ),
            "schedule_turn": self.schedule_parameters,
            "retain_kv": self.retain_parameters,
            "evict_kv": self.evict_parameters,
            "prefetch_kv": self.prefetch_parameters,
            "set_prefill_budget": self.budget_parameters,
        }
