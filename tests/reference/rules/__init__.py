"""Who answers each kind of decision; a module has the rules of a kind in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.reference.rules.admission import ADMISSIONS, AdmissionRule
from tests.reference.rules.budget import BUDGETS, Budget, keep
from tests.reference.rules.eviction import EVICTIONS, Evict, lru
from tests.reference.rules.prefetch import PREFETCHES, Prefetch, none
from tests.reference.rules.retention import RETENTIONS, Retain, leave
from tests.reference.rules.routing import Route, least_loaded, route
from tests.reference.rules.rule import Parameters, Rule
from tests.reference.rules.scheduling import PREEMPTIONS, SCHEDULES, Preempt, Schedule, fcfs, last_admitted


@dataclass(frozen=True)
class Rules:
    """One field per kind of decision, by the name of the kind; by default its default rule.

    Attributes:
        half_life_s: Time without a turn after which half of what a program was served counts.
    """

    admit_program: AdmissionRule = field(default_factory=AdmissionRule)
    route_turn: Route = least_loaded
    schedule_turn: Schedule = fcfs
    half_life_s: float = 60.0
    preempt_turn: Preempt = last_admitted
    retain_kv: Rule[Retain] = field(default_factory=lambda: Rule(leave))
    evict_kv: Rule[Evict] = field(default_factory=lambda: Rule(lru))
    prefetch_kv: Rule[Prefetch] = field(default_factory=lambda: Rule(none))

    set_prefill_budget: Rule[Budget] = field(default_factory=lambda: Rule(keep))

    @property
    def times_eviction(self) -> bool:
        """Whether victims of eviction are chosen by more than their age."""
        return self.evict_kv.answer is not lru

    @classmethod
    def named(
        cls, names: Mapping[str, str], parameters: Mapping[str, Parameters], seed: int = 0, block_size: int = 16
    ) -> Rules:
        """The rules with these names, by kind.

        Args:
            names: All eight.
            parameters: Those of each rule that has any.
            seed: Of the routing rules that take chance.
            block_size: Tokens of a block, for routing rules that look at prefixes.
        """
        of = {kind: parameters.get(kind, {}) for kind in names}
        return cls(
            admit_program=ADMISSIONS[names["admit_program"]](of["admit_program"]),
            route_turn=route(names["route_turn"], seed, of["route_turn"], block_size),
            schedule_turn=SCHEDULES[names["schedule_turn"]],
            half_life_s=of["schedule_turn"].get("half_life_s", 60.0),
            preempt_turn=PREEMPTIONS[names["preempt_turn"]],
            retain_kv=Rule(RETENTIONS[names["retain_kv"]], of["retain_kv"]),
            evict_kv=Rule(EVICTIONS[names["evict_kv"]], of["evict_kv"]),
            prefetch_kv=Rule(PREFETCHES[names["prefetch_kv"]], of["prefetch_kv"]),
            set_prefill_budget=Rule(BUDGETS[names["set_prefill_budget"]], of["set_prefill_budget"]),
        )
