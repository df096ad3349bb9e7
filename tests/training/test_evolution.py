"""Evolution strategies: what a generation learns, and that a run goes on after a kill as if nothing had been."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.agents import LinearPolicy, NumpyPolicy, load_policy
from agentsim_env.training.checkpoint import latest_checkpoint
from agentsim_env.training.config import load_run
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution import search
from agentsim_env.training.evolution.initial import start
from agentsim_env.training.evolution_strategy import Strategy, centred_ranks
from agentsim_env.training.files import read_csv
from agentsim_env.training.hyperparameters import load_hyperparameters
from agentsim_env.training.train import run
from agentsim_env.training.validation import Validator


def test_ranks_are_centred_and_shared() -> None:
    np.testing.assert_allclose(centred_ranks(np.array([3.0, 1.0, 9.0])), [0.0, -0.5, 0.5])
    np.testing.assert_allclose(centred_ranks(np.array([2.0, 2.0, -1.0, 2.0])), [1 / 6, 1 / 6, -0.5, 1 / 6])


def test_members_are_antithetic_and_drawn_anew() -> None:
    strategy = Strategy.begin(seed=1, sigma=0.5, pairs=3, mean=np.arange(4.0))
    members = strategy.members()
    np.testing.assert_allclose(members[:3] + members[3:], 2 * np.arange(4.0) * np.ones((3, 1)), rtol=1e-6)
    strategy.learn(np.zeros((6, 2)), 0.0)
    assert not np.allclose(strategy.members(), members)


def test_finds_the_top_of_a_hill() -> None:
    top = np.array([1.0, -2.0, 0.5])
    strategy = Strategy.begin(seed=0, sigma=0.1, pairs=8, mean=np.zeros(3))
    for _ in range(200):
        returns = -((strategy.members() - top) ** 2).sum(axis=1, keepdims=True)
        strategy.learn(returns, 0.05)
    np.testing.assert_allclose(strategy.mean, top, atol=0.1)


class Killed(BaseException):
    """Stands for a signal that no code of ours catches."""


@pytest.mark.parametrize(
    ("hyper", "steps", "kind"),
    [
        (["policy=LinearPolicy"], 1000, LinearPolicy),
        (["policy=CandidatePolicy"], 1000, NumpyPolicy),
        (["policy=LinearPolicy", "pairs=2", "finalists=1", "spread=2"], 3000, LinearPolicy),
    ],
)
def test_killed_run_ends_with_the_same_bits(
    new_run: Callable[..., Path], hyper: list[str], steps: int, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(new_run("es", "whole", hyper=hyper, steps=steps))
    killed = new_run("es", "killed", hyper=hyper, steps=steps)
    write = search.write_checkpoint

    def write_then_die(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(search, "write_checkpoint", write_then_die)
        with pytest.raises(Killed):
            run(killed)
    checkpoint = latest_checkpoint(killed)
    assert checkpoint is not None
    assert int(checkpoint.name) < steps
    run(killed)
    for name in ("progress.csv", "evaluations.csv"):
        assert read_csv(whole / name) == read_csv(killed / name)
    one, other = (load_policy(folder / "policy.safetensors") for folder in (whole, killed))
    assert isinstance(one, kind)
    assert one.content_hash() == other.content_hash()
    assert one.origin["algo"] == "es"


@pytest.mark.parametrize("policy", ["LinearPolicy", "GatedPolicy", "CandidatePolicy"])
def test_with_advice_it_begins_as_the_rule(new_run: Callable[..., Path], policy: str) -> None:
    """And what is kept is at least as good."""
    folder = run(new_run("es", policy, hyper=[f"policy={policy}"], steps=300, advice="power_of_two"))
    config, scenario = load_run(folder)
    name, rule_s = Validator(config, scenario).default_rule()
    rows = read_csv(folder / "evaluations.csv")
    assert name == "power_of_two"
    assert float(rows[0]["mean_cost_s"]) == rule_s
    kept = load_policy(folder / "policy.safetensors")
    assert kept.origin["advice"] == {"route_turn": "power_of_two"}
    validation = Validator(config, scenario)(kept)
    assert validation.episode_return == max(float(row["return"]) for row in rows)


def test_what_is_not_searched_stays() -> None:
    searched = np.array([True, False, True])
    strategy = Strategy.begin(seed=0, sigma=0.1, pairs=4, mean=np.ones(3), searched=searched)
    strategy.learn(strategy.members(), 0.05)
    assert (strategy.members()[:, 1] == 1.0).all()
    assert strategy.mean[1] == 1.0
    assert (strategy.mean != 1.0).tolist() == searched.tolist()


def test_where_only_the_direction_counts_the_length_stays() -> None:
    searched = np.array([True, False, True])
    strategy = Strategy.begin(seed=0, sigma=0.1, pairs=4, mean=np.array([3.0, 9.0, 4.0]), searched=searched, norm=5.0)
    for _ in range(3):
        strategy.learn(strategy.members(), 0.5)
        assert np.linalg.norm(strategy.mean[searched]) == pytest.approx(5.0)
        assert strategy.mean[1] == 9.0


def test_gates_are_columns() -> None:
    for gates, there in (
        ("gates=[]", "gates = "),
        ("gates=[advised]", "with decisions.advice"),
        ("gates=home", "'home'"),
    ):
        values = load_hyperparameters("routing", "es", ["policy=GatedPolicy", gates])
        with pytest.raises(TrainingError, match=there):
            start(values, ("allowed", "is_home"), 0)


def test_hyper_parameters_are_its_own() -> None:
    assert load_hyperparameters("routing", "es", ["sigma=1"])["sigma"] == 1
    with pytest.raises(TrainingError, match="es has no hyper-parameter 'gamma'"):
        load_hyperparameters("routing", "es", ["gamma=1"])
    with pytest.raises(TrainingError, match="pairs = 0: must be a whole number of at least 1"):
        load_hyperparameters("routing", "es", ["pairs=0"])
    with pytest.raises(TrainingError, match="no algorithm 'es' for joint"):
        load_hyperparameters("joint", "es")
