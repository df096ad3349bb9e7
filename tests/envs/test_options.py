"""What `reset` takes, and what it says of the rest."""

from typing import Any

import numpy as np
import pytest

from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.errors import AgentSimError, shown
from tests.small import PLAIN, small


@pytest.fixture(scope="module")
def env() -> RoutingEnv:
    return RoutingEnv(small("equal"), **PLAIN)


@pytest.mark.parametrize("seed", [7, np.int64(7), np.uint32(7), np.array(7)], ids=repr)
def test_whole_numbers_are_seeds(env: RoutingEnv, seed: Any) -> None:
    observation, _ = env.reset(seed=seed)
    assert type(env.simulator.seed) is int
    assert env.simulator.seed == 7
    assert np.array_equal(observation, env.reset(seed=7)[0])


@pytest.mark.parametrize("seed", [0, 2**31, 2**32, 2**63 - 1])
def test_large_seeds_are_seeds(env: RoutingEnv, seed: int) -> None:
    env.reset(seed=seed)
    assert env.simulator.seed == seed


@pytest.mark.parametrize(
    "seed",
    [-1, 2**63, 10**400, 10**5000, 1.0, "1", True, np.array([1]), float("nan"), [1, 2]],
    ids=lambda seed: shown(seed)[:20],
)
def test_anything_else_is_no_seed(env: RoutingEnv, seed: Any) -> None:
    with pytest.raises(EnvError, match=r"must be a whole number from 0 to 2\^63 - 1, or None$"):
        env.reset(seed=seed)


@pytest.mark.parametrize("options", [{}, None, {"window": None, "programs": None}])
def test_options_may_be_left_out(env: RoutingEnv, options: Any) -> None:
    env.reset(seed=1, options=options)


WRONG: list[tuple[Any, str]] = [
    ({"windows": (0, 1)}, "unknown windows; allowed are programs, window"),
    ({1: 2}, "unknown 1; allowed are programs, window"),
    ([("window", (0, 1))], "must be a mapping with programs or window, or None"),
    ("window", "must be a mapping"),
    ({"window": 3.0}, "window 3.0: must be (start_s, end_s)"),
    ({"window": (1.0, 2.0, 3.0)}, "must be (start_s, end_s)"),
    ({"window": ("a", "b")}, "must be (start_s, end_s)"),
    ({"window": (2.0, 1.0)}, "two times in s, the first one earlier"),
    ({"window": (1.0, 1.0)}, "the first one earlier"),
    ({"window": (0.0, float("nan"))}, "two times in s"),
    ({"window": (0.0, float("inf"))}, "two times in s"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[str(options) for options, _ in WRONG])
def test_wrong_options_are_refused(env: RoutingEnv, options: Any, message: str) -> None:
    with pytest.raises(EnvError) as refused:
        env.reset(seed=0, options=options)
    assert message in str(refused.value)
    assert isinstance(refused.value, AgentSimError)


def test_programs_and_a_window_are_one_too_many(env: RoutingEnv) -> None:
    programs = env.simulator.source.draw(1)
    with pytest.raises(EnvError, match="one of the two"):
        env.reset(seed=0, options={"programs": programs, "window": (0.0, 1.0)})


def test_only_traces_have_a_window(env: RoutingEnv) -> None:
    with pytest.raises(AgentSimError, match="window: only programs of a trace have one"):
        env.reset(seed=0, options={"window": (0.0, 1.0)})


def test_a_refused_reset_leaves_the_episode_as_it_is(env: RoutingEnv) -> None:
    env.reset(seed=3)
    with pytest.raises(EnvError):
        env.reset(seed=-1)
    with pytest.raises(EnvError):
        env.reset(options={"window": 1})
    env.step(0)
    assert env.simulator.seed == 3


def test_arguments_are_checked_where_they_are_given() -> None:
    with pytest.raises(EnvError, match="render_mode 'human': allowed are"):
        RoutingEnv(small("equal"), render_mode="human", **PLAIN)
    with pytest.raises(EnvError, match="must be some of admit_program"):
        JointEnv(small("equal"), kinds=("fly",), **PLAIN)


def test_an_environment_can_be_closed_twice() -> None:
    env = RoutingEnv(small("equal"), **PLAIN)
    env.close()
    env.reset(seed=0)
    env.close()
    env.close()
