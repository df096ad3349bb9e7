"""Random instances with their modes and outages, and random memory below and beside their HBM."""

from dataclasses import replace

import numpy as np

from agentsim_env.workload.programs import Programs
from tests.agreement.scenario import BLOCK
from tests.engine.random_scenarios.knobs import TICK_S, Knobs, snap
from tests.engine.random_scenarios.profiles import random_profile
from tests.engine.random_scenarios.streams import Streams
from tests.reference.description import InstanceSpec, LanesSpec, MemorySpec, Profile, TierSpec, constant_profile

# Instances.


def random_instances(knobs: Knobs, streams: Streams, programs: Programs) -> list[InstanceSpec]:
    """Instances sized for `programs`."""
    last_arrival_s = float(programs.program["arrival_s"][programs.program["after"] < 0].max())
    modes = random_modes(knobs, streams("modes"))
    specs = [random_instance(knobs, streams(f"instance {i}"), programs) for i in range(knobs.n_instances)]
    if knobs.twins:
        specs = [specs[0]] * len(specs)
    ahead = random_async_scheduling(knobs, streams("which instances schedule ahead"))
    names = random_shared_gpus(knobs, streams("which instances share a GPU"))
    outages = [random_outages(knobs, streams(f"outages {i}"), last_arrival_s) for i in range(len(specs))]
    specs = [
        replace(spec, mode=mode, async_scheduling=is_ahead, shares_gpu=name, start_s=start_s, failures=failures)
        for spec, mode, is_ahead, name, (start_s, failures) in zip(specs, modes, ahead, names, outages, strict=True)
    ]
    return [with_lanes(knobs, streams(f"lanes {i}"), spec) for i, spec in enumerate(specs)]


def random_modes(knobs: Knobs, rng: np.random.Generator) -> list[str]:
    n = knobs.n_instances
    if knobs.modes == "prefill_first":
        return ["prefill_first"] * n
    if knobs.modes == "some":
        return [str(mode) for mode in rng.choice(["mixed", "prefill_first"], n)]
    if knobs.modes == "pools" and n > 1:
        others = rng.choice(["prefill", "decode", "mixed", "prefill_first"], n - 2, p=[0.35, 0.35, 0.2, 0.1])
        return [str(mode) for mode in rng.permutation(["prefill", "decode", *others])]
    return ["mixed"] * n


def random_async_scheduling(knobs: Knobs, rng: np.random.Generator) -> list[bool]:
    """Which instances form an iteration while the one before it is computed."""
    drawn = {"none": [False], "some": [False, True], "all": [True]}[knobs.async_scheduling]
    return [bool(is_ahead) for is_ahead in rng.choice(drawn, knobs.n_instances)]


def random_shared_gpus(knobs: Knobs, rng: np.random.Generator) -> list[str | None]:
    """The GPU that each instance shares; None: it has its own."""
    drawn = {"none": [None], "some": [None, "a", "b"], "one": ["a"]}[knobs.shared_gpus]
    return [drawn[k] for k in rng.integers(len(drawn), size=knobs.n_instances)]


def with_lanes(knobs: Knobs, rng: np.random.Generator, spec: InstanceSpec) -> InstanceSpec:
    """The instance, which may have two lanes instead of what it has."""
    chance = {"none": 0.0, "some": 0.5, "all": 1.0}[knobs.lanes]
    if spec.mode in ("prefill", "decode") or rng.random() >= chance:
        return spec
    lanes = LanesSpec(
        slots=int(rng.choice([2, 5, 10, 10])),
        decode_share=float(rng.choice([0.0, 0.2, 0.37, 0.4, 0.9])),
        prefill_budget_tokens=int(rng.choice([0, 16, 64, 200, 100_000])),
        rebind_s=float(rng.choice([0.0, 50e-6, 0.25])) * (TICK_S if knobs.grid else 1.0),
        work_conserving=bool(rng.random() < 0.7),
        partition=bool(rng.random() < 0.8),
        interference=float(rng.choice([0.0, 0.2])),
    )
    return replace(spec, mode="two_lanes", async_scheduling=False, shares_gpu=None, lanes=lanes)


def random_outages(
    knobs: Knobs, rng: np.random.Generator, last_arrival_s: float
) -> tuple[float, tuple[tuple[float, float], ...]]:
    """When an instance first comes up, and (start, length) of its outages."""
    if not knobs.faults:
        return 0.0, ()
    start_s = at_s = snap(knobs, float(rng.choice([0.0, rng.uniform(0, 0.3)])))
    failures = []
    for _ in range(rng.integers(0, 4)):
        at_s += TICK_S + snap(knobs, float(rng.exponential(0.1 + last_arrival_s / 2)))
        down_s = float(rng.choice([1, 20, 100])) * TICK_S
        failures.append((at_s, down_s))
        at_s += down_s
    return start_s, tuple(failures)


def random_instance(knobs: Knobs, rng: np.random.Generator, programs: Programs) -> InstanceSpec:
    """An instance that is always up."""
    tokens = programs.turn["prompt_tokens"] + programs.turn["output_tokens"]
    largest = -(-int(tokens.max()) // BLOCK)
    # A batch that leaves a prefill one or two tokens an iteration lets decodes overtake it, so that it has to jump.
    starved = rng.random() < 0.15
    max_num_seqs = int(rng.integers(1, 17)) if not starved else int(rng.integers(2, 5))
    max_num_batched_tokens = int(rng.choice([16, 20, 32, 33, 48, 64, 100, 256, 512])) if not starved else 2
    return InstanceSpec(
        capacity_blocks=max(1, int(largest * knobs.memory * rng.choice([1.0, 1.0, 1.3]))),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max(max_num_seqs, max_num_batched_tokens),
        max_model_len=int(tokens.max()) - int(rng.choice([0, 0, 0, 0, 40])),
        profile=latency(knobs, rng),
    )


def latency(knobs: Knobs, rng: np.random.Generator) -> Profile:
    """On the grid, iterations of one or a few ticks whatever they compute."""
    if knobs.grid:
        return constant_profile(overhead_s=int(rng.choice([1, 1, 2, 3])) * TICK_S)
    return random_profile(rng)


# Memory.


def random_memory(knobs: Knobs, streams: Streams, specs: list[InstanceSpec]) -> MemorySpec | None:
    """Tiers below HBM, and links between instances.

    Pools are mostly linked, so that what one has prefilled is moved and not computed again.
    """
    tiers = random_tiers(knobs, streams, specs) if knobs.tier else ()
    transfers = "serialized" if streams("transfers").random() < 0.2 else "overlap"
    if transfers == "overlap":
        tiers = random_interruption(tiers, streams("interruption"))
    peer = random_tier(knobs, specs, "peer", streams("links between instances"))
    is_linked = streams("whether instances are linked").random() < (0.8 if knobs.modes == "pools" else 0.5)
    if not (knobs.tier or (knobs.modes == "pools" and is_linked)):
        return None
    policies = ["write_through", "write_through", "write_back", "write_back", "none"]
    return MemorySpec(
        tiers,
        block_bytes=1.0,
        write_policy=str(streams("write_policy").choice(policies)) if tiers else "none",
        staging_blocks=int(streams("staging").choice([0, 2, 10, 1000])) if tiers else 0,
        peer=peer if is_linked else None,
        transfers=transfers,
    )


def random_tiers(knobs: Knobs, streams: Streams, specs: list[InstanceSpec]) -> tuple[TierSpec, ...]:
    """None, one or two, which may be smaller or larger than HBM; two in five are both."""
    rng = streams("which tiers")
    kind = str(rng.choice(["none", "dram", "cxl", "both", "both"]))
    kind = "dram" if knobs.giving_way and kind == "none" else kind
    first = random_tier(knobs, specs, "cxl" if kind == "cxl" else "dram", streams("first tier"))
    second = random_tier(knobs, specs, "cxl", streams("second tier"))
    together = int(rng.choice([1, 2]))
    pools = tuple(pool // together for pool in first.pool_of)
    second = replace(second, pool_of=pools, from_above_bytes_per_s=second.down_bytes_per_s)
    batches = streams("batches of tiers")
    first, second = with_batches(first, batches), with_batches(second, batches)
    return {"none": (), "both": (first, second)}.get(kind, (first,))


def random_interruption(tiers: tuple[TierSpec, ...], rng: np.random.Generator) -> tuple[TierSpec, ...]:
    """Half of the links that know what is urgent interrupt what is not, and half look at distances."""
    changed = []
    for tier in tiers:
        layers, queue = int(rng.choice([0, 1, 2, 4])), str(rng.choice(["priority", "distance"]))
        urgent = replace(tier, queue=queue, interrupt_layers=layers)
        changed.append(urgent if tier.queue == "priority" else tier)
    return tuple(changed)


def with_batches(tier: TierSpec, rng: np.random.Generator) -> TierSpec:
    """One in three gives blocks up in batches."""
    in_batches = rng.random() < 0.33
    watermark, share = float(rng.choice([0.3, 0.8, 1.0])), float(rng.choice([0.0, 0.2, 0.5, 1.0]))
    return replace(tier, watermark=watermark, batch_share=share) if in_batches else tier


def random_tier(knobs: Knobs, specs: list[InstanceSpec], kind: str, rng: np.random.Generator) -> TierSpec:
    """One tier; on the grid a block takes a whole number of ticks."""
    n = len(specs)
    choices_s = np.array([0, 1, 4]) * TICK_S if knobs.grid else np.array([0, 1e-4, 3e-3])
    per_block_s = [float(seconds) for seconds in rng.choice(choices_s, 2)]
    rates = [1.0 / seconds if seconds else np.inf for seconds in per_block_s]
    rates = [0.0 if rng.random() < 0.05 else rate for rate in rates]
    return TierSpec(
        kind,
        blocks=max(1, int(max(spec.capacity_blocks for spec in specs) * rng.choice([0.3, 1.0, 4.0]))),
        down_bytes_per_s=rates[0],
        up_bytes_per_s=rates[1],
        latency_s=float(rng.choice([0, 1])) * TICK_S,
        pool_of=tuple(int(host) for host in (np.arange(n) // 2 if rng.random() < 0.5 else np.zeros(n))),
        queue="priority" if rng.random() < 0.5 else "fifo",
    )
