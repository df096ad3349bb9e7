"""Trainings that begin with the weights of an exported policy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env import Scenario
from agentsim_env.agents import LinearPolicy, NumpyPolicy, candidates_of, load_policy
from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.numpy_policy import FORMS
from agentsim_env.training.config import load_run
from agentsim_env.training.environments import make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution.initial import start as begun
from agentsim_env.training.files import read_csv
from agentsim_env.training.model import make_model, make_vec_env, present_agent
from agentsim_env.training.start import begin_with
from agentsim_env.training.train import run


@pytest.fixture
def policies(tiny: Scenario, tmp_path: Path) -> dict[str, Path]:
    """A file for each form of policy."""
    env = make_environment("routing", tiny)
    columns = candidates_of(env)
    files = {}
    for name in ("LinearPolicy", "GatedPolicy", "CandidatePolicy"):
        values = {"policy": name, "width": 16, "gates": ["is_home", "waiting"]}
        weights = begun(values, columns.feature_names, 7).weights
        drawn = {
            field: np.random.default_rng(1).normal(size=array.shape).astype("f4")
            for field, array in weights._asdict().items()
            if field != "gate"
        }
        weights = weights._replace(**drawn)
        policy = FORMS[type(weights)](weights, columns.feature_names, columns.allowed_feature, name)
        files[name] = policy.save(tmp_path / f"{name}.safetensors")
    return files


def test_a_search_begins_there_and_keeps_it_where_nothing_is_better(
    new_run: Callable[..., Path], policies: dict[str, Path]
) -> None:
    folder = new_run("es", start=policies["LinearPolicy"], steps=1, hyper=["learning_rate=0"])
    policies["LinearPolicy"].unlink()  # the run has a copy
    found = load_policy(run(folder) / "policy.safetensors")
    assert isinstance(found, LinearPolicy)
    np.testing.assert_array_equal(
        found.weights.row_weight, load_policy(folder / "start.safetensors").weights.row_weight
    )
    assert read_csv(folder / "evaluations.csv")[0]["step"] == "0"


@pytest.mark.parametrize("algo", ["ppo", "maskable_ppo", "a2c"])
def test_a_network_begins_there(algo: str, new_run: Callable[..., Path], policies: dict[str, Path]) -> None:
    config, scenario = load_run(new_run(algo, start=policies["CandidatePolicy"]))
    start = load_policy(policies["CandidatePolicy"])
    vec_env = make_vec_env(config, scenario)
    model = make_model(config, vec_env)
    begin_with(model, start)
    found = present_agent(model, config, vec_env)
    assert isinstance(found, NumpyPolicy)
    for mine, theirs in zip(found.weights, start.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    vec_env.close()


def test_it_is_judged_before_it_learns(new_run: Callable[..., Path], policies: dict[str, Path]) -> None:
    folder = run(new_run("ppo", start=policies["CandidatePolicy"], steps=65))
    assert read_csv(folder / "evaluations.csv")[0]["step"] == "0"


def test_what_does_not_fit_is_refused(new_run: Callable[..., Path], policies: dict[str, Path], tmp_path: Path) -> None:
    gated = new_run(
        "es", "gated", start=policies["GatedPolicy"], hyper=["policy=GatedPolicy", "gates=[is_home,waiting]"]
    )
    assert (gated / "start.safetensors").is_file()
    linear, network = policies["LinearPolicy"], policies["CandidatePolicy"]
    for algo, start, message in (
        ("ppo", linear, r"it is a LinearPolicy, the training has a CandidatePolicy of width 16; ppo has none like it"),
        ("es", network, r"CandidatePolicy of width 16, .* LinearPolicy; say --hyper policy=CandidatePolicy --hyper w"),
        ("es", policies["GatedPolicy"], r"GatedPolicy with .* say .* --hyper gates=\[is_home,waiting\]"),
        ("dqn", network, "--from goes with es, ppo, maskable_ppo, a2c, not with dqn"),
        ("es", "lmetric", "--from lmetric: allowed: an exported policy"),
    ):
        with pytest.raises(TrainingError, match=message):
            new_run(algo, start=start)
    policy = load_policy(linear)
    policy.feature_names = ("another", *policy.feature_names[1:])
    with pytest.raises(AgentError, match=r"was trained on other features than RoutingEnv has .*gone \['another'\]"):
        new_run("es", start=policy.save(tmp_path / "other.safetensors"))
    assert not (tmp_path / "run").exists()
