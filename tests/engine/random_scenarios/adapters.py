"""Adapters for programs, and slots for them on instances that can get them from a tier."""

from dataclasses import replace

import numpy as np

from agentsim_env.workload.programs import Programs
from tests.engine.random_scenarios.knobs import Knobs
from tests.reference.description import InstanceSpec, MemorySpec


def with_adapters(
    knobs: Knobs,
    programs: Programs,
    specs: list[InstanceSpec],
    memory: MemorySpec | None,
    rng: np.random.Generator,
) -> tuple[Programs, list[InstanceSpec]]:
    """Programs that share a few adapters or have one each, and instances with about as many slots."""
    has_way_up = memory is not None and any(t.kind == "dram" and t.up_bytes_per_s > 0 for t in memory.tiers)
    if not knobs.adapters or not has_way_up:
        return programs, specs
    n = len(programs.program)
    programs.program["adapter"] = rng.integers(-1, int(rng.choice([2, 5, n + 1])), n)
    size = float(rng.choice([1, 2, 8]))
    slots = [0 if len(specs) > 1 and rng.random() < 0.1 else knobs.adapters for _ in specs]
    return programs, [replace(spec, adapter_slots=k, adapter_blocks=size) for spec, k in zip(specs, slots, strict=True)]
