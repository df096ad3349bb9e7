"""What a router sees is what the records of the episode say about that moment."""

from typing import NamedTuple

import numpy as np
import pytest

from agentsim_env.engine.batch import look
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.envs.routing_features import FEATURES
from agentsim_env.metrics import Records
from tests.engine.hand_made import bound
from tests.small import small

find_cached = bound(look.find_cached)


class Seen(NamedTuple):
    """What was seen in an episode, D decisions."""

    time_s: np.ndarray
    program: np.ndarray
    turn: np.ndarray
    rows: np.ndarray
    action: np.ndarray
    records: Records

    def feature(self, name: str) -> np.ndarray:
        """`[D, instances]`."""
        return self.rows[:, :, FEATURES.index(name)]


def watch(overrides: dict | None = None, seed: int = 0) -> Seen:
    env = RoutingEnv(small("equal", overrides))
    rng = np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    seen: list[tuple] = []
    over = False
    while not over:
        world = env.simulator.state.world[0]
        slot = env.simulator.state.slot[world["asked_slot"]]
        action = int(rng.integers(3))
        rows = observation.reshape(env.candidate_shape)
        seen.append((env.simulator.now, int(slot["program"]), int(slot["turn"]), rows, action))
        observation, _, over, _, _ = env.step(action)
    return Seen(*(np.array(column) for column in zip(*seen, strict=True)), records=env.simulator.records())


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Programs that come fast, so that turns meet."""
    return watch({"workload.arrivals.rate_per_s": 40.0, "episode.programs": 40, "cluster.instances.0.max_num_seqs": 3})


def squash(x: np.ndarray, scale: float) -> np.ndarray:
    return x / (np.abs(x) + scale)


def counts(records: Records, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turns that wait, turns that run and tokens of their prompts on each instance at each time, `[D, instances]`."""
    turns, n = records.turns, len(records.instances)
    assert not turns["preemptions"].any()
    here = turns["instance"] == np.arange(n)[:, None]
    at_s = time_s[:, None, None]
    waiting = here & (turns["queued_s"] < at_s) & (turns["scheduled_s"] > at_s)
    running = here & (turns["queued_s"] < at_s) & (turns["scheduled_s"] <= at_s) & (turns["end_s"] > at_s)
    tokens = ((waiting | running) * turns["prompt_tokens"].astype(np.int64)).sum(axis=2)
    return waiting.sum(axis=2), running.sum(axis=2), tokens


def test_queues_and_batches(seen: Seen) -> None:
    waiting, running, tokens = counts(seen.records, seen.time_s)
    assert waiting.max() > 1
    assert running.max() > 1
    np.testing.assert_allclose(seen.feature("waiting"), squash(waiting, 4), atol=1e-6)
    np.testing.assert_allclose(seen.feature("running"), squash(running, 16), atol=1e-6)
    np.testing.assert_allclose(seen.feature("context_tokens"), squash(tokens, 400_000), atol=1e-6)
    turns = waiting + running
    np.testing.assert_allclose(
        seen.feature("turns_rank"), squash(turns - turns.min(axis=1, keepdims=True), 4), atol=1e-6
    )
    mean = np.broadcast_to(turns.mean(axis=1, keepdims=True), turns.shape)
    np.testing.assert_allclose(seen.feature("cluster_turns"), squash(mean, 16), atol=1e-6)


def test_the_view_is_as_late_as_the_scenario_says() -> None:
    fast = {"workload.arrivals.rate_per_s": 40.0, "episode.programs": 40, "cluster.view_delay_s": 0.25}
    seen = watch(fast)
    ticks_s = np.floor(seen.time_s / 0.25) * 0.25
    waiting, running, tokens = counts(seen.records, ticks_s)
    np.testing.assert_allclose(seen.feature("waiting"), squash(waiting, 4), atol=1e-6)
    np.testing.assert_allclose(seen.feature("running"), squash(running, 16), atol=1e-6)
    np.testing.assert_allclose(seen.feature("context_tokens"), squash(tokens, 400_000), atol=1e-6)
    for tick_s in np.unique(ticks_s):
        for name in ("pending_tokens", "locked_share", "cached_share", "turns_rank", "cluster_locked_share"):
            between_ticks = seen.feature(name)[ticks_s == tick_s]
            assert (between_ticks == between_ticks[0]).all(), name


@pytest.mark.parametrize("name", ["equal", "tight", "faulty", "apart"])
@pytest.mark.parametrize("delay_s", [0.0, 0.25])
def test_agents_see_the_hits_that_rules_see(name: str, delay_s: float) -> None:
    env = RoutingEnv(small(name, {"cluster.view_delay_s": delay_s}))
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=0)
    some, over = 0, False
    while not over:
        state = env.simulator.state
        slot = int(state.world["asked_slot"][0])
        find_cached(state, slot)
        size, target = int(state.world["block_size"][0]), int(state.slot["target"][slot])
        allowed = info["action_mask"] == 1
        cached = np.minimum(state.score[allowed], (target - 1) // size) * size
        if not state.slot["handed"][slot]:
            shown = observation.reshape(env.candidate_shape)[allowed, FEATURES.index("hit_share")]
            np.testing.assert_allclose(shown, cached / target, atol=1e-6)
            some += bool(cached.any())
        observation, _, terminated, truncated, info = env.step(int(rng.choice(np.flatnonzero(allowed))))
        over = terminated or truncated
    assert some > 20


def test_before_the_second_view_nothing_has_been_seen() -> None:
    seen = watch({"cluster.view_delay_s": 1000.0})
    assert seen.records.turns["hit_tokens"].any()
    for name in ("hit_share", "waiting", "running", "locked_share", "cached_share"):
        assert not seen.feature(name).any(), name


def test_what_is_seen_is_what_was_there_at_the_last_view() -> None:
    """Between two views the same context is seen to be where it was, whatever is sent or evicted meanwhile."""
    seen = watch({"cluster.view_delay_s": 2.0, "workload.arrivals.rate_per_s": 40.0})
    ticks_s = np.floor(seen.time_s / 2.0)
    first = {}
    again = 0
    for tick, program, row in zip(ticks_s, seen.program, seen.feature("hit_share"), strict=True):
        if (tick, program) in first:
            # A later prompt finds no more of it than the one before did.
            assert (row <= first[tick, program] + 1e-6).all()
            again += 1
        first[tick, program] = row
    assert again > 5


def test_the_turn_and_its_program(seen: Seen) -> None:
    turns = seen.records.turns[seen.turn]
    arrival_s = seen.records.programs["arrival_s"][seen.program]
    expected = {
        "prompt_tokens": squash(turns["prompt_tokens"], 30_000),
        "new_tokens": squash(turns["new_tokens"], 2_000),
        "turns_done": squash(turns["turn_index"], 10),
        "age_s": squash(seen.time_s - arrival_s, 60),
        "has_home": turns["turn_index"] > 0,
    }
    for name, values in expected.items():
        for instance in range(3):
            np.testing.assert_allclose(seen.feature(name)[:, instance], values, atol=1e-6, err_msg=name)


def test_home_is_where_the_last_turn_went(seen: Seen) -> None:
    home: dict[int, int] = {}
    for program, action, is_home in zip(seen.program, seen.action, seen.feature("is_home"), strict=True):
        assert is_home.tolist() == [float(home.get(program) == i) for i in range(3)]
        home[program] = action


def test_home_holds_what_the_last_turn_left(seen: Seen) -> None:
    """Whole blocks of the context so far, but never the whole prompt; a turn finds at least what was promised."""
    turns = seen.records.turns
    assert not seen.records.instances["evicted_blocks"].any()
    checked = 0
    for turn, action, row, share in zip(
        seen.turn, seen.action, seen.feature("is_home"), seen.feature("hit_share"), strict=True
    ):
        prompt = int(turns["prompt_tokens"][turn])
        assert turns["hit_tokens"][turn] >= round(float(share[action]) * prompt)
        if not row.any():
            continue
        context = int(turns["prompt_tokens"][turn - 1] + turns["output_tokens"][turn - 1])
        cached = 16 * min((context - 1) // 16, (prompt - 1) // 16)
        assert share[np.argmax(row)] == pytest.approx(cached / prompt, abs=1e-6)
        checked += 1
    assert checked > 100
    uncached = (1.0 - seen.feature("hit_share")) * turns["prompt_tokens"][seen.turn][:, None]
    np.testing.assert_allclose(seen.feature("uncached_tokens"), squash(uncached, 4000), atol=1e-5)


def test_an_idle_cluster_differs_by_its_hardware_alone() -> None:
    instances = [{"gpu": "H100", "count": 2}, {"gpu": "L40S"}]
    env = RoutingEnv(small("equal", {"cluster.instances": instances, "episode.warmup_programs": 0}))
    observation, _ = env.reset(seed=0)
    rows = observation.reshape(env.candidate_shape)
    engines = env.simulator.engines
    prompt = int(env.simulator.programs.turn["prompt_tokens"][0])
    prefill_s = np.array([engine.profile.prefill_s(prompt) for engine in engines])
    step_s = np.array([engine.profile.iteration_s(contexts=[prompt]) for engine in engines])
    expected = {
        "prefill_s": squash(prefill_s, 0.3),
        "first_token_s": squash(prefill_s, 0.6),
        "first_token_rank": squash(prefill_s - prefill_s.min(), 0.3),
        "decode_step_s": squash(step_s, 0.02),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(rows[:, FEATURES.index(name)], values, rtol=0.01, atol=1e-4, err_msg=name)
    zero = ("is_home", "hit_share", "waiting", "running", "pending_tokens", "pending_s", "context_tokens", "has_home")
    for name in (*zero, "locked_share", "cached_share", "turns_rank", "cluster_turns", "cluster_locked_share"):
        assert (rows[:, FEATURES.index(name)] == 0.0).all(), name


def test_rows_of_equal_instances_are_interchangeable() -> None:
    """Sending the first turn to another of two equal, empty instances swaps their rows."""
    rows = []
    for action in (0, 1):
        env = RoutingEnv(small("equal", {"episode.warmup_programs": 0}))
        env.reset(seed=0)
        rows.append(env.step(action)[0].reshape(env.candidate_shape))
    assert np.array_equal(rows[0][[1, 0, 2]], rows[1])
    assert not np.array_equal(rows[0], rows[1])
