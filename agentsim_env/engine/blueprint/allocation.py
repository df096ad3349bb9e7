"""The arrays of an episode: each as large as it can get, with nothing in it that has happened yet."""

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint
from agentsim_env.engine.blueprint.known_events import Known, event_heap, known_events
from agentsim_env.engine.blueprint.lanes import lanes_of
from agentsim_env.engine.blueprint.policies import policy_arrays
from agentsim_env.engine.blueprint.reserved import reserved
from agentsim_env.engine.blueprint.topology import Topology, topology
from agentsim_env.engine.blueprint.world import new_world
from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.engine.core.jit import COMPILED
from agentsim_env.engine.core.state import (
    ADAPTER_SLOT,
    AHEAD_RUN,
    DUE,
    FINISH,
    GAP,
    NONE,
    PIN,
    PREFIX,
    PROGRAM_RUN,
    RESIDENT,
    SEEN,
    SLOT,
    TENANT,
    TOOL,
    TRANSFER,
    TURN_RUN,
    State,
)
from agentsim_env.engine.entry import FAULTS_AT_ONCE
from agentsim_env.engine.programs.future_uses import due_after, uses_of
from agentsim_env.engine.programs.memory_owners import adapter_owners, segment_owners
from agentsim_env.engine.programs.shared_prefixes import shared_prefixes
from agentsim_env.engine.programs.step_table import step_table
from agentsim_env.engine.residency.directory import FIRST_PLACES
from agentsim_env.engine.tables import RULES
from agentsim_env.workload.faults import Faults
from agentsim_env.workload.programs import Programs
from agentsim_env.workload.validation import InvalidProgramsError, validate

LAST_GAPS = 100
"""Gaps that are remembered of each tool (Continuum: K = 100)."""

MOST_PARAMETERS = 16
"""Parameters that a rule may have."""

TICKS_AT_ONCE = 7
"""Ticks of all kinds that are due at a time at most."""

Arrays = dict[str, np.ndarray]


def new_state(
    blueprint: Blueprint, programs: Programs, faults: np.ndarray | Faults | None = None, seed: int = 0
) -> State:
    """A state at time 0 in which nothing has happened yet.

    Args:
        blueprint: The simulation.
        programs: The workload.
        faults: `agentsim_env.workload.FAULT` array of failures and returns, or where they are to be had from; then the
            state has the first ones, and `Core` must be given the rest. Late starts of engines come on top.
        seed: For chance inside rules.

    Raises:
        InvalidProgramsError: The workload breaks a promise of `Programs`, or is not one for this cluster.
    """
    _check(blueprint, programs)
    around, known = topology(blueprint), known_events(blueprint, faults)
    world = new_world(blueprint, programs, seed)
    world["has_links"] = len(around.link) > 0
    world["least_context"] = around.instance["max_context"].min()
    world["n_events"] = len(known.events)
    world["faults"], world["faults_until_s"] = known.n_faults, known.faults_until_s
    arrays = {
        "world": world,
        **around._asdict(),
        **_workload(blueprint, programs),
        **step_table(programs),
        **_future(blueprint, programs),
        **_owners(blueprint, programs),
        **_batches(blueprint),
        **_adapters(blueprint, programs),
        **lanes_of(blueprint),
        **_residency(blueprint, around, len(programs.segment)),
        **_live(blueprint, programs, around, known),
        **_decisions(blueprint),
    }
    return _with_views(arrays, delayed=blueprint.view_delay_s > 0)


def _check(blueprint: Blueprint, programs: Programs) -> None:
    """The one way of a workload into compiled code, which follows its indices without looking."""
    validate(programs)
    if programs.block_size != blueprint.block_size:
        sizes = f"{programs.block_size} tokens, those of the cluster {blueprint.block_size}"
        raise InvalidProgramsError(f"the blocks of the programs have {sizes}")
    if len(programs.program) == 0:
        raise InvalidProgramsError("there is no program: an episode has at least one")


def _workload(blueprint: Blueprint, programs: Programs) -> Arrays:
    """Programs, turns and tools: what is given, and what becomes of each."""
    n_tools = max(1, len(programs.tools))
    n_queued = len(programs.edge) if any(tool.concurrency for tool in programs.tools) else 0
    needs_paths = blueprint.row_of("schedule_turn").needs_paths
    needs_served = blueprint.row_of("schedule_turn").needs_served
    return {
        "program": programs.program,
        "turn": programs.turn,
        "edge": programs.edge,
        "segment": programs.segment,
        "program_run": _program_runs(programs),
        "turn_run": _turn_runs(programs),
        "ahead": _ahead_runs(len(programs.program) if blueprint.prefetches else 0),
        "served_tokens": np.zeros(len(programs.program) if needs_served else 0),
        "path_s": np.zeros(len(programs.turn) if needs_paths else 0),
        "edge_next": np.zeros(n_queued, "i4"),
        "edge_attempt": np.zeros(n_queued, "i2"),
        "tool": _tools(programs),
        "gap": np.zeros(n_tools + 1, GAP),
        "last_gaps_s": np.zeros((n_tools + 1, LAST_GAPS)),
        "tenant": np.zeros(len(programs.tenants), TENANT),
    }


def _future(blueprint: Blueprint, programs: Programs) -> Arrays:
    """What rules that look ahead, or attribute shared prefixes, know of the workload."""
    looks_ahead = any(blueprint.row_of(kind).needs_future for kind in KINDS)
    attributes = blueprint.attributes_prefixes
    use_first, use_turn = uses_of(programs) if looks_ahead else (np.zeros(0, "i4"), np.zeros(0, "i4"))
    return {
        "due_after_s": due_after(programs) if looks_ahead else np.zeros(0),
        "use_first": use_first,
        "use_turn": use_turn,
        "use_at": use_first[:-1].copy(),
        "prefix": shared_prefixes(programs) if attributes else np.zeros(0, PREFIX),
        "sharer": np.zeros(len(programs.segment) if attributes else 0, "i4"),
    }


def _owners(blueprint: Blueprint, programs: Programs) -> Arrays:
    """Who shares segments and adapters, where a rule looks at it, or an agent is shown what they report."""
    shown = "evict_kv" in blueprint.asked_kinds and len(programs.report) > 0
    asked = shown or any(blueprint.row_of(kind).needs_owners for kind in KINDS)
    nobody = (np.zeros(0, "i4"), np.zeros(0, "i4"))
    owner_first, owner = segment_owners(programs) if asked else nobody
    adapter_first, adapter_owner = adapter_owners(programs) if asked else nobody
    return {
        "owner_first": owner_first,
        "owner": owner,
        "adapter_first": adapter_first,
        "adapter_owner": adapter_owner,
    }


def _batches(blueprint: Blueprint) -> Arrays:
    """What instances keep of their batches, and how long their iterations take."""
    n, latency = len(blueprint.engines), blueprint.latency
    most_seqs = max(engine.max_num_seqs for engine in blueprint.engines)
    return {
        "residue": np.zeros((n, blueprint.block_size), "i4"),
        "finish": np.zeros((n, most_seqs), FINISH),
        "ended": np.zeros(most_seqs if blueprint.decides("retain_kv") else 0, "i4"),
        "due": np.zeros(n, DUE),
        "due_at": np.full(n, NONE, "i4"),
        "present": np.zeros(n, "i4"),
        "block_s": np.zeros((n, 7)),
        "profile": latency.profile,
        "by_tokens": latency.by_tokens,
        "by_seqs": latency.by_seqs,
    }


def _adapters(blueprint: Blueprint, programs: Programs) -> Arrays:
    """Slots of adapters, with nothing in them yet, and where each adapter is."""
    n, slots = len(blueprint.engines), max(engine.adapter_slots for engine in blueprint.engines)
    slot = np.zeros((n, slots), ADAPTER_SLOT)
    slot["adapter"] = slot["load"] = NONE
    n_adapters = int(programs.program["adapter"].max()) + 1 if slots else 0
    return {"adapter_slot": slot, "adapter_at": np.full((n, n_adapters), NONE, "i4")}


def _residency(blueprint: Blueprint, around: Topology, n_segments: int) -> Arrays:
    """Records of segments in pools, and where they are found."""
    most = min(n_segments * len(around.pool), int(around.pool["capacity"].sum())) + 1
    return {
        "holder": np.full(n_segments if blueprint.lists_holders else 0, NONE, "i4"),
        "incoming": np.zeros(n_segments if len(around.link) else 0, "i4"),
        "resident": reserved(most, RESIDENT),
        "place": reserved(max(FIRST_PLACES, 1 << (2 * most - 1).bit_length()), np.dtype("i8")),
    }


def _live(blueprint: Blueprint, programs: Programs, around: Topology, known: Known) -> Arrays:
    """What lives for a while: slots, pins, transfers and events."""
    live = _most_live(programs)
    n_pins = len(programs.turn) if blueprint.decides("retain_kv") else 0
    n_lanes = len(blueprint.engines) if blueprint.has_lanes else 0
    n_others = len(around.link) + len(programs.step_s) + n_lanes
    n_fault_events = FAULTS_AT_ONCE + len(blueprint.engines) if np.isfinite(known.faults_until_s) else 0
    memory = blueprint.row_of("route_turn").memory
    return {
        "slot": reserved(live, SLOT),
        "memory": np.zeros((len(blueprint.engines), memory.per_instance) if memory else (0, 0)),
        "sent_as": np.zeros((live, memory.per_turn) if memory else (0, 0)),
        "pin": reserved(n_pins, PIN),
        "transfer": reserved(_most_transfers(blueprint, programs, around, live), TRANSFER),
        "event": event_heap(known, live + n_others + n_fault_events + TICKS_AT_ONCE + n_pins),
    }


def _most_live(programs: Programs) -> int:
    """Upper bound on turns, and on timed events, that live at once: one per chain, all turns and edges of a DAG."""
    first, n_turns = programs.program["first_turn"], programs.program["n_turns"]
    edges = np.diff(programs.turn["first_edge"][first], append=len(programs.edge))
    most_edges = np.maximum.reduceat(programs.turn["n_edges"], first)
    most_parents = np.maximum.reduceat(programs.turn["n_parents"], first)
    chain = (edges == n_turns - 1) & (most_edges <= 1) & (most_parents <= 1)
    return int(np.where(chain, 1, edges + n_turns).sum()) + 1


def _most_transfers(blueprint: Blueprint, programs: Programs, around: Topology, live: int) -> int:
    """Room for transfers: copies of what turns leave, loads of those that wait or act, what is staged."""
    if not blueprint.tiers and blueprint.peer is None:
        return 0
    per_tier = 2 * len(programs.turn) + live
    adapters = live + len(programs.program) if any(engine.adapter_slots for engine in blueprint.engines) else 0
    staged = int(np.minimum(around.pool["staging_blocks"], around.pool["capacity"]).sum())
    return per_tier * len(blueprint.tiers) + live + len(programs.program) + adapters + staged


def _decisions(blueprint: Blueprint) -> Arrays:
    """The rules in force, their parameters, and room for what a decision offers."""
    n, parameter = len(blueprint.engines), np.zeros((len(KINDS), MOST_PARAMETERS))
    for k, kind in enumerate(KINDS):
        values = blueprint.parameters_of(kind)
        parameter[k, : len(values)] = list(values.values())
    return {
        "rule": np.array([RULES[kind].index(blueprint.rule_of(kind)) for kind in KINDS], "i4"),
        "parameter": parameter,
        "pin_grid_s": np.array(blueprint.pin_grid_s, float),
        "allowed": np.zeros(n, "u1"),
        "candidate": np.zeros(blueprint.candidates, "i4"),
        "option": np.zeros(max(row.answers(blueprint) for row in DECISIONS.values()), "u1"),
        "score": np.zeros(n),
        **policy_arrays(blueprint),
    }


def _with_views(arrays: Arrays, delayed: bool) -> State:
    """The state, with what the router sees: arrays of its own if views are delayed, or the instances themselves."""
    views = {seen: arrays[name] for seen, name in SEEN.items()}
    if delayed:
        views = {seen: array.copy() for seen, array in views.items() if seen != "seen_resident"}
        # A copy would touch all of the memory that is there for the worst case.
        views["seen_resident"] = reserved(len(arrays["resident"]), RESIDENT)
    state = State(**arrays, **views)
    if COMPILED:
        return state
    records = {id(array): array.view(np.recarray) for array in state if array.dtype.names}
    return State(*(records.get(id(array), array) for array in state))  # what was one array still is


def _program_runs(programs: Programs) -> np.ndarray:
    runs = np.zeros(len(programs.program), PROGRAM_RUN)
    runs["arrived_s"] = runs["admitted_s"] = runs["end_s"] = np.nan
    runs["turns_left"] = programs.program["n_turns"]
    runs["home"] = runs["follower"] = runs["sibling"] = runs["pin"] = NONE
    for p in np.flatnonzero(programs.program["after"] >= 0)[::-1]:
        first = programs.program["after"][p]
        runs["sibling"][p] = runs["follower"][first]
        runs["follower"][first] = p
    return runs


def _ahead_runs(n: int) -> np.ndarray:
    runs = np.zeros(n, AHEAD_RUN)
    for name in ("last_turn", "acting_at", "next_acting", "previous_acting", "prefetch", "prefetched"):
        runs[name] = NONE
    return runs


def _turn_runs(programs: Programs) -> np.ndarray:
    runs = np.zeros(len(programs.turn), TURN_RUN)
    for name in ("ready_s", "routed_s", "scheduled_s", "first_token_s", "end_s"):
        runs[name] = np.nan
    runs["pending"] = programs.turn["n_parents"]
    runs["instance"] = NONE
    return runs


def _tools(programs: Programs) -> np.ndarray:
    tools = np.zeros(max(1, len(programs.tools)), TOOL)
    tools["queue_head"] = tools["queue_tail"] = NONE
    for row, tool in zip(tools, programs.tools, strict=False):
        row["concurrency"], row["backoff_s"] = tool.concurrency, tool.backoff_s
    return tools
