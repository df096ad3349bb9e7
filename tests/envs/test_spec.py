"""Specs say what an environment was made from, in values that can be written down."""

import json
import os
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from agentsim_env import load_scenario
from agentsim_env.envs.spec import plain
from agentsim_env.scenario.loader import library
from tests.envs.test_environments import SHORT, rollout, same
from tests.small import SMALL, small

ROUTING = "AgentSim/Routing-v1"


def again(env: gymnasium.Env) -> Any:
    assert env.spec is not None
    return gymnasium.make(EnvSpec.from_json(env.spec.to_json()))


@pytest.mark.parametrize("name", SMALL)
def test_a_scenario_is_written_whole(name: str) -> None:
    env: Any = gymnasium.make(ROUTING, scenario=small(name))
    copy = again(env)
    assert copy.scenario == env.scenario
    assert copy.scenario.content_hash() == env.scenario.content_hash()
    assert same(rollout(copy, seed=1, steps=5), rollout(env, seed=1, steps=5))


@pytest.mark.parametrize("name", library())
def test_scenarios_of_the_library_come_back_from_plain_values(name: str) -> None:
    scenario = load_scenario(name)
    assert load_scenario(json.loads(json.dumps(plain(scenario)))) == scenario


def test_paths_and_mappings_are_written_too(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(json.dumps(SMALL["equal"]))
    for scenario in (path, os.fspath(path), SMALL["equal"]):
        env: Any = gymnasium.make(ROUTING, scenario=scenario, overrides={"episode.programs": 14})
        copy = again(env)
        assert copy.scenario == env.scenario
        assert copy.scenario.episode.programs == 14


def test_arguments_besides_the_scenario_are_written() -> None:
    env: Any = gymnasium.make(
        "AgentSim/Joint-v1", scenario=small("tight"), kinds=("route_turn", "evict_kv"), render_mode="ansi"
    )
    copy = again(env)
    assert (copy.kinds, copy.render_mode) == (env.kinds, "ansi")


def test_values_of_numpy_become_pythons() -> None:
    assert plain({"a": (np.int64(1), np.array([0.5])), "b": {Path("x")}}) == {"a": [1, [0.5]], "b": ["x"]}


def test_specs_go_through_wrappers_and_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    env: Any = gymnasium.make(ROUTING, max_episode_steps=7, scenario=small("equal"))
    copy = again(env)
    copy.reset(seed=0)
    steps = 1
    while not copy.step(0)[3]:
        steps += 1
    assert steps == 7
    env.spec.pprint(print_all=True)
    assert ROUTING in capsys.readouterr().out
    vector: Any = gymnasium.make_vec(env.unwrapped.spec, num_envs=2, vectorization_mode="sync")
    assert vector.envs[0].unwrapped.scenario == env.unwrapped.scenario
    assert json.loads(vector.spec.to_json())["id"] == ROUTING
    vector.close()


def test_an_environment_that_was_not_made_by_an_id_has_no_spec() -> None:
    from agentsim_env.envs.routing import RoutingEnv

    assert RoutingEnv(**SHORT).spec is None
