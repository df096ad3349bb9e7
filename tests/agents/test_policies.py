from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from agentsim_env.agents import AgentError, candidates_of, make_agent
from agentsim_env.agents.policies import CandidateDQNPolicy, CandidatePolicy, MaskableCandidatePolicy, network_kwargs
from agentsim_env.agents.protocol import bind
from agentsim_env.agents.sb3 import SB3Agent

MODELS = [
    (PPO, CandidatePolicy, {"n_steps": 16, "batch_size": 16}),
    (A2C, CandidatePolicy, {}),
    (MaskablePPO, MaskableCandidatePolicy, {"n_steps": 16, "batch_size": 16}),
    (DQN, CandidateDQNPolicy, {"buffer_size": 64}),
]


def make_model(algorithm: Any, policy: Any, arguments: dict[str, Any], env: Any) -> Any:
    network = network_kwargs(candidates_of(env), width=16)
    return algorithm(policy, env, policy_kwargs={"network": network}, seed=0, device="cpu", **arguments)


@pytest.mark.parametrize(("algorithm", "policy", "arguments"), MODELS)
def test_zip_acts_as_the_model_does_and_fits_another_size(
    algorithm: Any, policy: Any, arguments: dict[str, Any], make_rows, tmp_path: Path
) -> None:
    env = make_rows()
    model = make_model(algorithm, policy, arguments, env)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save(tmp_path / "model.zip")
    agent = make_agent(tmp_path / "model.zip", trust=True)
    bind(agent, env)
    observation, info = env.reset(seed=1)
    for _ in range(50):
        assert agent.act(observation, info) == int(model.predict(observation, deterministic=True)[0])
        observation, *_, info = env.step(0)
    larger = make_rows(8)
    bind(agent, larger)
    observation, info = larger.reset(seed=1)
    assert 0 <= agent.act(observation, info) < 8


@pytest.mark.parametrize(("algorithm", "policy", "arguments"), MODELS)
def test_policy_alone_can_be_saved(
    algorithm: Any, policy: Any, arguments: dict[str, Any], make_rows, tmp_path: Path
) -> None:
    env = make_rows()
    model = make_model(algorithm, policy, arguments, env)
    model.policy.save(tmp_path / "policy.pt")
    loaded = policy.load(tmp_path / "policy.pt")
    observation, _ = env.reset(seed=1)
    assert loaded.predict(observation, deterministic=True)[0] == model.predict(observation, deterministic=True)[0]


def test_first_policy_is_nearly_uniform(make_rows) -> None:
    env = make_rows(feature_names=("load", "hit"))
    model = make_model(PPO, CandidatePolicy, {"n_steps": 16, "batch_size": 16}, env)
    observation, _ = env.reset(seed=1)
    distribution = model.policy.get_distribution(torch.from_numpy(observation)[None])
    np.testing.assert_allclose(distribution.distribution.probs.detach().numpy(), 0.25, atol=0.01)


def test_other_policies_fit_one_size_only(make_rows) -> None:
    env = make_rows()
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16, device="cpu", seed=0)
    agent = SB3Agent(model)
    bind(agent, env)
    observation, info = env.reset(seed=1)
    assert agent.act(observation, info) == int(model.predict(observation, deterministic=True)[0])
    with pytest.raises(AgentError, match="only policies that treat candidates alike fit another size"):
        agent.bind(make_rows(8))


def test_says_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="no such file"):
        make_agent(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(AgentError, match="is not a model"):
        make_agent(tmp_path / "text.zip")
