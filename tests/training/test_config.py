from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env import Scenario
from agentsim_env.training.config import create_run, extend, is_run, load_run
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.files import new_folder


def test_folder_says_all_about_the_run(new_run: Callable[..., Path], tiny: Scenario) -> None:
    folder = new_run(seed=3)
    config, scenario = load_run(folder)
    assert (config.environment, config.algo, config.seed, config.steps, config.n_envs) == ("routing", "ppo", 3, 256, 2)
    assert config.hyperparameters["n_steps"] == 32
    assert scenario.content_hash() == tiny.content_hash()
    assert {file.name for file in folder.iterdir()} == {"config.yaml", "scenario.yaml", "command.txt", "versions.json"}


def test_folder_is_not_overwritten(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    with pytest.raises(TrainingError, match="holds a training run already: go on with --resume"):
        new_run()
    assert is_run(folder)


def test_scenario_cannot_be_changed_afterwards(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    path = folder / "scenario.yaml"
    path.write_text(path.read_text().replace("count: 3", "count: 4"))
    with pytest.raises(TrainingError, match="not the scenario that the run began with"):
        load_run(folder)


def test_a_seed_of_numpys_is_a_whole_number(new_run: Callable[..., Path]) -> None:
    assert load_run(new_run(seed=np.int64(3)))[0].seed == 3


def test_extend(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    extend(folder, 512)
    assert load_run(folder)[0].steps == 512


def test_default_folders_are_numbered(tmp_path: Path, tiny: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert create_run(scenario=tiny) == Path("runs/routing-ppo-tool_chat-seed0")
    assert create_run(scenario=tiny) == Path("runs/routing-ppo-tool_chat-seed0-2")
    assert new_folder(Path("runs/other")) == Path("runs/other")


def test_says_what_is_wrong(tmp_path: Path, tiny: Scenario) -> None:
    with pytest.raises(TrainingError, match="no environment 'rooting'; did you mean routing"):
        create_run("rooting", out=tmp_path)
    with pytest.raises(TrainingError, match="steps must be at least 1, not 0"):
        create_run(scenario=tiny, steps=0, out=tmp_path)
    with pytest.raises(TrainingError, match="seed must be at most 4294967295, not 4294967296"):
        create_run(scenario=tiny, seed=2**32, out=tmp_path)
    with pytest.raises(TrainingError, match=r"seed must be a whole number of at least 0, not 1\.5"):
        create_run(scenario=tiny, seed=1.5, out=tmp_path)  # pyright: ignore[reportArgumentType]
    assert not list(tmp_path.iterdir())
    with pytest.raises(TrainingError, match="no such file or folder"):
        create_run(trace=tmp_path / "none.jsonl", out=tmp_path)
    with pytest.raises(TrainingError, match=r"it has no config\.yaml"):
        load_run(tmp_path)
