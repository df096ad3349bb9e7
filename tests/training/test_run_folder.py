"""The folder of a run holds all that it needs, wherever it lies and whatever it is called."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agentsim_env import load_scenario
from agentsim_env.agents import make_agent
from agentsim_env.agents.loading import split_agents
from agentsim_env.training.config import MOST_ENVS, create_run, load_run
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.resuming import refuse_contradictions
from agentsim_env.training.train import run
from tests.llama import LLAMA_3_1_8B
from tests.training.conftest import TINY


@pytest.fixture
def with_own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose scenario names its model by a relative path, which leads nowhere any more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text(json.dumps(LLAMA_3_1_8B))
    small = ["n_steps=32", "batch_size=32", "width=16"]
    changes = [*TINY, "cluster.model=mine/config.json"]
    arguments = {"steps": 128, "envs": 2, "validation_episodes": 1, "hyper": small, "out": "run"}
    create_run(scenario="tool_chat", overrides=changes, **arguments)
    shutil.rmtree("mine")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "run"


def test_a_model_by_path_goes_with_the_run(with_own_model: Path) -> None:
    config, scenario = load_run(with_own_model)
    assert scenario.cluster.model == str(with_own_model / "model" / "mine" / "config.json")
    assert scenario.content_hash() == config.scenario_hash
    assert load_scenario(with_own_model / "scenario.yaml").content_hash() == config.scenario_hash
    run(with_own_model)


def test_also_when_its_folder_moves(with_own_model: Path) -> None:
    moved = with_own_model.rename(with_own_model.with_name("moved"))
    config, scenario = load_run(moved)
    assert scenario.cluster.model == str(moved / "model" / "mine" / "config.json")
    assert scenario.content_hash() == config.scenario_hash


def test_a_model_that_has_changed_is_another_scenario(with_own_model: Path) -> None:
    copy = with_own_model / "model" / "mine" / "config.json"
    copy.write_text(json.dumps(LLAMA_3_1_8B | {"num_hidden_layers": 16}))
    with pytest.raises(TrainingError, match="not the scenario that the run began with"):
        load_run(with_own_model)


def test_a_trace_that_is_gone_is_named(tmp_path: Path, mooncake: Path) -> None:
    changes = [*TINY, "episode={programs: 4, warmup_programs: 1}"]
    folder = create_run(scenario="tool_chat", overrides=changes, trace=mooncake, out=tmp_path / "run")
    mooncake.rename(tmp_path / "moved.jsonl")
    with pytest.raises(TrainingError, match=r"trace\.jsonl': no such file or folder; the run needs it"):
        load_run(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "must have exactly the fields"),
        ("environment: routing", "must have exactly the fields"),
    ],
)
def test_a_broken_configuration_is_a_sentence(new_run: Callable[..., Path], content: str, message: str) -> None:
    folder = new_run()
    (folder / "config.yaml").write_text(content)
    with pytest.raises(TrainingError, match=message):
        load_run(folder)


def test_a_wrong_value_in_a_configuration_is_named(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("n_envs: 2", "n_envs: two"))
    with pytest.raises(TrainingError, match=r"config\.yaml: n_envs = 'two'"):
        load_run(folder)


def test_names_with_commas_and_equals_signs(new_run: Callable[..., Path]) -> None:
    folder = run(new_run(name="lr=0.1,width=16"))
    assert split_agents(f"random,{folder},mine={folder}, uniform") == [
        "random",
        str(folder),
        f"mine={folder}",
        "uniform",
    ]
    assert make_agent(folder).name == "lr=0.1,width=16"
    assert make_agent(f"mine={folder}").name == "mine"


def test_a_scenario_of_any_name_gives_a_plain_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = create_run(scenario="tool_chat", overrides=[*TINY, "name='a,b=c d/e'"])
    assert folder == Path("runs/routing-ppo-a-b-c-d-e-seed0")


@pytest.mark.parametrize("envs", [0, MOST_ENVS + 1, 1_000_000_000])
def test_environments_side_by_side_are_bounded(new_run: Callable[..., Path], envs: int) -> None:
    with pytest.raises(TrainingError, match=rf"envs must be at (least 1|most {MOST_ENVS}), not {envs}"):
        new_run(envs=envs)


@pytest.mark.parametrize(
    ("given", "meant", "message"),
    [
        ({"seed": 5, "algo": "dqn"}, {}, r"--seed 5 \(the run has 0\); --algo dqn \(the run has ppo\)"),
        ({"envs": 3}, {}, r"--envs 3 \(the run has 2\)"),
        ({"validation_every": 5}, {}, r"--validation-every 5 \(the run has 128\)"),
        ({"environment": "admission"}, {}, r"environment admission \(the run has routing\)"),
        ({}, {"scenario": "coding_agents"}, r"--scenario \(the run has another scenario: .*scenario\.yaml\)"),
        ({}, {"hyper": ["gamma=0.5"]}, r"--hyper gamma=0\.5 \(the run has 0\.98\)"),
    ],
)
def test_what_contradicts_a_run_is_refused(
    new_run: Callable[..., Path], given: dict, meant: dict, message: str
) -> None:
    folder = new_run()
    with pytest.raises(TrainingError, match=message):
        refuse_contradictions(folder, load_run(folder)[0], given, **meant)


def test_what_agrees_with_it_is_not(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    given = {"seed": 0, "algo": "ppo", "envs": 2, "steps": 256}
    refuse_contradictions(folder, load_run(folder)[0], given, "tool_chat", TINY, hyper=["n_steps=32"])
