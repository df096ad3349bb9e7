"""Compiled code that comes back to Python within a step, and programs that come by the options of a reset."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401 (registers the environments)
from agentsim_env.engine import entry
from agentsim_env.engine.blueprint import world
from agentsim_env.workload import InvalidProgramsError
from tests.small import small


def episode(env_id: str, scenario: str) -> list[Any]:
    """All that an environment gives in an episode of random legal actions, in bytes."""
    env = gymnasium.make(env_id, scenario=small(scenario), disable_env_checker=True).unwrapped
    rng = np.random.default_rng(3)
    seen, info = env.reset(seed=5)
    given: list[Any] = [seen.tobytes()]
    over = False
    while not over:
        action = rng.choice(np.flatnonzero(info["action_mask"]))
        seen, reward, terminated, truncated, info = env.step(action)
        given.append((seen.tobytes(), float(reward).hex(), terminated, truncated))
        over = terminated or truncated
    return given


@pytest.mark.parametrize(
    ("env_id", "scenario"),
    [("AgentSim/Routing-v1", "faulty"), ("AgentSim/Scheduling-v1", "tight"), ("AgentSim/Joint-v1", "tight")],
)
def test_a_step_in_slices_of_one_event_is_the_same_step(
    env_id: str, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = episode(env_id, scenario)
    for module in (world, entry):
        monkeypatch.setattr(module, "FIRST_SLICE", 1)
    monkeypatch.setattr(entry, "SLICE_S", 0.0)
    assert episode(env_id, scenario) == whole


def test_programs_of_the_options_pass_the_gate() -> None:
    env = gymnasium.make("AgentSim/Routing-v1", scenario=small("equal"), disable_env_checker=True).unwrapped
    env.reset(seed=0)
    programs = env.simulator.programs  # pyright: ignore[reportAttributeAccessIssue]
    env.reset(seed=0, options={"programs": programs})
    edge = programs.edge.copy()
    edge["target"][0] = 2**31 - 1
    for wrong, message in (
        (programs._replace(edge=edge), "edge 0: target = 2147483647: no such turn"),
        (programs._replace(turn=programs.turn[:-1]), "programs have .* turns"),
        ([programs], "must be a Programs"),
    ):
        with pytest.raises(InvalidProgramsError, match=message):
            env.reset(seed=0, options={"programs": wrong})
