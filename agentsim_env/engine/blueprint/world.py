"""The record of the clock, the options and the counters of an episode, as it begins."""

from collections.abc import Iterable

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.state import EVICTIONS, NO_COPIES, NONE, TRANSFERS, WORLD, WRITE_POLICIES
from agentsim_env.engine.entry import FIRST_SLICE
from agentsim_env.engine.longest_context import longest_context_tokens
from agentsim_env.engine.residency.directory import FIRST_PLACES
from agentsim_env.workload.programs import Programs

STEAL_PERIOD_S = 0.1
"""How often idle instances look for work to steal (SAGA observes each 0.1 s)."""


def new_world(blueprint: Blueprint, programs: Programs, seed: int) -> np.ndarray:
    """`WORLD [1]` at time 0; what is known of events and links is for others to add."""
    world = np.zeros(1, WORLD)
    _set_no_indices(world)
    _set_cluster(world, blueprint)
    _set_rules(world, blueprint)
    world["seed"] = np.uint64(seed % 2**64)
    world["time_limit_s"] = blueprint.time_limit_s
    world["warmup_programs"] = blueprint.warmup_programs
    world["last_follower"] = max(np.flatnonzero(programs.program["after"] != NONE), default=NONE)
    world["has_loners"] = (programs.program["society"] == NONE).any()
    world["slo_ttft_s"], world["slo_tpot_s"] = blueprint.slo_ttft_s, blueprint.slo_tpot_s
    world["agent_kinds"] = _bits(blueprint.asked_kinds)
    world["policy_kinds"] = _bits(blueprint.policies)
    world["advises"] = blueprint.advice
    world["token_seconds"] = blueprint.token_seconds
    world["slice_events"] = FIRST_SLICE
    world["n_places"] = FIRST_PLACES
    return world


def _bits(kinds: Iterable[str]) -> int:
    """Kinds of decision as a bit set."""
    return sum(1 << KINDS.index(kind) for kind in kinds)


def _set_no_indices(world: np.ndarray) -> None:
    """All lists are empty, and nothing is asked."""
    for name in ("route", "parked", "plan", "arrived", "held", "paused", "prefetch"):
        world[f"{name}_head"] = world[f"{name}_tail"] = NONE
    for name in (
        "free_slot",
        "free_resident",
        "free_pin",
        "free_transfer",
        "last_routed",
        "last_handed",
        "next_budget",
    ):
        world[name] = NONE
    for name in ("asked", "asked_program", "asked_slot", "asked_instance", "answer"):
        world[name] = NONE


def _set_cluster(world: np.ndarray, blueprint: Blueprint) -> None:
    world["block_size"] = blueprint.block_size
    world["has_adapters"] = any(engine.adapter_slots > 0 for engine in blueprint.engines)
    world["longest_context"] = longest_context_tokens(blueprint.engines, blueprint.block_size)
    world["frontend_s"] = blueprint.frontend_s
    world["view_delay_s"] = blueprint.view_delay_s
    world["shares_gpus"] = any(engine.shares_gpu is not None for engine in blueprint.engines)
    world["context_switch_s"] = blueprint.context_switch_s
    world["transfers"] = TRANSFERS.index(blueprint.transfers)
    world["eviction"] = EVICTIONS.index(blueprint.eviction)
    world["write_policy"] = WRITE_POLICIES.index(blueprint.write_policy) if blueprint.tiers else NO_COPIES
    moves = any(np.any(np.asarray(tier.down_bytes_per_s) > 0) for tier in blueprint.tiers)
    writes_back = moves and blueprint.write_policy == "write_back"
    world["timed_eviction"] = blueprint.decides("evict_kv") or blueprint.eviction == "objects" or writes_back


def _set_rules(world: np.ndarray, blueprint: Blueprint) -> None:
    """What the loop has to know of the rules in force."""
    route = blueprint.row_of("route_turn")
    world["keep_tree"] = route.needs_tree
    world["router_learns"] = route.memory is not None
    world["steal_period_s"] = STEAL_PERIOD_S if route.steals else 0.0
    admission = blueprint.parameters_of("admit_program")
    world["admission_ticks"] = blueprint.row_of("admit_program").tick is not None
    world["admission_period_s"] = admission.get("period_s", blueprint.control_period_s)
    world["window"] = admission.get("first_window", 0.0)
    world["served_half_life_s"] = blueprint.parameters_of("schedule_turn").get("half_life_s", 0.0)
    retention = blueprint.parameters_of("retain_kv")
    world["retains"] = blueprint.decides("retain_kv")
    world["retains_again"] = blueprint.row_of("retain_kv").asked_again
    world["retain_period_s"] = retention.get("period_s", blueprint.control_period_s)
    world["firm_pins"] = retention.get("firm", 0.0) != 0.0
    world["expired_first"] = retention.get("expired_first", 1.0) != 0.0
    world["n_pin_times"] = len(blueprint.pin_grid_s)
    world["sets_budgets"] = blueprint.sets_budgets
    budgets = blueprint.parameters_of("set_prefill_budget")
    world["budget_period_s"] = budgets.get("period_s", blueprint.control_period_s)
    world["prefetches"] = blueprint.prefetches
    world["knows_reuse"] = blueprint.row_of("prefetch_kv").needs_owners
    world["renews"] = blueprint.parameters_of("prefetch_kv").get("renew", 0.0) != 0.0
    world["prefetch_period_s"] = blueprint.parameters_of("prefetch_kv").get("period_s", blueprint.control_period_s)
