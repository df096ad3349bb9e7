import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from agentsim_env.training.config import extend, load_run
from agentsim_env.training.errors import TrainingWarning
from agentsim_env.training.train import run

LINEAR, CONSTANT = "learning_rate=lin_1e-3", "learning_rate=1e-3"
ROLLOUT = 2 * 32
"""Decisions of a rollout of `new_run`."""


@pytest.mark.parametrize("steps", [1, ROLLOUT])
@pytest.mark.parametrize("algo", ["ppo", "maskable_ppo"])
def test_one_rollout_at_a_rate_that_falls_to_zero_is_said_to_change_nothing(
    new_run: Callable[..., Path], algo: str, steps: int
) -> None:
    with pytest.warns(TrainingWarning, match=r"change nothing: a rollout is 64 \(2 envs of 32 steps\).* more than 64"):
        new_run(algo, steps=steps, hyper=[LINEAR])


@pytest.mark.parametrize(("hyper", "steps"), [([LINEAR], ROLLOUT + 1), ([CONSTANT], 1)])
def test_a_training_that_learns_is_not_warned_of(new_run: Callable[..., Path], hyper: list[str], steps: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new_run(steps=steps, hyper=hyper)


def test_dqn_that_ends_before_it_learns_is_said_to_change_nothing(new_run: Callable[..., Path]) -> None:
    with pytest.warns(
        TrainingWarning, match=r"50 steps change nothing: dqn begins to learn after 50; .*learning_starts"
    ):
        new_run("dqn", steps=50)
    new_run("dqn", "longer", steps=51)


def test_the_warning_is_true(new_run: Callable[..., Path]) -> None:
    """A policy is the same after one such rollout as after another, and another one after a step more."""
    ends = {}
    for name, steps in {"one": 1, "whole": ROLLOUT, "more": ROLLOUT + 1}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            ends[name] = run(new_run(name=name, steps=steps, hyper=[LINEAR], validation_every=ROLLOUT))
    weights = {name: weights_of(folder) for name, folder in ends.items()}
    assert weights["one"] == weights["whole"]
    assert weights["more"] != weights["one"]


def weights_of(folder: Path) -> bytes:
    import torch

    newest = max((folder / "checkpoints").iterdir())
    policy = torch.load(newest / "parameters.pt", weights_only=True)["policy"]
    return b"".join(tensor.numpy().tobytes() for tensor in policy.values())


def test_an_extension_by_a_rollout_is_said_to_change_nothing(new_run: Callable[..., Path]) -> None:
    folder = new_run(steps=2 * ROLLOUT, hyper=[LINEAR])
    run(folder)
    with pytest.warns(TrainingWarning, match="64 more steps change nothing"):
        extend(folder, 3 * ROLLOUT)
    assert load_run(folder)[0].steps == 3 * ROLLOUT
