"""Capacity of a scenario: what `load` is a fraction of.

Capacity is the highest rate at which the cluster completes programs under the scenario's rules, over the numbers of
programs that may be in progress at once (a closed loop without think time). More programs in progress fill the
batches; too many push each other's KV out, and the rate falls again.
"""

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from agentsim_env import cache
from agentsim_env.engine.jit import CACHE_ROOT, ENGINE_HASH

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario

_SEED = 0
_PROGRAMS_PER_USER = 6
_LEAST_PROGRAMS = 192
_GROWTH = 1.5
_PATIENCE = 3


def capacity_per_s(scenario: "Scenario") -> float:
    """Programs per second that the scenario can complete; measured once and kept in the user's cache, by content.

    Args:
        scenario: Its arrivals, reward, episode and objectives do not matter.
    """
    path = CACHE_ROOT / "capacity" / f"{_key(scenario)}.json"
    kept = cache.read(path)
    if kept is not None:
        return float(json.loads(kept)["capacity_per_s"])
    capacity = max(rate for _, rate in capacity_curve(scenario))
    cache.write(path, json.dumps({"scenario": scenario.name, "capacity_per_s": capacity}).encode())
    return capacity


def with_rate(scenario: "Scenario") -> "Scenario":
    """The scenario with its load spelled out as a rate: whatever its rules become, its programs arrive as before."""
    from agentsim_env.scenario import load_scenario

    load = getattr(scenario.workload.arrivals, "load", None)
    if load is None:
        return scenario
    return load_scenario(scenario, {"workload.arrivals.rate_per_s": load * capacity_per_s(scenario)})


def capacity_curve(scenario: "Scenario") -> list[tuple[int, float]]:
    """(programs in progress, programs completed per second), until the rate has passed its top."""
    curve: list[tuple[int, float]] = []
    users = max(2, scenario.cluster.n_instances)
    worse = 0
    while worse < _PATIENCE:
        rate = completion_rate(scenario, users)
        worse = worse + 1 if curve and rate < 1.01 * max(r for _, r in curve) else 0
        curve.append((users, rate))
        users = int(np.ceil(users * _GROWTH))
    return curve


def completion_rate(scenario: "Scenario", users: int) -> float:
    """Programs completed per second while `users` programs are in progress, start and end of the run left out."""
    from agentsim_env.scenario import load_scenario
    from agentsim_env.simulator import Simulator
    from agentsim_env.workload.draw import prepare
    from agentsim_env.workload.recorded import Recorded

    def closed_loop(programs: int) -> "Scenario":
        return load_scenario(
            scenario,
            {
                "workload.arrivals": {"process": "closed_loop", "users": users, "think_time_s": 0.0},
                "episode": {"programs": programs, "warmup_programs": 0, "time_limit_s": None},
            },
        )

    n = max(_LEAST_PROGRAMS, _PROGRAMS_PER_USER * users)
    source = prepare(closed_loop(n))
    if isinstance(source.work, Recorded) and source.work.n_programs < n:
        n = source.work.n_programs
        source = prepare(closed_loop(n))
    simulator = Simulator(closed_loop(n), source=source)
    simulator.reset(_SEED)
    simulator.run()
    ends = np.sort(simulator.state.program_run["end_s"])
    first, last = int(0.3 * n), int(0.8 * n)
    return float((last - first) / (ends[last] - ends[first]))


def _key(scenario: "Scenario") -> str:
    """Content of what matters, of the hardware's profiles, and of the code that measures."""
    from agentsim_env.scenario import load_scenario

    neutral = load_scenario(
        scenario,
        {
            "workload.arrivals": {"process": "closed_loop", "users": 1, "think_time_s": 0.0},
            "reward": None,
            "slo": None,
            "episode": {"programs": 1, "warmup_programs": 0, "time_limit_s": None},
        },
    )
    return f"{neutral.content_hash()[:24]}-{_hardware(neutral)}-{ENGINE_HASH}"


def _hardware(scenario: "Scenario") -> str:
    """Hash of the latency and the KV capacity of each instance."""
    from agentsim_env.hardware import resolve
    from agentsim_env.scenario import ScenarioError

    digest = hashlib.sha256()
    try:
        engines = resolve(scenario.cluster)
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: {error}") from error
    for engine in engines:
        numbers = [value for name, value in vars(engine.profile).items() if isinstance(value, (float, np.ndarray))]
        digest.update(np.concatenate([np.atleast_1d(value) for value in [*numbers, float(engine.kv_blocks)]]).tobytes())
    return digest.hexdigest()[:16]
