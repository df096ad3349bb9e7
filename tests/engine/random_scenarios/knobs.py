"""What a random scenario is like."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.engine.random_scenarios.streams import Streams
from tests.reference.rules.admission import ADMISSIONS
from tests.reference.rules.budget import BUDGETS
from tests.reference.rules.eviction import EVICTIONS
from tests.reference.rules.prefetch import PREFETCHES
from tests.reference.rules.retention import RETENTIONS
from tests.reference.rules.routing import ROUTES
from tests.reference.rules.scheduling import PREEMPTIONS, SCHEDULES

TICK_S = 2.0**-8
ASYNC_SCHEDULING = ("none", "some", "all")
SHARED_GPUS = ("none", "some", "one")
LANES = ("none", "some", "all")
MODES = ("mixed", "prefill_first", "some", "pools")
NEAREST = ("scalesim", "scalesim", "kvflow", "oracle_next_use")
FAR = ("scalesim", "kvflow")


LATER_ADMISSIONS = ("concur_tuned", "hysteresis_gate")
LATER_SCHEDULES = ("llm_d_las",)
LATER_EVICTIONS = ("tlru",)
LATER_ROUTES = ("llm_d_baseline", "sticky_until_saturated", "lmetric", "smetric", "kv_routing", "thompson")
"""Rules that have come later are drawn from a stream of their own, so that the scenarios of all seeds stay."""


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
        async_scheduling: Which instances schedule an iteration ahead: `none`, `some` or `all`.
        shared_gpus: Each instance has a GPU (`none`), `some` share one of two, or all share `one`.
        context_switch_s: What an iteration takes longer that begins while others of its GPU work.
        lanes: Which instances, of those that prefill and decode, have two lanes: `none`, `some` or `all`.
        eviction: What goes when blocks are needed: `blocks`, as many as are short, or `objects`, whole segments.
        societies: Societies whose programs take steps together; with 1 or more, programs report their next calls.
        view_delay_s: How often the router's view is refreshed; 0: it is always fresh.
        adapters: Slots for adapters of each instance, if they can come from a tier; 0: none.
        giving_way: Links to instances are so slow, and what is brought up ahead so much, that loads often give way.
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
    eviction: str = "blocks"
    view_delay_s: float = 0.0
    async_scheduling: str = "none"
    societies: int = 0
    adapters: int = 0
    shared_gpus: str = "none"
    context_switch_s: float = 0.0
    lanes: str = "none"
    budget: str = "keep"
    giving_way: bool = False


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
    eviction=st.sampled_from(["blocks", "objects"]),
    view_delay_s=st.sampled_from([0.0, 0.0, TICK_S, 20 * TICK_S]),
    async_scheduling=st.sampled_from(ASYNC_SCHEDULING),
    societies=st.integers(0, 2),
    adapters=st.integers(0, 3),
    shared_gpus=st.sampled_from(SHARED_GPUS),
    context_switch_s=st.sampled_from([0.0, TICK_S]),
    lanes=st.sampled_from(LANES),
    budget=st.sampled_from(sorted(BUDGETS)),
    giving_way=st.booleans(),
)


def knobs_of(seed: int) -> Knobs:
    """Knobs number `seed`; each has a stream of its own, and default rules are drawn more often than others."""
    streams = Streams(seed)

    def chance(knob: str, probability: float) -> bool:
        return bool(streams(knob).random() < probability)

    def one_of(knob: str, values: Sequence[float]) -> float:
        return float(streams(knob).choice(values))

    def name(knob: str, names: Sequence[str], p: Sequence[float] | None = None) -> str:
        return str(streams(knob).choice(names, p=p))

    def or_later(knob: str, drawn: str, later: Sequence[str]) -> str:
        return name(f"later {knob}", later) if chance(f"whether a later {knob}", 0.15) else drawn

    societies = int(one_of("societies", [0, 0, 0, 0, 0, 1, 1, 2]))
    near, far = (chance(f"{kind} by distance", 0.6 if societies else 0.1) for kind in ("prefetch", "evict"))
    prefetch = [name for name in PREFETCHES if name not in NEAREST]
    admit = [name for name in ADMISSIONS if name not in LATER_ADMISSIONS]
    evict = [name for name in EVICTIONS if name not in (*FAR, *LATER_EVICTIONS)]
    route = [name for name in ROUTES if name != "llm_d" and name not in LATER_ROUTES]
    schedule = [name for name in SCHEDULES if name != "continuum" and name not in LATER_SCHEDULES]
    return Knobs(
        seed=seed,
        n_instances=int(streams("n_instances").integers(1, 5)),
        n_programs=int(streams("n_programs").integers(4, 25)),
        memory=one_of("memory", [0.6, 0.9, 1.0, 1.0, 1.1, 1.2, 1.4, 2.0, 4.0, 10.0]),
        twins=chance("twins", 0.3),
        grid=chance("grid", 0.4),
        irregular=chance("irregular", 0.3),
        faults=chance("faults", 0.4),
        frontend_s=one_of("frontend_s", [0.0, TICK_S]),
        rule=or_later("rule", "llm_d" if chance("llm_d", 0.2) else name("rule", route), LATER_ROUTES),
        schedule=or_later(
            "schedule",
            "continuum" if chance("continuum", 0.1) else name("schedule", ["fcfs", *schedule]),
            LATER_SCHEDULES,
        ),
        preempt=name("preempt", ["last_admitted", *PREEMPTIONS]),
        admit=or_later("admit", name("admit", ["admit", *admit]), LATER_ADMISSIONS),
        tier=chance("tier", 0.5),
        prefetch=name("prefetch by", NEAREST) if near else name("prefetch", ["none", *prefetch]),
        modes=name("modes", MODES, p=[0.6, 0.1, 0.1, 0.2]),
        retain=name("retain", ["leave", "ttl", *RETENTIONS]),
        evict=name("evict by", FAR) if far else or_later("evict", name("evict", ["lru", *evict]), LATER_EVICTIONS),
        eviction=name("eviction", ["blocks", "objects"], p=[0.7, 0.3]),
        view_delay_s=one_of("view_delay_s", [0, 0, 0, 1, 5, 30]) * TICK_S,
        async_scheduling=name("async_scheduling", ASYNC_SCHEDULING, p=[0.5, 0.25, 0.25]),
        societies=societies,
        adapters=int(one_of("adapters", [0, 0, 0, 0, 1, 2, 3])),
        shared_gpus=name("shared_gpus", SHARED_GPUS, p=[0.6, 0.2, 0.2]),
        context_switch_s=one_of("context_switch_s", [0, 0, 1, 3]) * TICK_S,
        lanes=name("lanes", LANES, p=[0.75, 0.1, 0.15]),
        budget=name("budget", list(BUDGETS)),
        giving_way=chance("giving way", 0.05),
    )


def snap(knobs: Knobs, time_s: float) -> float:
    """`time_s`, on the grid if there is one."""
    return round(time_s / TICK_S) * TICK_S if knobs.grid else time_s
