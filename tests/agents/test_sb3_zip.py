"""Models of Stable-Baselines3: nothing is unpickled unasked, and what cannot be played as what it is, is refused."""

import base64
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agentsim_env.agents import AgentError, make_agent
from agentsim_env.agents.loading import files_of
from agentsim_env.agents.protocol import bind
from agentsim_env.agents.sb3 import SB3Agent
from agentsim_env.agents.sb3_zip import inspect


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.fixture
def ppo(make_rows, tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    stable_baselines3.PPO("MlpPolicy", make_rows(), seed=0, device="cpu").save(tmp_path / "run" / "model.zip")
    return tmp_path / "run" / "model.zip"


@pytest.mark.parametrize("name", ["model.zip", ""])
def test_nothing_is_unpickled_without_trust(ppo: Path, name: str) -> None:
    source = ppo.parent / name
    message = r"model\.zip is unpickled when it is loaded, which can run any code: .* --trust .* needs no trust"
    with pytest.raises(AgentError, match=message):
        make_agent(source)
    with pytest.raises(AgentError, match=message):
        make_agent(f"mine={source}")
    assert isinstance(make_agent(source, trust=True), SB3Agent)


def test_code_in_a_model_does_not_run_without_trust(ppo: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(ppo) as file:
        members = {name: file.read(name) for name in file.namelist()}
    settings = json.loads(members["data"])
    code = base64.b64encode(pickle.dumps(Hostile(tmp_path / "ran"))).decode()
    settings["policy_class"][":serialized:"] = code
    members["data"] = json.dumps(settings).encode()
    with zipfile.ZipFile(ppo, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(AgentError, match="--trust"):
        make_agent(ppo)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("algorithm", "policy", "named"),
    [
        (sb3_contrib.RecurrentPPO, "MlpLstmPolicy", "RecurrentPPO, and would be played without its memory"),
        (sb3_contrib.QRDQN, "MlpPolicy", "QR-DQN"),
        (sb3_contrib.TRPO, "MlpPolicy", "TRPO"),
        (sb3_contrib.ARS, "MlpPolicy", "ARS"),
    ],
)
def test_other_algorithms_are_refused_by_name(
    make_rows, tmp_path: Path, algorithm: Any, policy: str, named: str
) -> None:
    algorithm(policy, make_rows(), seed=0, device="cpu").save(tmp_path / "model.zip")
    with pytest.raises(
        AgentError, match=rf"model\.zip is a model of {named}; supported: PPO, MaskablePPO, A2C and DQN"
    ):
        make_agent(tmp_path / "model.zip", trust=True)


@pytest.mark.parametrize(("name", "algo"), [("PPO", "ppo"), ("A2C", "a2c"), ("DQN", "dqn")])
def test_known_algorithms_are_told_apart(make_rows, tmp_path: Path, name: str, algo: str) -> None:
    getattr(stable_baselines3, name)("MlpPolicy", make_rows(), device="cpu").save(tmp_path / "model.zip")
    assert inspect(tmp_path / "model.zip").algo == algo


def test_weights_that_are_no_numbers_are_refused(make_rows, tmp_path: Path) -> None:
    model = stable_baselines3.PPO("MlpPolicy", make_rows(), seed=0, device="cpu")
    with torch.no_grad():
        dict(model.policy.named_parameters())["action_net.bias"][0] = torch.nan
    model.save(tmp_path / "model.zip")
    with pytest.raises(AgentError, match=r"action_net\.bias holds weights that are not finite"):
        make_agent(tmp_path / "model.zip", trust=True)


def test_damaged_models_are_a_sentence(ppo: Path) -> None:
    whole = ppo.read_bytes()
    for content in (b"", b"no zip", whole[:100], whole[: len(whole) // 2], whole[:-1]):
        ppo.write_bytes(content)
        with pytest.raises(AgentError, match=r"model\.zip is not a model that Stable-Baselines3 has saved"):
            make_agent(ppo, trust=True)


@pytest.mark.parametrize("weights", [[1], {"a": 1}, torch.ones(2)])
def test_weights_that_are_no_tensors_by_name_are_refused(tmp_path: Path, weights: Any) -> None:
    torch.save(weights, tmp_path / "policy.pth")
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr("data", '{"clip_range": 1}')
        file.write(tmp_path / "policy.pth", "policy.pth")
    with pytest.raises(AgentError, match="its weights are no mapping of names to tensors"):
        make_agent(tmp_path / "model.zip", trust=True)


def test_a_pipe_is_no_model(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.zip")
    with pytest.raises(AgentError, match=r"model\.zip: no such file"):
        make_agent(tmp_path / "model.zip", trust=True)


def test_a_model_of_another_environment_is_refused(ppo: Path, make_rows) -> None:
    agent = make_agent(ppo, trust=True)
    with pytest.raises(AgentError, match=r"trained on observations of shape \(12,\), here they have \(15,\)"):
        bind(agent, make_rows(5))


class TestScaledObservations:
    """A model that was trained under `VecNormalize` acts on what its statistics make of an observation."""

    @pytest.fixture
    def trained(self, make_rows, tmp_path: Path) -> tuple[Any, VecNormalize]:
        env = VecNormalize(DummyVecEnv([make_rows]))
        model = stable_baselines3.PPO("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu")
        model.learn(128)
        with torch.no_grad():
            for parameter in model.policy.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
        model.save(tmp_path / "model.zip")
        return model, env

    def test_they_are_applied(self, trained: tuple[Any, VecNormalize], make_rows, tmp_path: Path) -> None:
        model, statistics = trained
        statistics.save(str(tmp_path / "vecnormalize.pkl"))
        agent = make_agent(tmp_path / "model.zip", trust=True)
        env = make_rows()
        bind(agent, env)
        observation, info = env.reset(seed=1)
        answers = []
        for _ in range(50):
            scaled = statistics.normalize_obs(observation)
            expected = int(model.predict(scaled, deterministic=True)[0])
            assert agent.act(observation, info) == expected
            answers.append(expected == int(model.predict(observation, deterministic=True)[0]))
            observation, *_, info = env.step(0)
        assert not all(answers)
        assert files_of(tmp_path / "model.zip") == [tmp_path / "model.zip", tmp_path / "vecnormalize.pkl"]

    def test_without_them_the_model_is_refused(self, trained: tuple[Any, VecNormalize], tmp_path: Path) -> None:
        message = r"trained on observations that VecNormalize scaled: .*env\.save\('.*vecnormalize\.pkl'\)"
        with pytest.raises(AgentError, match=message):
            make_agent(tmp_path / "model.zip", trust=True)

    def test_those_of_another_model_are_refused(
        self, trained: tuple[Any, VecNormalize], make_rows, tmp_path: Path
    ) -> None:
        trained[1].save(str(tmp_path / "vecnormalize.pkl"))
        plain = stable_baselines3.PPO("MlpPolicy", make_rows(), n_steps=16, batch_size=16, seed=0, device="cpu")
        plain.learn(16)
        plain.save(tmp_path / "plain.zip")
        with pytest.raises(
            AgentError, match=r"plain\.zip was trained on observations as they are, and vecnormalize\.pkl"
        ):
            make_agent(tmp_path / "plain.zip", trust=True)
        make_agent(tmp_path / "model.zip", trust=True)

    @pytest.mark.parametrize("scaled", [True, False])
    def test_also_one_of_dqn(self, make_rows, tmp_path: Path, scaled: bool) -> None:
        env: Any = DummyVecEnv([make_rows])
        env = VecNormalize(env) if scaled else env
        model = stable_baselines3.DQN("MlpPolicy", env, buffer_size=200, learning_starts=50, seed=0, device="cpu")
        model.learn(100)
        model.save(tmp_path / "model.zip")
        if scaled:
            with pytest.raises(AgentError, match="trained on observations that VecNormalize scaled"):
                make_agent(tmp_path / "model.zip", trust=True)
        else:
            make_agent(tmp_path / "model.zip", trust=True)

    @pytest.mark.parametrize("content", [b"", b"garbage", pickle.dumps(np.zeros(3))])
    def test_a_file_that_holds_none(self, trained: tuple[Any, VecNormalize], tmp_path: Path, content: bytes) -> None:
        (tmp_path / "vecnormalize.pkl").write_bytes(content)
        with pytest.raises(AgentError, match=r"vecnormalize\.pkl|cannot be loaded"):
            make_agent(tmp_path / "model.zip", trust=True)
