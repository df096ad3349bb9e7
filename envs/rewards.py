"""Reward terms: totals that the engine keeps, and what of them a decision is charged with.

Each term is a total over the counted part of the episode, divided so that the sum of an episode's rewards is minus
(or plus) a metric that means something, times the environment's `reward_scale`. The table is the one place that names
them.
"""

import numpy as np

from agentsim_env.engine.batch.runs import synchronise
from agentsim_env.engine.core.jit import COMPILED, compiled, entry
from agentsim_env.engine.core.pointer import bind
from agentsim_env.engine.core.times import has_happened
from agentsim_env.engine.residency.kv_time import wasted_share_s
from agentsim_env.scenario.reward import Reward
from agentsim_env.simulator import Simulator
from agentsim_env.workload import Programs

TERMS: dict[str, str] = {
    "time_in_system": "minus the mean time that programs wait for or are served by the cluster, in unit_s",
    "ttft": "minus the mean TTFT of turns (s)",
    "tpot": "minus the mean time per output token after the first (s)",
    "slo_violation": "minus the share of turns that end beyond an objective",
    "throughput": "plus the share of programs that are done",
    "recomputed_tokens": "minus the prefill tokens that programs had had before, over all prompt tokens",
    "cost": "minus the cost of the instances (USD) per program while programs are in the system",
    "wasted_token_seconds": "minus the token-seconds that KV was idle for nothing, warm-up included, over the tokens of"
    " all instances and the programs (s)",
    "step_stall": "minus the mean time that steps of societies in which somebody calls last beyond their least (s)",
    "wasted_bytes": "minus what instances were sent for nothing, warm-up included, per program (1e9 bytes)",
}
"""Every term and what the sum of its rewards over an episode is."""

BOOKS = np.dtype(
    [
        ("weight", "f8", (len(TERMS),)),  # reward per unit of each total
        ("paid", "f8", (len(TERMS),)),  # totals that have been charged
        ("penalty_s", "f8"),  # charge of a rejected program
        ("count_gaps", "i8"),
        ("refused", "i8"),  # actions of this episode that the mask forbade
        ("kind", "i8"),  # kind of the last decision, -1 before the first
    ]
)


def open_books(reward: Reward) -> np.ndarray:
    """Books of an environment; `begin` fills in what depends on the episode."""
    books = np.zeros(1, BOOKS)
    books["penalty_s"] = reward.reject_penalty_s
    books["count_gaps"] = reward.count_gaps
    return books


def scale_of(given: float | None, programs: Programs, warmup: int) -> float:
    """What the rewards of an episode are multiplied by: what is given, or the number of counted programs."""
    return float(max(1, len(programs.program) - warmup)) if given is None else given


def begin(
    books: np.ndarray, reward: Reward, programs: Programs, warmup: int, price_per_s: float, scale: float = 1.0
) -> None:
    """Set the weights for an episode, all of them multiplied by `scale`, and forget what the last one paid."""
    first_turn = programs.program["first_turn"][warmup] if warmup < len(programs.program) else 0
    n_programs = max(1, len(programs.program) - warmup)
    n_turns = max(1, len(programs.turn) - int(first_turn))
    # A turn of a single token has no time per further token.
    n_timed = max(1, int((programs.turn["output_tokens"][first_turn:] > 1).sum()))
    n_tokens = max(1, int(programs.turn["prompt_tokens"][first_turn:].sum(dtype=np.int64)))
    per_unit = {
        "time_in_system": -1.0 / (reward.unit_s * n_programs),
        "ttft": -1.0 / n_turns,
        "tpot": -1.0 / n_timed,
        "slo_violation": -1.0 / n_turns,
        "throughput": 1.0 / n_programs,
        "recomputed_tokens": -1.0 / n_tokens,
        "cost": -price_per_s / n_programs,
        "wasted_token_seconds": -1.0 / n_programs,
        "step_stall": -1.0 / max(1, _steps_with_calls(programs)),
        "wasted_bytes": -1e-9 / n_programs,
    }
    weights = [per_unit[name] * reward.terms.get(name, 0.0) * scale for name in TERMS]  # type: ignore[call-overload]
    books["weight"][0] = weights
    books["paid"] = 0.0
    books["refused"] = 0
    books["kind"] = -1


def _steps_with_calls(programs: Programs) -> int:
    """Steps of societies in which somebody calls."""
    turn = programs.turn
    society, step = programs.program["society"][turn["program"]], turn["step"]
    stands = step >= 0
    return len(np.unique(society[stands].astype(np.int64) << 32 | step[stands]))


@compiled
def _stalled_s(state):
    """Time that the steps of all societies have lasted beyond their least, by now."""
    total_s = 0.0
    for q in range(len(state.society)):
        society = state.society[q]
        for row in range(society.first_row, society.first_row + society.step + 1):
            run = state.step_run[row]
            until_s = run.ended_s if has_happened(run.ended_s) else state.world[0].now_s
            total_s += max(0.0, until_s - run.begun_s - society.step_s)
    return total_s


@compiled
def _total(state, books, term):
    """The total of a term so far, in the order of TERMS."""
    world = state.world[0]
    if term == 0:
        area = world.area_all if books[0].count_gaps else world.area_busy
        return area + books[0].penalty_s * world.n_charged
    if term == 1:
        return world.ttft_s
    if term == 2:
        return world.tpot_s
    if term == 3:
        return float(world.n_violations)
    if term == 4:
        return float(world.n_counted_done)
    if term == 5:
        return float(world.recomputed_tokens)
    if term == 6:
        return world.system_s
    if term == 8:
        return _stalled_s(state)
    if term == 9:
        wasted = 0.0
        for i in range(len(state.instance)):
            wasted += state.instance[i].wasted_bytes
        return wasted
    for i in range(len(state.instance)):
        synchronise(state, i)
    return wasted_share_s(state)


@compiled
def collect(state, books):
    """The reward since the last call."""
    reward = 0.0
    for term in range(len(books[0].weight)):
        weight = books[0].weight[term]
        if weight != 0.0:
            total = _total(state, books, term)
            reward += weight * (total - books[0].paid[term])
            books[0].paid[term] = total
    return reward


@entry
def _collect_at(table, books):
    return collect(bind(table), books)


def episode_return(simulator: Simulator) -> float:
    """Sum of the rewards of the episode so far at a `reward_scale` of 1, whoever has answered its decisions."""
    scenario = simulator.scenario
    books = open_books(scenario.reward)
    price_per_s = sum(engine.price_per_hour for engine in simulator.engines) / 3600.0
    begin(books, scenario.reward, simulator.programs, scenario.episode.warmup_programs, price_per_s)
    if COMPILED:
        return _collect_at(simulator.core.handle, books)
    return collect(simulator.state, books.view(np.recarray))
