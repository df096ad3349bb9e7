"""Capacity of a scenario: what `load` is a fraction of.

Capacity is the highest rate at which the cluster gets programs done under the scenario's rules, over the numbers of
programs that may be in progress at once (a closed loop without think time). More programs in progress fill the
batches; too many push each other's KV out, and the rate falls again. Programs that fail or are rejected are not done
and do not count.
"""

import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable
from math import isfinite
from multiprocessing import parent_process
from pathlib import Path

import numpy as np

from agentsim_env import cache
from agentsim_env.assembly import SimulationError, assemble, engines_of, source_of, work_of
from agentsim_env.assembly.recorded import Recorded, read_source
from agentsim_env.assembly.stuck import check_goes_on
from agentsim_env.assembly.unserved import find_unserved
from agentsim_env.engine.core.jit import CACHE_ROOT, ENGINE_HASH
from agentsim_env.engine.core.state import DONE
from agentsim_env.scenario import Scenario, ScenarioError, load_scenario

_SEED = 0
_PROGRAMS_PER_USER = 6
_LEAST_PROGRAMS = 192
_GROWTH = 1.5
_PATIENCE = 3
_MOST_USERS_PER_INSTANCE = 4096
_SLOW_S = 5.0


def capacity_per_s(scenario: Scenario) -> float:
    """Programs per second that the scenario can get done; measured once and kept in the user's cache, by content.

    Args:
        scenario: Its arrivals, reward, episode and objectives do not matter.

    Raises:
        ScenarioError: There is no such rate: no program fits on an instance, the rules let none be done, or more
            programs in progress are always better.
    """
    path = CACHE_ROOT / "capacity" / f"{_key(scenario)}.json"
    known = _known(path)
    if known is not None:
        return known
    capacity = max((rate for _, rate in capacity_curve(scenario)), default=0.0)
    if not (isfinite(capacity) and capacity > 0.0):
        answers = f"(rules.admit_program: {scenario.rules.admit_program})"
        raise _no_capacity(scenario, f"under its rules {answers} no program is done, whatever their number")
    cache.write(path, json.dumps({"scenario": scenario.name, "capacity_per_s": capacity}).encode())
    return capacity


def capacity_curve(scenario: Scenario) -> list[tuple[int, float]]:
    """(programs in progress, programs done per second), until the rate has passed its top or all programs are begun.

    Raises:
        ScenarioError: A rate cannot be measured, or it still grows with very many programs in progress.
    """
    curve: list[tuple[int, float]] = []
    users, most = max(2, scenario.cluster.n_instances), _most_users(scenario)
    top, worse, announce = 0.0, 0, _announcement(scenario)
    while worse < _PATIENCE and (not curve or curve[-1][0] < most):
        users = min(users, most)
        rate = completion_rate(scenario, users, announce)
        if not isfinite(rate):
            raise _no_capacity(scenario, f"with {users:,} of its programs in progress they take no time")
        worse = worse + 1 if rate < 1.01 * top or rate == 0.0 else 0
        top = max(top, rate)
        curve.append((users, rate))
        users = int(np.ceil(users * _GROWTH))
    if worse == 0 and scenario.workload.trace is None:
        raise _no_capacity(scenario, f"with {most:,} programs in progress ({top:.4g} done per second) it still grows")
    return curve


def completion_rate(scenario: Scenario, users: int, between: Callable[[], None] | None = None) -> float:
    """Programs done per second while `users` programs are in progress, start and end of the run left out.

    A trace with few programs has no time between start and end in which so many are in progress: its rate is that of
    the whole run, a lower bound.

    Args:
        scenario: The scenario.
        users: Programs in progress; as many as the trace has, if it has fewer.
        between: Called some twenty times a second.

    Raises:
        ScenarioError: No program fits on an instance, or the run got stuck.
    """
    work = work_of(scenario)
    n = max(_LEAST_PROGRAMS, _PROGRAMS_PER_USER * users)
    if isinstance(work, Recorded):
        n = min(n, work.n_programs)
    closed_loop = load_scenario(
        scenario,
        {
            "workload.arrivals": {"process": "closed_loop", "users": users, "think_time_s": 0.0},
            "episode": {"programs": n, "warmup_programs": 0, "time_limit_s": None},
        },
    )
    engines = engines_of(closed_loop)
    find_unserved(closed_loop, engines, work.longest_contexts())
    programs = source_of(closed_loop, work).draw(_SEED)
    try:
        core = assemble(closed_loop, engines).begin(programs, _SEED)
        check_goes_on(core.advance(between=between), core.state, has_time_limit=False)
    except SimulationError as error:
        raise _no_capacity(scenario, f"with {users:,} of its programs in progress {error}") from error
    return _done_per_s(core.state.program_run)


def _announcement(scenario: Scenario) -> Callable[[], None]:
    """Says on the standard error stream, once, that a search takes its time; workers are silent."""
    begun_s, said = time.monotonic(), parent_process() is not None

    def announce() -> None:
        nonlocal said
        if not said and time.monotonic() - begun_s > _SLOW_S:
            said = True
            what = f"measuring the capacity of {scenario.name} on {scenario.cluster.n_instances:,} instances, once"
            print(f"agentsim-env: {what}; workload.arrivals.rate_per_s needs none ...", file=sys.stderr, flush=True)

    return announce


def _done_per_s(programs: np.ndarray) -> float:
    """Rate at which programs are done, from the state of all programs at the end of a closed loop."""
    done = programs[programs["state"] == DONE]
    n = len(done)
    if n == 0:
        return 0.0
    ends = np.sort(done["end_s"])
    first, last = int(0.3 * n), int(0.8 * n)
    counted, within_s = last - first, ends[last] - ends[first]
    # What ends within less time than a program takes has begun together: nothing has come in its place.
    if counted == 0 or within_s < np.median(done["end_s"] - done["arrived_s"]):
        counted, within_s = n, ends[-1] - programs["arrived_s"].min()
    return float(counted / within_s) if within_s > 0.0 else float("inf")


def _most_users(scenario: Scenario) -> int:
    """Programs in progress at most: those of a trace, or so many that something else than the cluster is measured."""
    workload = scenario.workload
    if workload.trace is None:
        return _MOST_USERS_PER_INSTANCE * scenario.cluster.n_instances
    trace = read_source(workload.trace, scenario.cluster.block_size_tokens, workload.reuse_generated)
    return len(trace.programs.program)


def _no_capacity(scenario: Scenario, why: str) -> ScenarioError:
    hint = "give workload.arrivals.rate_per_s in the place of load"
    return ScenarioError(f"{scenario.name}: there is no capacity to be a fraction of: {why}; {hint}")


def _known(path: Path) -> float | None:
    """A capacity that was kept; None where it is missing or cannot be read."""
    try:
        capacity = json.loads(cache.read(path) or b"")["capacity_per_s"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return capacity if isinstance(capacity, float) and isfinite(capacity) and capacity > 0.0 else None


def _key(scenario: Scenario) -> str:
    """Content of what matters, of the hardware's profiles, and of the code that measures."""
    neutral = load_scenario(
        scenario,
        {
            "workload.arrivals": {"process": "closed_loop", "users": 1, "think_time_s": 0.0},
            "reward": None,
            "slo": None,
            "decisions.advice": False,
            "episode": {"programs": 1, "warmup_programs": 0, "time_limit_s": None},
        },
    )
    return f"{neutral.content_hash()[:24]}-{_hardware(neutral)}-{_sources()}"


@functools.cache
def _sources() -> str:
    """Hash of the code that draws programs, runs them and measures."""
    digest = hashlib.sha256(ENGINE_HASH.encode())
    here = Path(__file__)
    folders = [here.parent / "assembly", here.parent / "workload"]
    for path in [here, *(path for folder in folders for path in sorted(folder.rglob("*.py")))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _hardware(scenario: Scenario) -> str:
    """Hash of the latency and the KV capacity of each instance."""
    digest = hashlib.sha256()
    for engine in engines_of(scenario):
        numbers = [value for name, value in vars(engine.profile).items() if isinstance(value, (float, np.ndarray))]
        digest.update(np.concatenate([np.atleast_1d(value) for value in [*numbers, float(engine.kv_blocks)]]).tobytes())
    return digest.hexdigest()[:16]
