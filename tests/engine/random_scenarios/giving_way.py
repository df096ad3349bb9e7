"""Scenarios in which loads give way: by chance a load ahead of use is seldom still on its link when a turn needs it."""

from dataclasses import replace

import numpy as np

from tests.engine.random_scenarios.knobs import TICK_S, Knobs
from tests.reference.description import MemorySpec


def with_loads_ahead(knobs: Knobs, rng: np.random.Generator) -> Knobs:
    """Programs enough for little memory, with a tier below it and a rule that brings up ahead of use."""
    if not knobs.giving_way:
        return knobs
    by_distance = ("scalesim", "scalesim", "scalesim", "kvflow", "oracle_next_use", "predicted_return", "oracle_return")
    return replace(
        knobs,
        n_programs=knobs.n_programs + 8,
        memory=float(rng.choice([1.1, 1.4, 2.0])),
        tier=True,
        prefetch=str(rng.choice(by_distance)),
    )


def with_slow_links(knobs: Knobs, memory: MemorySpec | None, rng: np.random.Generator) -> MemorySpec | None:
    """Tiers that hold whatever has been computed, behind links on which a context takes many iterations."""
    if not knobs.giving_way or memory is None or not memory.tiers:
        return memory
    tiers = tuple(
        replace(
            tier,
            blocks=50 * tier.blocks,
            down_bytes_per_s=np.inf,
            up_bytes_per_s=1.0 / (float(rng.choice([2, 8, 32])) * TICK_S),
            queue=str(rng.choice(["priority", "distance"])),
            interrupt_layers=int(rng.choice([0, 2, 4, 16, 16])),
        )
        for tier in memory.tiers
    )
    return replace(memory, tiers=tiers, write_policy="write_through", transfers="overlap")
