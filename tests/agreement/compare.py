"""The records of one scenario from both simulators, and where they differ."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentsim_env.engine.blueprint import Blueprint, Peer, Tier, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import (
    ACTIVE,
    DONE,
    FAILED,
    HELD,
    REJECTED,
    UNBORN,
)
from agentsim_env.engine.entry import Core
from agentsim_env.hardware.engines import Engine
from agentsim_env.hardware.profile import Profile
from agentsim_env.workload.faults import FAULT
from tests.agreement.scenario import BLOCK, Scenario
from tests.reference.description import InstanceSpec, MemorySpec
from tests.reference.loop import simulate
from tests.reference.records import INSTANCE, PROGRAM, TURN, Records
from tests.reference.rules import Rules

STATES = {UNBORN: "unborn", HELD: "held", ACTIVE: "active", DONE: "done", REJECTED: "rejected", FAILED: "failed"}

HITS = ("hit_tokens", "lookup_tokens", "readmission_hit_tokens", "readmission_lookup_tokens")
BLOCK_S = tuple(name for name in INSTANCE.names or () if name.endswith("_block_s"))


def reference_records(scenario: Scenario, debug: bool = False) -> Records:
    block_size = scenario.programs.block_size
    return simulate(
        scenario.programs,
        scenario.specs,
        Rules.named(scenario.rules, scenario.parameters, scenario.rule_seed, block_size),
        scenario.memory,
        scenario.frontend_s,
        scenario.view_delay_s,
        scenario.eviction,
        scenario.warmup_programs,
        debug,
    )


def core_of(scenario: Scenario) -> Core:
    """The engine at time 0."""
    blueprint = Blueprint(
        engines=[engine_of(spec) for spec in scenario.specs],
        block_size=scenario.programs.block_size,
        frontend_s=scenario.frontend_s,
        warmup_programs=scenario.warmup_programs,
        rules=scenario.rules,
        rule_params=scenario.parameters,
        **memory_of(scenario.memory),
        eviction=scenario.eviction,
        token_seconds=True,
        view_delay_s=scenario.view_delay_s,
    )
    return Core(new_state(blueprint, scenario.programs, faults_of(scenario.specs), scenario.rule_seed))


def engine_records(scenario: Scenario) -> Records:
    core = core_of(scenario)
    assert core.advance() == ENDED
    state = core.state
    world, instance, program = state.world[0], state.instance, state.program_run
    return Records(
        turns=columns(TURN, {name: state.turn_run[name] for name in TURN.names or ()}),
        programs=columns(
            PROGRAM,
            {
                "arrival_s": program["arrived_s"],
                "end_s": program["end_s"],
                "gap_s": program["gap_s"],
                "state": np.array([STATES[int(number)] for number in program["state"]]),
            },
        ),
        instances=columns(
            INSTANCE,
            {
                "busy_s": instance["busy_s"],
                "iterations": instance["iteration"] + instance["prefill_iterations"],
                "prefill_tokens": instance["prefill_tokens"],
                "generated_tokens": instance["decode_tokens"],
                **{name: instance[name] for name in HITS},
                "peak_blocks": instance["peak_blocks"],
                "evicted_blocks": instance["evicted_blocks"],
                "loaded_blocks": instance["loaded_blocks"],
                "stored_blocks": instance["stored_blocks"],
                "migrated_blocks": instance["migrated_blocks"],
                "demoted_blocks": instance["demoted_blocks"],
                "lost_blocks": instance["lost_blocks"],
                **dict(zip(BLOCK_S, core.block_seconds().T, strict=True)),
                **{
                    name: instance[name]
                    for name in ("dropped_blocks", "pins_made", "pins_used", "pins_expired", "pins_broken")
                },
                "prefetches": instance["prefetches"],
                "prefetches_used": instance["prefetches_used"],
                "prefetches_wasted": instance["prefetches_wasted"],
            },
        ),
        area=float(world["area_busy"]),
        area_all=float(world["area_all"]),
        decisions=int(world["routed"]),
        end_s=float(world["now_s"]),
    )


def columns(dtype: np.dtype, values: dict[str, np.ndarray]) -> np.ndarray:
    array = np.zeros(len(next(iter(values.values()))), dtype)
    for name, column in values.items():
        array[name] = column
    return array


def engine_of(spec: InstanceSpec) -> Engine:
    return Engine(
        gpu="test",
        model="test",
        tp=1,
        dtype="bf16",
        profile=Profile(**vars(spec.profile)),
        kv_blocks=spec.capacity_blocks,
        max_num_seqs=spec.max_num_seqs,
        max_num_batched_tokens=spec.max_num_batched_tokens,
        max_model_len_tokens=spec.max_model_len,
        price_per_hour=1.0,
        kv_bytes_per_token=1,
        estimated=False,
        start_s=spec.start_s,
        failures=spec.failures,
        mode=spec.mode,
        async_scheduling=spec.async_scheduling,
    )


def memory_of(spec: MemorySpec | None) -> dict[str, Any]:
    if spec is None:
        return {}
    tiers = [
        Tier(
            tier.kind,
            tier.blocks,
            tier.pool_of,
            # An engine's block has 16 bytes here.
            tier.down_bytes_per_s * BLOCK,
            tier.up_bytes_per_s * BLOCK,
            tier.latency_s,
            tier.from_above_bytes_per_s * BLOCK,
            tier.queue,
            tier.watermark,
            tier.batch_share,
        )
        for tier in spec.tiers
    ]
    peer = spec.peer
    return {
        "tiers": tiers,
        "write_policy": spec.write_policy,
        "staging_bytes": spec.staging_blocks * BLOCK,
        "peer": Peer(peer.up_bytes_per_s * BLOCK, peer.latency_s, peer.queue) if peer is not None else None,
        "transfers": spec.transfers,
    }


def faults_of(specs: list[InstanceSpec]) -> np.ndarray:
    changes = []
    for i, spec in enumerate(specs):
        for at_s, down_s in spec.failures:
            changes += [(at_s, i, 0), (at_s + down_s, i, 1)]
    return np.array(sorted(changes), FAULT)


def differences(expected: Records, got: Records) -> list[str]:
    """Where two records differ: integers and names exactly, times by more than 1e-9 of their size.

    A sum of intervals (gap time, busy time, an integral) carries the rounding of the times that it was made from, so it
    may also differ by 1e-9 of the end of the simulation.
    """
    found = []
    for table in ("turns", "programs", "instances"):
        want_table, got_table = getattr(expected, table), getattr(got, table)
        for name in want_table.dtype.names:
            want, have = want_table[name], got_table[name]
            if want.dtype.kind == "f":
                slack_s = 1e-9 * expected.end_s if name in ("gap_s", "busy_s") else 0.0
                if name in BLOCK_S:
                    slack_s = 1e-9 * sum(want_table[other].max() for other in BLOCK_S)
                same = np.isclose(have, want, rtol=1e-9, atol=slack_s, equal_nan=True)
            else:
                same = have == want
            found += [f"{table}[{i}].{name}: {want[i]} expected, {have[i]} found" for i in np.flatnonzero(~same)]
    for name in ("area", "area_all"):
        want, have = getattr(expected, name), getattr(got, name)
        if not np.isclose(have, want, rtol=1e-9, atol=1e-9 * expected.end_s):
            found.append(f"{name}: {want} expected, {have} found")
    if got.decisions != expected.decisions:
        found.append(f"decisions: {expected.decisions} expected, {got.decisions} found")
    return found


def agreed_records(scenario: Scenario) -> Records:
    """The engine's records of a scenario, with which the reference simulator agrees."""
    records = engine_records(scenario)
    found = differences(reference_records(scenario), records)
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])
    return records


def count(records: Records) -> Counter[str]:
    """How much was compared."""
    return Counter(
        {
            "scenarios": 1,
            "programs": len(records.programs),
            "turns": len(records.turns),
            "decisions": records.decisions,
            "rejected programs": int((records.programs["state"] == "rejected").sum()),
            "preemptions": int(records.turns["preemptions"].sum()),
            "hit tokens": int(records.instances["hit_tokens"].sum()),
            "hit tokens of re-admissions": int(records.instances["readmission_hit_tokens"].sum()),
            "evicted blocks": int(records.instances["evicted_blocks"].sum()),
            "loaded blocks": int(records.instances["loaded_blocks"].sum()),
            "stored blocks": int(records.instances["stored_blocks"].sum()),
            "migrated blocks": int(records.instances["migrated_blocks"].sum()),
            "prefetches": int(records.instances["prefetches"].sum()),
            "used prefetches": int(records.instances["prefetches_used"].sum()),
            "wasted prefetches": int(records.instances["prefetches_wasted"].sum()),
            "lost blocks": int(records.instances["lost_blocks"].sum()),
            "dropped blocks": int(records.instances["dropped_blocks"].sum()),
            "pins": int(records.instances["pins_made"].sum()),
            "used pins": int(records.instances["pins_used"].sum()),
            "expired pins": int(records.instances["pins_expired"].sum()),
            "broken pins": int(records.instances["pins_broken"].sum()),
            "iterations": int(records.instances["iterations"].sum()),
        }
    )


@dataclass(frozen=True)
class Verdict:
    """What came of a comparison.

    Attributes:
        counted: How much was compared.
        found: Differences; the error of a simulator that did not come to an end counts as one.
        error: Which simulator failed and how, empty if neither did.
    """

    counted: Counter[str]
    found: tuple[str, ...]
    error: str = ""


def compare(scenario: Scenario) -> Verdict:
    """Run a scenario through both simulators."""
    records = []
    for name, simulator in (("reference", reference_records), ("engine", engine_records)):
        try:
            records.append(simulator(scenario))
        except Exception as error:
            kind = f"{name}: {type(error).__name__}"
            return Verdict(Counter(scenarios=1), (f"{kind}: {error}".rstrip(": "),), kind)
    expected, got = records
    return Verdict(count(expected), tuple(differences(expected, got)))
