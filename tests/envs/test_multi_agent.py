"""The PettingZoo form of AgentSim/Joint-v1."""

import warnings
from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator
from agentsim_env.actions import ActionError
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.envs.errors import EnvError
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.rewards import episode_return
from tests.small import PLAIN, small

pytest.importorskip("pettingzoo")
from agentsim_env.envs.multi_agent import JointAEC, env

TIGHT: dict[str, Any] = {
    "decisions.candidates": 4,
    "cluster.tiers": [{"kind": "dram", "capacity_gib": 8.0, "link_gb_per_s": 10.0}],
}
FORMS = ("kinds", "instances")


def make(agents: Any, **overrides: Any) -> JointAEC:
    return JointAEC(small("tight", TIGHT | overrides), agents=agents, **PLAIN)


@pytest.mark.parametrize("agents", FORMS)
def test_pettingzoo_has_no_complaint(agents: str) -> None:
    from pettingzoo.test import api_test

    with warnings.catch_warnings():
        # Recommendations: names with a number, one size for all, arrays instead of the dictionary with a mask that its
        # own board games have too; and who is not asked has no legal action and sees nothing.
        for advice in (
            "We recommend agents to be named",
            "Agents have different",
            "Observation space for each agent",
            "Observation is not a NumPy array",
            "Action mask numpy array is all zeros",
            "Observation numpy array is all zeros",
            "Observations are different shapes",
        ):
            warnings.filterwarnings("ignore", advice)
        api_test(make(agents), num_cycles=400)
        api_test(env(scenario=small("equal"), agents=agents), num_cycles=400)


@pytest.mark.parametrize("agents", FORMS)
def test_it_is_the_joint_environment(agents: str) -> None:
    """The same actions lead to the same records, and everybody is given the whole return."""
    parallel, joint = make(agents), JointEnv(small("tight", TIGHT), **PLAIN)
    rng = np.random.default_rng(0)
    parallel.reset(seed=1)
    joint.reset(seed=1)
    given = dict.fromkeys(parallel.possible_agents, 0.0)
    acted = set()
    for agent in parallel.agent_iter():
        seen, reward, terminated, truncated, _ = parallel.last()
        given[agent] += reward
        if terminated or truncated:
            parallel.step(None)
            continue
        assert seen is not None
        acted.add(agent)
        assert np.array_equal(seen["action_mask"], joint.action_masks()[: len(seen["action_mask"])])
        assert agent == (joint.decision_kind if agents == "kinds" else agent)
        action = int(rng.choice(np.flatnonzero(seen["action_mask"])))
        parallel.step(action)
        *_, info = joint.step(action)
        assert all(told["time_s"] == info["time_s"] for told in parallel.infos.values())
        assert all(told["elapsed_s"] == info["elapsed_s"] for told in parallel.infos.values())
    # No instance here has lanes.
    assert acted == set(parallel.possible_agents) - {"set_prefill_budget"}
    assert parallel.agents == []
    assert parallel.joint.simulator.records().content_hash() == joint.simulator.records().content_hash()
    for total in given.values():
        assert total == pytest.approx(episode_return(joint.simulator), abs=1e-9)


def test_agents_are_kinds_or_instances() -> None:
    assert make("kinds").possible_agents == [kind for kind in JointEnv(small("tight"), **PLAIN).kinds]
    assert set(make("kinds").possible_agents) == set(KINDS)
    assert make("instances").possible_agents == ["gateway", "instance_0", "instance_1"]
    with pytest.raises(ValueError, match="must be 'kinds' or 'instances'"):
        make("turns")


def test_who_is_not_asked_sees_nothing() -> None:
    parallel = make("instances")
    parallel.reset(seed=0)
    for agent in parallel.agents:
        seen = parallel.observe(agent)
        assert seen["action_mask"].any() == (agent == parallel.agent_selection)
        assert seen["observation"].any() == (agent == parallel.agent_selection)


def test_actions_outside_the_space_raise() -> None:
    parallel = make("kinds")
    parallel.reset(seed=0)
    n = parallel.action_space(parallel.agent_selection).n  # type: ignore[attr-defined]
    for action in (-1, n, None):
        with pytest.raises(ValueError, match="is outside Discrete"):
            parallel.step(action)


def test_seeds_are_the_joint_environments() -> None:
    parallel = make("kinds")
    parallel.reset(seed=4)
    simulator = Simulator(small("tight", TIGHT), agent_kinds=KINDS)
    simulator.reset(4)
    assert np.array_equal(parallel.joint.simulator.programs.program, simulator.programs.program)


@pytest.mark.parametrize("action", [1.7, "1", np.array([1]), True, None], ids=repr)
def test_actions_are_whole_numbers(action: Any) -> None:
    parallel = make("kinds")
    parallel.reset(seed=0)
    agent = parallel.agent_selection
    with pytest.raises(ActionError, match=f"of {agent} is outside Discrete"):
        parallel.step(action)


def finish(parallel: JointAEC, seed: int) -> None:
    """Random actions until everybody is through."""
    rng = np.random.default_rng(seed)
    while not any(parallel.truncations.values()) and not any(parallel.terminations.values()):
        mask = parallel.observe(parallel.agent_selection)["action_mask"]
        parallel.step(int(rng.choice(np.flatnonzero(mask))))


@pytest.mark.parametrize("agents", FORMS)
def test_the_time_limit_is_seen_by_everybody_who_has_acted(agents: str) -> None:
    parallel = make(agents, **{"episode.time_limit_s": 40.0})
    parallel.reset(seed=1)
    acted, rng = set(), np.random.default_rng(0)
    while not any(parallel.truncations.values()):
        agent = parallel.agent_selection
        acted.add(agent)
        parallel.step(int(rng.choice(np.flatnonzero(parallel.observe(agent)["action_mask"]))))
    assert len(acted) > 1
    for agent in parallel.agents:
        seen = parallel.observe(agent)
        assert parallel.observation_space(agent).contains(seen)
        assert not seen["action_mask"].any()
        assert seen["observation"].any() == (agent in acted or agents == "instances")
        assert parallel.infos[agent]["time_s"] == 40.0
    assert parallel.state().any()


@pytest.mark.parametrize("agents", FORMS)
def test_it_goes_back_to_snapshots(agents: str) -> None:
    parallel = make(agents)
    parallel.reset(seed=1)
    for _ in range(10):
        mask = parallel.observe(parallel.agent_selection)["action_mask"]
        parallel.step(int(np.flatnonzero(mask)[0]))
    before = (parallel.agent_selection, parallel.last(), dict(parallel.rewards))
    snapshot = parallel.snapshot()
    finish(parallel, seed=0)
    end = parallel.joint.simulator.records().content_hash()
    cumulative = dict(parallel._cumulative_rewards)
    parallel.restore(snapshot)
    selection, last, rewards = before
    assert parallel.agent_selection == selection
    assert parallel.rewards == rewards
    again = parallel.last()
    assert np.array_equal(again[0]["observation"], last[0]["observation"])  # type: ignore[index]
    assert again[1:4] == last[1:4]
    finish(parallel, seed=0)
    assert parallel.joint.simulator.records().content_hash() == end
    assert parallel._cumulative_rewards == cumulative
    fresh = make(agents)
    fresh.restore(snapshot)
    finish(fresh, seed=0)
    assert fresh.joint.simulator.records().content_hash() == end


def test_snapshots_of_another_form_are_refused() -> None:
    kinds, instances = make("kinds"), make("instances")
    kinds.reset(seed=0)
    with pytest.raises(EnvError, match="not a snapshot of an environment with agents='instances'"):
        instances.restore(kinds.snapshot())
