"""Trains an agent: from the folder of a run to its model.

    agentsim train routing --algo ppo --steps 1000000
    agentsim train --resume runs/routing-ppo-coding_agents-seed0

A run that was killed goes on from its last checkpoint and ends with the same weights, bit for bit, as if it had not.
"""

from pathlib import Path

import torch
from rich.console import Console

from agentsim_env import Scenario
from agentsim_env.training.checkpoint import read_checkpoint, restore_checkpoint
from agentsim_env.training.config import RunConfig, load_run
from agentsim_env.training.hyperparameters import checked
from agentsim_env.training.lock import locked
from agentsim_env.training.logs import Table, make_logger
from agentsim_env.training.model import make_model, make_vec_env
from agentsim_env.training.progress import TrainingProgress
from agentsim_env.training.supervision import Supervision
from agentsim_env.training.validation import Validator


def run(folder: str | Path, console: Console | None = None, device: str = "cpu") -> Path:
    """Trains from where the run in a folder stands to its end.

    Args:
        folder: Folder that `agentsim_env.training.config.create_run` has made.
        console: Where the progress bar goes; None for none.
        device: Where torch computes.

    Returns:
        The folder: `model.zip` and `policy.npz` hold the best weights, `checkpoints` the last ones.

    Raises:
        TrainingError: The folder is not that of a run, another process trains in it, or no checkpoint can be read.
    """
    folder = Path(folder)
    load_run(folder)  # what is not the folder of a run is refused before anything is written there
    with locked(folder):
        _train(folder, *load_run(folder), console, device)
    return folder


def _train(folder: Path, config: RunConfig, scenario: Scenario, console: Console | None, device: str) -> None:
    # With more threads small networks train no faster, and other bits come out.
    torch.set_num_threads(1)
    checked(config.algo, config.hyperparameters)  # the file may have been edited
    vec_env = make_vec_env(config, scenario)
    model = make_model(config, vec_env, device)
    checkpoint = read_checkpoint(folder)
    state = restore_checkpoint(checkpoint, model, vec_env) if checkpoint else None
    validator = Validator(config, scenario)
    progress = TrainingProgress(config.steps, model.num_timesteps, *validator.default_rule(), console)
    evaluations = Table(folder / "evaluations.csv", model.num_timesteps)
    model.set_logger(make_logger(folder, model.num_timesteps))
    supervision = Supervision(config, folder, vec_env, validator, evaluations, progress, state)
    try:
        with progress:
            if model.num_timesteps < config.steps:
                remaining = config.steps - model.num_timesteps
                model.learn(
                    remaining, supervision, log_interval=_log_interval(config.algo), reset_num_timesteps=not state
                )
    finally:
        model.logger.close()
        validator.close()
        vec_env.close()


def _log_interval(algo: str) -> int:
    """Rollouts, for DQN episodes, between two rows of progress.csv; a rollout of A2C is a few steps long."""
    return {"a2c": 100, "dqn": 10}.get(algo, 1)
