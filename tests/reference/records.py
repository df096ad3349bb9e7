"""What a simulation leaves behind (semantics, "Records" and "Reward and integral")."""

from dataclasses import dataclass

import numpy as np

from tests.reference.batch.instance import Instance
from tests.reference.programs.orchestrator import Program
from tests.reference.programs.societies import Society
from tests.reference.world import World

TURN = np.dtype(
    [
        ("ready_s", "f8"),
        ("routed_s", "f8"),
        ("scheduled_s", "f8"),
        ("first_token_s", "f8"),
        ("end_s", "f8"),
        ("hit_tokens", "i8"),
        ("readmission_hit_tokens", "i8"),
        ("readmission_lookup_tokens", "i8"),
        ("computed_tokens", "i8"),
        ("preemptions", "i8"),
        ("instance", "i8"),
    ]
)
PROGRAM = np.dtype([("arrival_s", "f8"), ("end_s", "f8"), ("gap_s", "f8"), ("state", "U8")])
CALL = np.dtype([("announced", "f8")])
STEP = np.dtype([("begun_s", "f8"), ("ended_s", "f8")])
INSTANCE = np.dtype(
    [
        ("busy_s", "f8"),
        ("iterations", "i8"),
        ("prefill_lane_s", "f8"),
        ("prefill_lane_iterations", "i8"),
        ("merged_prefills", "i8"),
        ("rebinds", "i8"),
        ("budget_changes", "i8"),
        ("prefill_tokens", "i8"),
        ("generated_tokens", "i8"),
        ("peak_blocks", "i8"),
        ("evicted_blocks", "i8"),
        ("loaded_blocks", "i8"),
        ("stored_blocks", "i8"),
        ("migrated_blocks", "i8"),
        ("demoted_blocks", "i8"),
        ("lost_blocks", "i8"),
        ("prefill_block_s", "f8"),
        ("decode_block_s", "f8"),
        ("recompute_block_s", "f8"),
        ("moving_block_s", "f8"),
        ("reused_block_s", "f8"),
        ("wasted_block_s", "f8"),
        ("idle_block_s", "f8"),
        ("dropped_blocks", "i8"),
        ("pins_made", "i8"),
        ("pins_used", "i8"),
        ("pins_expired", "i8"),
        ("pins_broken", "i8"),
        ("prefetches", "i8"),
        ("prefetches_used", "i8"),
        ("prefetches_wasted", "i8"),
        ("prefetches_interrupted", "i8"),
        ("prefetches_cancelled", "i8"),
        ("wasted_blocks", "f8"),
        ("adapter_lookups", "i8"),
        ("adapter_hits", "i8"),
        ("adapter_loads", "i8"),
        ("hit_tokens", "i8"),
        ("lookup_tokens", "i8"),
        ("readmission_hit_tokens", "i8"),
        ("readmission_lookup_tokens", "i8"),
    ]
)

OF_LANE = ("busy_s", "iterations", "merged_prefills", "rebinds", "budget_changes")
"""What is recorded of a prefill lane; nothing where there is none."""


@dataclass(frozen=True)
class Records:
    """Structured arrays, one row a turn, program, step and instance; the integrals; and how much happened.

    `calls` has a row a program: what is announced of its next call.

    Attributes:
        area: Program-seconds in which a counted program was busy.
        area_all: Program-seconds in which a counted program had arrived and not ended.
        decisions: Turns routed, re-routings included.
        end_s: Time of the last event.
    """

    turns: np.ndarray
    programs: np.ndarray
    calls: np.ndarray
    steps: np.ndarray
    instances: np.ndarray
    area: float
    area_all: float
    decisions: int
    end_s: float


def collect(world: World, warmup_programs: int) -> Records:
    """The records of a simulation that has ended; programs before `warmup_programs` are not in the integrals."""
    programs, area, area_all = [], 0.0, 0.0
    for program in world.orchestrator.programs:
        busy_s = sum(stop - start for start, stop in program.busy_intervals(world.now))
        stay_s = (world.now if np.isnan(program.end_s) else program.end_s) - program.arrival_s
        programs.append((program.arrival_s, program.end_s, stay_s - busy_s, program.state))
        if program.id >= warmup_programs and program.state != "unborn":
            area += busy_s
            area_all += stay_s
    turns = [tuple(getattr(turn, name) for name in TURN.names or ()) for turn in world.orchestrator.turns]
    return Records(
        turns=np.array(turns, TURN),
        programs=np.array(programs, PROGRAM),
        calls=np.array([(announced(world, program),) for program in world.orchestrator.programs], CALL),
        steps=np.array([row for society in world.societies.societies for row in step_rows(society)], STEP),
        instances=np.array([instance_row(instance) for instance in world.instances], INSTANCE),
        area=area,
        area_all=area_all,
        decisions=world.router.routed,
        end_s=world.now,
    )


def announced(world: World, program: Program) -> float:
    """What is announced at the end, infinite for nothing; of a program that has failed nobody asks."""
    return np.nan if program.state == "failed" else world.societies.announced.get(program.id, np.inf)


def step_rows(society: Society) -> list[tuple[float, float]]:
    return [(society.begun_s.get(k, np.nan), society.ended_s.get(k, np.nan)) for k in range(society.n_steps)]


def instance_row(instance: Instance) -> tuple[float | int, ...]:
    lane = instance.lane
    return (
        instance.busy_s,
        instance.iterations,
        *((getattr(lane, name) for name in OF_LANE) if lane is not None else (0.0, 0, 0, 0, 0)),
        instance.prefill_tokens,
        instance.generated_tokens,
        instance.peak_blocks,
        instance.pool.evicted_blocks,
        instance.loaded_blocks,
        instance.stored_blocks,
        instance.migrated_blocks,
        instance.demoted_blocks,
        instance.lost_blocks,
        *instance.pool.time.row,
        instance.pool.dropped_blocks,
        instance.pool.pins_made,
        instance.pool.pins_used,
        instance.pool.pins_expired,
        instance.pool.pins_broken,
        instance.prefetches,
        instance.prefetches_used,
        instance.prefetches_wasted,
        instance.prefetches_interrupted,
        instance.prefetches_cancelled,
        instance.wasted_blocks,
        instance.adapters.lookups,
        instance.adapters.hits,
        instance.adapters.loads,
        instance.hit_tokens,
        instance.lookup_tokens,
        instance.readmission_hit_tokens,
        instance.readmission_lookup_tokens,
    )
