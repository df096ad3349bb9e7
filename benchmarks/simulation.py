"""The compiled loop: turns per second, on the default scenario and on larger clusters and workloads."""

from functools import cache
from typing import NamedTuple

from agentsim_env import Simulator, load_scenario
from agentsim_env.capacity import capacity_per_s
from agentsim_env.workload import Programs
from benchmarks.measure import Task, stopwatch

EPISODES = 40
STABLE_LOAD = 0.6
"""Load at which clusters of all sizes are compared.

Near capacity a short episode ends before the queue has grown; over 100,000 programs it grows without bound (the longer
it is, the more KV is lost between two turns), and the cost of a turn would be that of the queue.
"""


class Size(NamedTuple):
    """A cluster and a workload.

    Attributes:
        instances: Instances.
        programs: Programs, which arrive at `STABLE_LOAD` whatever the number of instances.
        repeats: How often the workload is simulated in one measurement.
        route_turn: Rule of the router.
    """

    instances: int
    programs: int
    repeats: int = 1
    route_turn: str = "least_loaded"


BASE = Size(instances=4, programs=1_000, repeats=8)
"""The small case that larger ones are compared with."""


def default_scenario(include_reset: bool) -> Task:
    """Task: episodes of the default scenario, by its rules.

    Args:
        include_reset: Whether drawing the workload and setting up the state are on the clock.
    """
    return _episodes(Simulator(), EPISODES, include_reset)


LONG_MODEL = "Llama-4-Scout-17B-16E"
"""A model that is made for contexts of ten million tokens."""

MOST_CONTEXT = 1 << 20

TIERS = (
    {"kind": "dram", "capacity_gib": 64.0},
    {"kind": "cxl", "capacity_gib": 256.0},
)


def under_pressure(write_policy: str) -> Task:
    """Task: episodes with memory for half of the working set, over host memory and a CXL pool.

    Args:
        write_policy: When KV is copied below HBM, `write_through` or `write_back`.
    """
    changes = {"cluster.tiers": TIERS, "cluster.write_policy": write_policy}
    return _episodes(Simulator(load_scenario("pressure_0.5", changes)), EPISODES // 4, include_reset=False)


def _episodes(simulator: Simulator, episodes: int, include_reset: bool) -> Task:
    """Task: so many episodes."""

    def run() -> tuple[float, float]:
        turns, seconds = 0, 0.0
        for seed in range(episodes):
            watch = stopwatch()
            simulator.reset(seed)
            watch = watch if include_reset else stopwatch()
            simulator.run()
            seconds += watch()
            turns += len(simulator.programs.turn)
        return turns, seconds

    return run


def of_size(size: Size) -> Task:
    """Task: the default scenario in another size."""
    simulator, programs = sized(size)

    def run() -> tuple[float, float]:
        turns, seconds = 0, 0.0
        for _ in range(size.repeats):
            simulator.reset(0, programs)
            watch = stopwatch()
            simulator.run()
            seconds += watch()
            turns += len(programs.turn)
        return turns, seconds

    return run


@cache
def sized(size: Size) -> tuple[Simulator, Programs]:
    """A simulator of the default scenario in another size, at the same rate per instance, and its workload."""
    default = load_scenario()
    rate_per_s = STABLE_LOAD * capacity_per_s(default) * size.instances / default.cluster.n_instances
    scenario = load_scenario(
        default,
        {
            "cluster.instances.0.count": size.instances,
            "workload.arrivals": {"process": "poisson", "rate_per_s": rate_per_s},
            "episode.programs": size.programs,
            "rules.route_turn": size.route_turn,
        },
    )
    simulator = Simulator(scenario)
    return simulator, simulator.source.draw(0)


def of_context(tokens: int) -> Task:
    """Task: programs with contexts of so many tokens of their own, one at a time on each instance, without a queue."""
    scenario = load_scenario(
        None,
        {
            "cluster.model": LONG_MODEL,
            "cluster.instances": [{"gpu": "H200", "count": 4, "tp": 4, "kv_blocks": 2 * MOST_CONTEXT // 16}],
            "workload.mix.0.params": {
                "system_tokens": 0,
                "tool_schema_tokens": {"value": 0},
                "first_tokens": {"value": tokens},
                "tool_append_tokens": {"value": 16},
                "context_limit_tokens": 2 * MOST_CONTEXT,
            },
            "workload.arrivals": {"process": "closed_loop", "users": 4, "think_time_s": 0.0},
            "episode.programs": 64,
            "rules.route_turn": "session_affinity",
        },
    )
    return _episodes(Simulator(scenario), 8, include_reset=False)
