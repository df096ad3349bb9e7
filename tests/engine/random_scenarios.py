"""Random small clusters and workloads, made to press on memory, on ties and on everything that can interrupt a run."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from agentsim_env.workload.programs import Programs, Tool
from tests.agreement.scenario import BLOCK, Scenario
from tests.engine.random_profiles import random_profile
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, MemorySpec, Profile, TierSpec, constant_profile
from tests.reference.rules.admission import ADMISSIONS
from tests.reference.rules.eviction import EVICTIONS
from tests.reference.rules.prefetch import PREFETCHES
from tests.reference.rules.retention import RETENTIONS
from tests.reference.rules.routing import ROUTES
from tests.reference.rules.scheduling import PREEMPTIONS, SCHEDULES

TICK_S = 2.0**-8
MODES = ("mixed", "prefill_first", "some", "pools")


@dataclass(frozen=True)
class Knobs:
    """What a random scenario is like; the rest follows from `seed`.

    Attributes:
        memory: Capacity of an instance over the blocks of the largest turn; below 1 some turns are too long.
        twins: All instances are alike, so that their iterations end at equal times.
        grid: All times are multiples of `TICK_S` (exact in binary) and iterations take as long as each other: every tie
            that can happen does, and no rounding decides it.
        irregular: A turn may have a shorter context than one before it on the same leaf, or end in a shared segment.
        faults: Instances start late, fail and return.
        tier: There is a tier below HBM.
        modes: Modes of the instances: all `mixed`, all `prefill_first`, some of each, or pools for either.
        whole_objects: Eviction takes whole segments.
        view_delay_s: How often the router's view is refreshed; 0: it is always fresh.
    """

    seed: int
    n_instances: int
    n_programs: int
    memory: float
    twins: bool
    grid: bool
    irregular: bool
    faults: bool
    frontend_s: float
    rule: str
    schedule: str = "fcfs"
    preempt: str = "last_admitted"
    admit: str = "admit"
    tier: bool = False
    prefetch: str = "none"
    modes: str = "mixed"
    retain: str = "leave"
    evict: str = "lru"
    whole_objects: bool = False
    view_delay_s: float = 0.0


KNOBS = st.builds(
    Knobs,
    seed=st.integers(0, 2**32 - 1),
    n_instances=st.integers(1, 4),
    n_programs=st.integers(1, 16),
    memory=st.sampled_from([10.0, 4.0, 2.0, 1.4, 1.1, 1.0, 0.6]),
    twins=st.booleans(),
    grid=st.booleans(),
    irregular=st.booleans(),
    faults=st.booleans(),
    frontend_s=st.sampled_from([0.0, TICK_S]),
    rule=st.sampled_from(ROUTES),
    tier=st.booleans(),
    prefetch=st.sampled_from(list(PREFETCHES)),
    schedule=st.sampled_from(sorted(SCHEDULES)),
    preempt=st.sampled_from(sorted(PREEMPTIONS)),
    admit=st.sampled_from(sorted(ADMISSIONS)),
    modes=st.sampled_from(MODES),
    retain=st.sampled_from(sorted(RETENTIONS)),
    evict=st.sampled_from(sorted(EVICTIONS)),
    whole_objects=st.booleans(),
    view_delay_s=st.sampled_from([0.0, 0.0, TICK_S, 20 * TICK_S]),
)


def knobs_of(seed: int) -> Knobs:
    """Knobs number `seed`."""
    rng = np.random.default_rng([seed, 1])
    memory = np.random.default_rng([seed, 11])
    knobs = Knobs(
        seed=seed,
        n_instances=int(rng.integers(1, 5)),
        n_programs=int(rng.integers(4, 25)),
        memory=float(rng.choice([0.6, 0.9, 1.0, 1.0, 1.1, 1.2, 1.4, 2.0, 4.0, 10.0])),
        twins=bool(rng.random() < 0.3),
        grid=bool(rng.random() < 0.4),
        irregular=bool(rng.random() < 0.3),
        faults=bool(rng.random() < 0.4),
        frontend_s=float(rng.choice([0.0, TICK_S])),
        rule=str(rng.choice([name for name in ROUTES if name != "llm_d"])),
        schedule=str(rng.choice(["fcfs", *(name for name in SCHEDULES if name != "continuum")])),
        preempt=str(rng.choice(["last_admitted", *PREEMPTIONS])),
        tier=bool(rng.random() < 0.4),
        prefetch=str(np.random.default_rng([seed, 21]).choice(["none", *PREFETCHES])),
        admit=str(rng.choice(["admit", *ADMISSIONS])),
        modes=modes_of(seed),
        retain=str(memory.choice(["leave", "ttl", *RETENTIONS])),
        evict=str(memory.choice(["lru", *EVICTIONS])),
        whole_objects=bool(memory.random() < 0.3),
    )
    later = np.random.default_rng([seed, 13])
    knobs = replace(knobs, schedule="continuum") if later.random() < 0.1 else knobs
    view = np.random.default_rng([seed, 51])
    knobs = replace(knobs, rule="llm_d") if view.random() < 0.2 else knobs
    return replace(knobs, view_delay_s=float(view.choice([0, 0, 0, 1, 5, 30])) * TICK_S)


def modes_of(seed: int) -> str:
    """Two scenarios in five have instances that are not `mixed`."""
    return str(np.random.default_rng([seed, 41]).choice(MODES, p=[0.6, 0.1, 0.1, 0.2]))


def build(knobs: Knobs) -> Scenario:
    """The scenario that `knobs` stand for."""
    rng = np.random.default_rng(knobs.seed)
    programs = with_tenants(knobs, RandomWorkload(knobs, rng).build())
    last_arrival_s = float(programs.program["arrival_s"][programs.program["after"] < 0].max())
    specs = [random_instance(knobs, rng, programs, last_arrival_s) for _ in range(knobs.n_instances)]
    if knobs.twins:
        specs = [
            InstanceSpec(**{**vars(specs[0]), "start_s": spec.start_s, "failures": spec.failures}) for spec in specs
        ]
    specs = with_modes(knobs, specs)
    return Scenario(
        programs=programs,
        specs=specs,
        rule=knobs.rule,
        schedule=knobs.schedule,
        preempt=knobs.preempt,
        admit=knobs.admit,
        admit_parameters=admit_parameters(knobs),
        rule_seed=int(rng.integers(2**63)),
        capacity_limit=int(rng.choice([1, 2, 4, 64])),
        frontend_s=knobs.frontend_s,
        warmup=int(rng.integers(0, max(1, knobs.n_programs // 3))),
        memory=with_peers(knobs, specs, random_memory(knobs, specs) if knobs.tier else None),
        retain=knobs.retain,
        retain_parameters=retain_parameters(knobs),
        evict=knobs.evict,
        whole_objects=knobs.whole_objects,
        evict_parameters=evict_parameters(knobs),
        prefetch=knobs.prefetch,
        prefetch_parameters=prefetch_parameters(knobs),
        view_delay_s=knobs.view_delay_s,
    )


def random_memory(knobs: Knobs, specs: list[InstanceSpec]) -> MemorySpec:
    """One tier or two, which may be smaller or larger than HBM; on the grid a block takes a whole number of ticks."""
    rng = np.random.default_rng([knobs.seed, 2])
    first = random_tier(knobs, specs, "dram", rng)
    more = np.random.default_rng([knobs.seed, 5])
    kind = str(more.choice(["none", "dram", "cxl", "both", "both"]))
    tiers = [replace(first, kind="dram" if kind == "both" else kind, by_priority=bool(more.random() < 0.5))]
    if kind == "none":
        tiers = []
    if kind == "both":
        second = random_tier(knobs, specs, "cxl", more)
        together = int(more.choice([1, 2]))
        pools = tuple(pool // together for pool in first.pool_of)
        down = second.down_bytes_per_s
        tiers.append(replace(second, pool_of=pools, from_above_bytes_per_s=down, by_priority=bool(more.random() < 0.5)))
    policy = str(more.choice(["write_through", "write_through", "write_back", "write_back", "none"]))
    staging = int(more.choice([0, 2, 10, 1000]))
    peer = replace(random_tier(knobs, specs, "peer", more), by_priority=bool(more.random() < 0.5))
    peer, serialized = peer if more.random() < 0.5 else None, bool(more.random() < 0.2)
    return MemorySpec(tuple(tiers), 1.0, policy, staging, peer, serialized)


def with_peers(knobs: Knobs, specs: list[InstanceSpec], memory: MemorySpec | None) -> MemorySpec | None:
    """Pools are mostly linked, so that what one has prefilled is moved and not computed again."""
    rng = np.random.default_rng([knobs.seed, 43])
    if knobs.modes != "pools" or rng.random() < 0.2:
        return memory
    peer = random_tier(knobs, specs, "peer", rng)
    return replace(memory or MemorySpec((), 1.0, "none", 0, None, bool(rng.random() < 0.2)), peer=peer)


def random_tier(knobs: Knobs, specs: list[InstanceSpec], kind: str, rng: np.random.Generator) -> TierSpec:
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
    )


def with_modes(knobs: Knobs, specs: list[InstanceSpec]) -> list[InstanceSpec]:
    """The instances with their modes."""
    rng = np.random.default_rng([knobs.seed, 42])
    modes = ["mixed"] * len(specs)
    if knobs.modes == "prefill_first":
        modes = ["prefill_first"] * len(specs)
    elif knobs.modes == "some":
        modes = [str(rng.choice(["mixed", "prefill_first"])) for _ in specs]
    elif knobs.modes == "pools" and len(specs) > 1:
        others = rng.choice(["prefill", "decode", "mixed", "prefill_first"], len(specs) - 2, p=[0.35, 0.35, 0.2, 0.1])
        modes = [str(mode) for mode in rng.permutation(["prefill", "decode", *others])]
    return [replace(spec, mode=mode) for spec, mode in zip(specs, modes, strict=True)]


class RandomWorkload:
    """Programs over a forest of shared and private segments."""

    def __init__(self, knobs: Knobs, rng: np.random.Generator) -> None:
        self.knobs = knobs
        self.rng = rng
        tools = [
            Tool(f"tool{i}", int(rng.choice([0, 0, 1, 2])), float(rng.choice([0.0, 2, 12])) * TICK_S)
            for i in range(rng.integers(1, 4))
        ]
        self.work = WorkloadBuilder(tuple(tools), BLOCK)
        self.mean_gap_s = float(rng.choice([0.0, 0.02, 0.2]))
        self.mean_output = float(rng.choice([0.5, 3, 15, 40]))
        self.mean_append = float(rng.choice([5, 60, 250]))
        self.shared: list[int] = []
        for _ in range(rng.integers(1, 4)):
            parent = -1 if not self.shared or rng.random() < 0.5 else int(rng.choice(self.shared))
            self.shared.append(self.work.segment(int(rng.integers(1, 9)), parent))

    def build(self) -> Programs:
        rng = self.rng
        shapes = [self.chain, self.stripped_chain, self.fan_out, self.fork, self.race]
        weights = rng.dirichlet(np.ones(len(shapes)))
        for number, arrival_s in enumerate(self.arrivals()):
            if number and rng.random() < 0.2:
                delay_s = float(rng.choice([0.0, 12])) * TICK_S
                self.work.program(delay_s, after=int(rng.integers(number)))
            else:
                self.work.program(arrival_s)
            shapes[rng.choice(len(shapes), p=weights)]()
        return self.work.build()

    def arrivals(self) -> list[float]:
        """Arrival times, in order."""
        spacing_s = float(self.rng.choice([0.0, 0.01, 0.05, 0.2]))
        times = np.cumsum(self.rng.exponential(1.0, self.knobs.n_programs) * spacing_s)
        return [self.snap(float(time)) for time in times]

    def snap(self, time_s: float) -> float:
        return snap(self.knobs, time_s)

    # Draws.

    def output(self) -> int:
        return 1 + int(self.rng.exponential(self.mean_output))

    def append(self) -> int:
        """New tokens of a turn; now and then a context ends at the end of a block."""
        if self.rng.random() < 0.2:
            return BLOCK * int(self.rng.integers(1, 9))
        return 1 + int(self.rng.exponential(self.mean_append))

    def path_blocks(self, segment: int) -> int:
        return sum(self.work.segments[segment][1:])

    def connect(self, source: int, target: int) -> None:
        gap_s = 0.0 if self.rng.random() < 0.3 else float(self.rng.exponential(self.mean_gap_s))
        failures = int(self.rng.choice([0, 0, 0, 1, 2]))
        self.work.edge(source, target, self.snap(gap_s), int(self.rng.integers(len(self.work.tools))), failures)

    def leaf(self, parent: int, tokens: int) -> int:
        """A private segment behind `parent` whose path covers `tokens`."""
        blocks = -(-tokens // BLOCK) - self.path_blocks(parent)
        return self.work.segment(max(1, blocks) + int(self.rng.integers(2)), parent)

    def first_prompt(self, system: int) -> int:
        tokens = self.path_blocks(system) * BLOCK
        if self.knobs.irregular and self.rng.random() < 0.3:
            return max(1, int(self.rng.integers(tokens + 1)))
        return tokens + self.append()

    # Shapes of programs.

    def chain(self) -> None:
        """Turns on one private leaf, each behind what the one before has generated."""
        lengths = self.lengths(int(self.rng.integers(1, 6)))
        system = int(self.rng.choice(self.shared))
        self.turns_on_leaf(system, self.first_prompt(system), lengths)

    def lengths(self, n: int) -> list[tuple[int, int]]:
        return [(self.append(), self.output()) for _ in range(n)]

    def turns_on_leaf(self, parent: int, prompt: int, lengths: list[tuple[int, int]]) -> list[int]:
        """A chain that begins with `prompt` tokens; its turns."""
        contexts = []
        for i, (new, output) in enumerate(lengths):
            contexts.append((prompt, prompt if i == 0 else min(new, prompt), output))
            following = prompt + output + (lengths[i + 1][0] if i + 1 < len(lengths) else 0)
            if self.knobs.irregular and self.rng.random() < 0.3:
                following = max(1, int(self.rng.integers(following + 1)))
            prompt = following
        leaf = self.leaf(parent, max(prompt + output for prompt, _, output in contexts))
        turns = [self.work.turn(leaf, prompt, output, new) for prompt, new, output in contexts]
        for source, target in pairwise(turns):
            self.connect(source, target)
        return turns

    def stripped_chain(self) -> None:
        """Turns whose generated tokens are not reused: each has a tail of its own."""
        system = int(self.rng.choice(self.shared))
        parent, prompt, before = system, self.path_blocks(system) * BLOCK + self.append(), None
        for _ in range(self.rng.integers(1, 5)):
            if prompt // BLOCK > self.path_blocks(parent):
                parent = self.work.segment(prompt // BLOCK - self.path_blocks(parent), parent)
            output = self.output()
            turn = self.work.turn(self.leaf(parent, prompt + output), prompt, output)
            if before is not None:
                self.connect(before, turn)
            before = turn
            prompt += self.append()

    def fan_out(self) -> None:
        """A turn, sub-agents behind its context, and a turn that joins them."""
        rng = self.rng
        system = int(rng.choice(self.shared))
        prompt, output = self.path_blocks(system) * BLOCK + BLOCK + self.append(), self.output()
        trunk = self.work.segment((prompt + output) // BLOCK - self.path_blocks(system), system)
        trunk_tokens = self.path_blocks(trunk) * BLOCK
        joined, join_output = prompt + output + self.append(), self.output()
        main = self.leaf(trunk, joined + join_output)
        root = self.work.turn(main, prompt, output)
        ends = [root] if rng.random() < 0.3 else []
        for _ in range(rng.integers(1, 5)):
            turns = self.turns_on_leaf(trunk, trunk_tokens + self.append(), self.lengths(int(rng.integers(1, 3))))
            self.connect(root, turns[0])
            ends.append(turns[-1])
        join = self.work.turn(main, joined, join_output)
        for end in ends:
            self.connect(end, join)

    def fork(self) -> None:
        """Roots on branches of one context, without edges; on one branch some repeat or extend another's prompt."""
        system = int(self.rng.choice(self.shared))
        trunk = self.work.segment(int(self.rng.integers(1, 6)), system)
        start = self.path_blocks(trunk) * BLOCK
        shared = [(start + self.append(), self.output())]
        for _ in range(self.rng.integers(3)):
            prompt, output = shared[-1]
            shared.append((prompt + int(self.rng.choice([0, output + self.append()])), self.output()))
        leaf = self.leaf(trunk, max(prompt + output for prompt, output in shared))
        for prompt, output in shared:
            self.work.turn(leaf, prompt, output)
        for _ in range(self.rng.integers(3)):
            prompt, output = start + self.append(), self.output()
            self.work.turn(self.leaf(trunk, prompt + output), prompt, output)

    def race(self) -> None:
        """Roots on one leaf, each with a longer prompt than the one before: what one generates the next prefills."""
        system = int(self.rng.choice(self.shared))
        prompts = self.path_blocks(system) * BLOCK + np.cumsum(self.rng.integers(1, 60, self.rng.integers(2, 5)))
        outputs = [20 + self.output() for _ in prompts]
        leaf = self.leaf(system, int(prompts[-1]) + max(outputs))
        for prompt, output in zip(prompts, outputs, strict=True):
            self.work.turn(leaf, int(prompt), output)


def admit_parameters(knobs: Knobs) -> dict[str, float]:
    """Parameters with which the rule that admits has something to do."""
    rng = np.random.default_rng([knobs.seed, 3])
    if knobs.admit == "max_programs":
        return {"per_instance": float(rng.choice([0.5, 1, 2])), "most_held": float(rng.choice([0, 1, 3, 100]))}
    if knobs.admit in ("watermark", "gate"):
        return {"utilisation_limit": float(rng.choice([0.2, 0.5, 0.9]))}
    if knobs.admit == "concur":
        return {"first_window": float(rng.choice([1, 3, 6])), "period_s": float(rng.choice([2, 5, 20])) * TICK_S}
    if knobs.admit in ("thunder_agent", "mori"):
        tokens = {"period_s": float(rng.choice([2, 5, 20])) * TICK_S, "buffer_tokens": float(rng.choice([0, 100, 700]))}
        tokens["attribution"] = float(np.random.default_rng([knobs.seed, 33]).integers(3))
        return tokens | ({"half_life_s": float(rng.choice([0.05, 1.0]))} if knobs.admit == "thunder_agent" else {})
    return {}


def retain_parameters(knobs: Knobs) -> dict[str, float]:
    """Parameters of the retention rule."""
    given = _retain_parameters(knobs)
    if "firm" in given:
        given["expired_first"] = float(np.random.default_rng([knobs.seed, 34]).integers(2))
    return given


def _retain_parameters(knobs: Knobs) -> dict[str, float]:
    """Pins about as long as the gaps and as the iterations, or much longer."""
    rng = np.random.default_rng([knobs.seed, 12])
    if knobs.retain == "ttl":
        return {"tau_s": float(rng.choice([1, 4, 20, 100, 1000, np.inf])) * TICK_S, "firm": float(rng.choice([0, 1]))}
    firm = {"firm": float(rng.choice([0, 1]))}
    if knobs.retain == "continuum":
        return {"first_gap_s": float(rng.choice([1, 20])) * TICK_S, "samples": float(rng.choice([1, 3, 10]))} | firm
    if knobs.retain in ("continuum_released", "gate"):
        return {
            "tau_s": float(rng.choice([4, 20, 100])) * TICK_S,
            "slow_s": float(rng.choice([2, 10, 40])) * TICK_S,
        } | firm
    if knobs.retain == "saga_ttl":
        ranges = {"low_pressure": 0.3, "high_pressure": 0.8, "shrink": float(rng.choice([0.5, 1.0]))}
        return {"deviations": 1.5, **ranges, "most_s": float(rng.choice([20, 1e6])) * TICK_S} | firm
    if knobs.retain == "tool_ttl":
        return {"quantile": float(rng.choice([0.0, 0.5, 0.9]))} | firm
    if knobs.retain == "tokencake":
        return {"usage": float(rng.choice([0.1, 0.6])), "window_ratio": float(rng.choice([0.1, 1.0]))}
    if knobs.retain == "pensieve":
        return {"low_water": float(rng.choice([0.25, 0.8]))}
    if knobs.retain in ("infercept", "oracle_gap"):
        tokens = {"saturation_tokens": float(rng.choice([0, 16, 100]))} | firm
        if knobs.retain == "oracle_gap":
            return tokens | {"margin_s": float(rng.choice([0.001, 1.0]))}
        return tokens | {"period_s": float(rng.choice([0.5, 2, 7])) * TICK_S}
    return {}


def evict_parameters(knobs: Knobs) -> dict[str, float]:
    """Weights with which each term of a score may decide."""
    rng = np.random.default_rng([knobs.seed, 15])
    if knobs.evict == "saga_wa_lru":
        weights = rng.permutation([0.3, 0.5, 0.2])
        return {f"{name}_weight": float(w) for name, w in zip(("idle", "reuse", "size"), weights, strict=True)}
    return {"alpha": float(rng.choice([0.0, 0.5, 2.0]))} if knobs.evict == "marconi" else {}


def with_tenants(knobs: Knobs, programs: Programs) -> Programs:
    """Three tenants; some programs have deadlines."""
    rng = np.random.default_rng([knobs.seed, 2])
    n = len(programs.program)
    programs.program["tenant"] = rng.integers(0, 3, n)
    deadlines_s = np.array([snap(knobs, time_s) for time_s in rng.exponential(2.0, n)])
    programs.program["deadline_s"] = np.where(rng.random(n) < 0.6, deadlines_s, np.inf)
    return programs._replace(tenants=("a", "b", "c"))


def prefetch_parameters(knobs: Knobs) -> dict[str, float]:
    """Ticks about as often as iterations, and margins about as long as gaps."""
    rng = np.random.default_rng([knobs.seed, 22])
    period_s = float(rng.choice([1, 4, 20])) * TICK_S
    margin_s = float(rng.choice([0, 4, 100])) * TICK_S
    return {
        "look_ahead": {"share": float(rng.choice([0.1, 0.5, 1.0]))},
        "predicted_return": {"margin_s": margin_s, "ema": float(rng.choice([0, 1])), "period_s": period_s},
        "saga_margin": {"margin_s": margin_s, "deviations": float(rng.choice([-1.0, 0.0, 1.0])), "period_s": period_s},
        "oracle_return": {"margin_s": margin_s, "period_s": period_s},
    }.get(knobs.prefetch, {})


def snap(knobs: Knobs, time_s: float) -> float:
    """`time_s`, on the grid if there is one."""
    return round(time_s / TICK_S) * TICK_S if knobs.grid else time_s


def latency(knobs: Knobs, rng: np.random.Generator) -> Profile:
    """On the grid, iterations of one or a few ticks whatever they compute."""
    if knobs.grid:
        return constant_profile(overhead_s=int(rng.choice([1, 1, 2, 3])) * TICK_S)
    return random_profile(rng)


def random_instance(knobs: Knobs, rng: np.random.Generator, programs: Programs, last_arrival_s: float) -> InstanceSpec:
    """An instance sized for `programs`."""
    tokens = programs.turn["prompt_tokens"] + programs.turn["output_tokens"]
    largest = -(-int(tokens.max()) // BLOCK)
    # A batch that leaves a prefill one or two tokens an iteration lets decodes overtake it, so that it has to jump.
    starved = rng.random() < 0.15
    max_num_seqs = int(rng.integers(1, 17)) if not starved else int(rng.integers(2, 5))
    max_num_batched_tokens = int(rng.choice([16, 20, 32, 33, 48, 64, 100, 256, 512])) if not starved else 2
    start_s, failures = 0.0, []
    if knobs.faults:
        start_s = snap(knobs, float(rng.choice([0.0, rng.uniform(0, 0.3)])))
        at_s = start_s
        for _ in range(rng.integers(0, 4)):
            at_s += TICK_S + snap(knobs, float(rng.exponential(0.1 + last_arrival_s / 2)))
            down_s = float(rng.choice([1, 20, 100])) * TICK_S
            failures.append((at_s, down_s))
            at_s += down_s
    return InstanceSpec(
        capacity_blocks=max(1, int(largest * knobs.memory * rng.choice([1.0, 1.0, 1.3]))),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max(max_num_seqs, max_num_batched_tokens),
        max_model_len=int(tokens.max()) - int(rng.choice([0, 0, 0, 0, 40])),
        profile=latency(knobs, rng),
        start_s=start_s,
        failures=tuple(failures),
    )
