"""Going back in an episode: `snapshot` and `restore` of an environment."""

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim_env import SimulationError, Simulator
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.registration import ENVIRONMENTS
from tests.envs.test_environments import SHORT, same
from tests.small import small


def actions(env: Any, seed: int, most: int = 1 << 30) -> list[Any]:
    """What up to `most` random actions see, legal or not."""
    rng, seen = np.random.default_rng(seed), []
    while len(seen) < most:
        seen.append(env.step(int(rng.integers(env.action_space.n))))
        if seen[-1][2] or seen[-1][3]:
            break
    return seen


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_the_same_actions_see_the_same_again(identifier: str) -> None:
    env: Any = gymnasium.make(identifier, **SHORT)
    env.reset(seed=2)
    *_, before = actions(env, seed=0, most=20)
    snapshot = env.snapshot()
    branch = actions(env, seed=1)
    other = actions_after(env, snapshot, seed=2)
    assert not same(branch, other)
    observation, info = env.restore(snapshot)
    assert same(observation, before[0])
    assert same(info, before[4])
    assert same(actions(env, seed=1), branch)
    assert same(actions_after(env, snapshot, seed=2), other)


def actions_after(env: Any, snapshot: Any, seed: int) -> list[Any]:
    env.restore(snapshot)
    return actions(env, seed)


@pytest.mark.parametrize("identifier", ENVIRONMENTS)
def test_another_environment_of_the_same_arguments_goes_on(identifier: str) -> None:
    env: Any = gymnasium.make(identifier, **SHORT)
    env.reset(seed=2)
    actions(env, seed=0, most=20)
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    fresh: Any = gymnasium.make(identifier, **SHORT)
    fresh.restore(snapshot)
    assert same(actions(fresh, seed=1), actions(env, seed=1))
    assert fresh.simulator.records().content_hash() == env.simulator.records().content_hash()


@pytest.mark.parametrize("make", [RoutingEnv, JointEnv])
@pytest.mark.parametrize("name", ["equal", "cut"], ids=["terminated", "truncated"])
def test_the_end_of_an_episode_can_be_gone_back_to(make: type[DecisionEnv], name: str) -> None:
    env: Any = make(small(name))  # type: ignore[call-arg, arg-type]
    env.reset(seed=1)
    *_, last = actions(env, seed=0)
    end = env.snapshot()
    env.reset(seed=5)
    observation, info = env.restore(end)
    assert same(observation, last[0])
    assert same(info, last[4])
    with pytest.raises(SimulationError, match=r"the episode is over: call reset\(\)"):
        env.step(0)


def test_the_first_step_is_charged_with_what_led_up_to_it() -> None:
    env = RoutingEnv(small("equal"))
    env.reset(seed=0)
    snapshot = env.snapshot()
    (_, reward, *_), *_ = actions(env, seed=0, most=1)
    env.restore(snapshot)
    assert env.step(int(np.random.default_rng(0).integers(3)))[1] == reward


def test_a_snapshot_is_not_changed_by_what_comes_after() -> None:
    env = RoutingEnv(small("equal"))
    env.reset(seed=0)
    snapshot = env.snapshot()
    kept = pickle.dumps(snapshot)
    actions(env, seed=0)
    env.restore(snapshot)
    actions(env, seed=1)
    assert pickle.dumps(snapshot) == kept


def test_seeds_that_reset_draws_are_not_part_of_an_episode() -> None:
    env = RoutingEnv(small("equal"))
    env.reset(seed=0)
    snapshot = env.snapshot()
    env.reset()
    drawn = env.simulator.seed
    env.restore(snapshot)
    env.reset()
    assert env.simulator.seed != drawn


@pytest.mark.parametrize("beside", ["restore", "reset"])
def test_a_simulator_that_is_moved_beside_its_environment_is_not_played_on(beside: str) -> None:
    env = RoutingEnv(small("equal"))
    env.reset(seed=0)
    inner, ours = env.simulator.snapshot(), env.snapshot()
    env.step(0)
    env.simulator.restore(inner) if beside == "restore" else env.simulator.reset(0)
    for use in (lambda: env.step(0), env.snapshot):
        with pytest.raises(
            SimulationError, match=r"beside its environment: call reset\(\) or restore\(\) of that|call reset"
        ):
            use()
    env.restore(ours)
    env.step(0)


def test_the_simulator_of_an_environment_knows_what_is_pending() -> None:
    """Its snapshot can be gone on with without the environment."""
    env, alone = RoutingEnv(small("equal")), Simulator(small("equal"), agent_kinds=("route_turn",))
    env.reset(seed=3)
    actions(env, seed=0, most=5)
    alone.restore(env.simulator.snapshot())
    decision = alone.next_decision()
    assert decision is not None
    assert decision.mask.tolist() == env.action_masks().tolist()
    while decision is not None:
        alone.apply(0)
        decision = alone.next_decision()
    while not env.step(0)[2]:
        pass
    assert alone.records().content_hash() == env.simulator.records().content_hash()


def test_answering_through_the_simulator_is_seen_and_charged() -> None:
    both, alone = RoutingEnv(small("equal")), RoutingEnv(small("equal"))
    both.reset(seed=0)
    alone.reset(seed=0)
    both.simulator.apply(1)
    expected = alone.step(1)[1] + alone.step(2)[1]
    assert both.step(2)[1] == pytest.approx(expected, rel=1e-12)


def test_foreign_snapshots_are_refused() -> None:
    env = RoutingEnv(small("equal"))
    env.reset(seed=0)
    snapshot = env.snapshot()
    others = (
        RoutingEnv(small("equal", {"episode.programs": 13})),
        RoutingEnv(small("tight")),
        AdmissionEnv(small("equal")),
    )
    for other in others:
        with pytest.raises(
            SimulationError, match=r"the snapshot is of scenario unnamed with route_turn open to an agent"
        ):
            other.restore(snapshot)
    for wrong in (snapshot.simulation, None, 3):
        with pytest.raises(SimulationError, match="is no snapshot of an environment"):
            env.restore(wrong)  # type: ignore[arg-type]
    with pytest.raises(SimulationError, match="is no snapshot"):
        env.simulator.restore(snapshot)  # type: ignore[arg-type]


def test_there_is_nothing_to_take_before_the_first_episode() -> None:
    with pytest.raises(SimulationError, match=r"no episode has begun: call reset\(\)"):
        RoutingEnv(small("equal")).snapshot()
