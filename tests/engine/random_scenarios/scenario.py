"""The scenario that knobs stand for."""

from tests.agreement.scenario import Scenario
from tests.engine.random_scenarios.adapters import with_adapters
from tests.engine.random_scenarios.cluster import random_instances, random_memory
from tests.engine.random_scenarios.giving_way import with_loads_ahead, with_slow_links
from tests.engine.random_scenarios.knobs import Knobs
from tests.engine.random_scenarios.parameters import (
    admit_parameters,
    budget_parameters,
    evict_parameters,
    prefetch_parameters,
    retain_parameters,
    route_parameters,
    schedule_parameters,
)
from tests.engine.random_scenarios.streams import Streams
from tests.engine.random_scenarios.workload import random_workload


def build(knobs: Knobs) -> Scenario:
    streams = Streams(knobs.seed)
    knobs = with_loads_ahead(knobs, streams("loads ahead"))
    programs = random_workload(knobs, streams)
    specs = random_instances(knobs, streams, programs)
    memory = with_slow_links(knobs, random_memory(knobs, streams, specs), streams("slow links"))
    programs, specs = with_adapters(knobs, programs, specs, memory, streams("adapters of programs"))
    return Scenario(
        programs=programs,
        specs=specs,
        rule=knobs.rule,
        route_parameters=route_parameters(knobs, streams("parameters of route_turn")),
        schedule=knobs.schedule,
        schedule_parameters=schedule_parameters(knobs, streams("parameters of schedule_turn")),
        preempt=knobs.preempt,
        admit=knobs.admit,
        admit_parameters=admit_parameters(knobs, streams("parameters of admit_program")),
        rule_seed=int(streams("seed of rules").integers(2**63)),
        capacity_limit=int(streams("capacity_limit").choice([1, 2, 4, 64])),
        frontend_s=knobs.frontend_s,
        warmup_programs=int(streams("warm-up").integers(0, max(1, knobs.n_programs // 3))),
        memory=memory,
        retain=knobs.retain,
        retain_parameters=retain_parameters(knobs, streams("parameters of retain_kv")),
        evict=knobs.evict,
        eviction=knobs.eviction,
        evict_parameters=evict_parameters(knobs, streams("parameters of evict_kv")),
        prefetch=knobs.prefetch,
        prefetch_parameters=prefetch_parameters(knobs, streams("parameters of prefetch_kv")),
        view_delay_s=knobs.view_delay_s,
        context_switch_s=knobs.context_switch_s,
        budget=knobs.budget,
        budget_parameters=budget_parameters(knobs, streams("parameters of set_prefill_budget")),
    )
