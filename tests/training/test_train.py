import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from agentsim_env.agents import NumpyPolicy, load_policy, make_agent
from agentsim_env.agents.sb3 import SB3Agent
from agentsim_env.training import supervision
from agentsim_env.training.checkpoint import latest_checkpoint
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import read_csv
from agentsim_env.training.train import run

ALGORITHMS = ("ppo", "maskable_ppo", "a2c", "dqn")


class Killed(BaseException):
    """Stands for a signal that no code of ours catches."""


def parameters(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = latest_checkpoint(folder)
    assert checkpoint is not None
    saved = torch.load(checkpoint / "parameters.pt", weights_only=True)
    flat = {f"policy.{name}": value for name, value in saved["policy"].items()}
    for key, state in saved["policy.optimizer"]["state"].items():
        flat |= {f"optimizer.{key}.{name}": value for name, value in state.items()}
    return flat


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_trains_and_leaves_everything_behind(new_run: Callable[..., Path], algo: str) -> None:
    folder = run(new_run(algo))
    for name in ("model.zip", "policy.safetensors", "evaluations.csv", "progress.csv", "tensorboard", "checkpoints"):
        assert (folder / name).exists(), name
    assert not [file for file in folder.rglob("*partial*")]
    assert int(read_csv(folder / "evaluations.csv")[-1]["step"]) >= 256
    exported = make_agent(folder)
    assert isinstance(exported, NumpyPolicy)
    assert exported.origin["algo"] == algo
    model = SB3Agent.load(folder / "model.zip").model
    observation = np.random.default_rng(0).uniform(-1, 1, model.observation_space.shape).astype(np.float32)
    with torch.no_grad():
        expected = model.policy.scorer(torch.from_numpy(observation)[None])[0].numpy()
    np.testing.assert_allclose(exported.scores(observation), expected, atol=1e-5)


@pytest.mark.parametrize(("algo", "hyper"), [*((algo, []) for algo in ALGORITHMS), ("maskable_ppo", ["discount_s=20"])])
def test_killed_run_ends_with_the_same_bits(
    new_run: Callable[..., Path], algo: str, hyper: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(new_run(algo, "whole", hyper=hyper))
    killed = new_run(algo, "killed", hyper=hyper)
    save = supervision.save_checkpoint

    def save_then_die(folder: Path, model: object, *rest: object) -> Path:
        path = save(folder, model, *rest)  # type: ignore[arg-type]
        if int(path.name) >= 128:
            raise Killed
        return path

    with monkeypatch.context() as patch:
        patch.setattr(supervision, "save_checkpoint", save_then_die)
        with pytest.raises(Killed):
            run(killed)
    checkpoint = latest_checkpoint(killed)
    assert checkpoint is not None
    assert int(checkpoint.name) < 256
    assert any(tape["actions"] for tape in json.loads((checkpoint / "state.json").read_text())["tapes"])
    run(killed)
    expected, found = parameters(whole), parameters(killed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    assert read_csv(whole / "evaluations.csv") == read_csv(killed / "evaluations.csv")
    hashes = {load_policy(folder / "policy.safetensors").content_hash() for folder in (whole, killed)}
    assert len(hashes) == 1


def test_finished_run_is_left_alone(new_run: Callable[..., Path]) -> None:
    folder = run(new_run())
    before = parameters(folder)
    run(folder)
    assert all(torch.equal(value, before[name]) for name, value in parameters(folder).items())


def test_hyperparameters_that_were_edited_are_checked_again(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    config = folder / "config.yaml"
    config.write_text(re.sub("gamma: .*", "gamma: .nan", config.read_text()))
    with pytest.raises(TrainingError, match="gamma = nan: must be a number from 0 to 1"):
        run(folder)


def test_seed_decides(new_run: Callable[..., Path]) -> None:
    first, again, other = (run(new_run(name=name, seed=seed)) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert all(torch.equal(value, parameters(again)[name]) for name, value in parameters(first).items())
    assert any(not torch.equal(value, parameters(other)[name]) for name, value in parameters(first).items())


def test_mlp_policy(new_run: Callable[..., Path]) -> None:
    folder = run(new_run(hyper=["policy=MlpPolicy"]))
    assert isinstance(make_agent(folder, trust=True), SB3Agent)
