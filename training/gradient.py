"""Trains an agent with an algorithm of Stable-Baselines3."""

from pathlib import Path

import torch
from rich.console import Console

from agentsim_env import Scenario
from agentsim_env.training.checkpoint import read_checkpoint
from agentsim_env.training.config import RunConfig
from agentsim_env.training.hyperparameters import checked
from agentsim_env.training.logs import make_logger
from agentsim_env.training.model import make_model, make_vec_env
from agentsim_env.training.model_state import restore_checkpoint
from agentsim_env.training.progress import TrainingProgress
from agentsim_env.training.rows import Table
from agentsim_env.training.start import begin_with, start_of
from agentsim_env.training.supervision import Supervision
from agentsim_env.training.validation import Validator


def train(folder: Path, config: RunConfig, scenario: Scenario, console: Console | None, device: str) -> None:
    """Trains from the last checkpoint of a run to its end.

    Args:
        folder: Folder of the run, locked.
        config: The run.
        scenario: Its scenario.
        console: Where the progress bar goes; None for none.
        device: Where torch computes.
    """
    # With more threads small networks train no faster, and other bits come out.
    torch.set_num_threads(1)
    checked(config.algo, config.hyperparameters)  # the file may have been edited
    vec_env = make_vec_env(config, scenario)
    model = make_model(config, vec_env, device)
    start = start_of(folder)
    if start is not None:
        begin_with(model, start)
    checkpoint = read_checkpoint(folder)
    state = restore_checkpoint(checkpoint, model, vec_env) if checkpoint else None
    validator = Validator(config, scenario)
    progress = TrainingProgress(config.steps, model.num_timesteps, *validator.default_rule(), console)
    evaluations = Table(folder / "evaluations.csv", model.num_timesteps)
    model.set_logger(make_logger(folder, model.num_timesteps))
    supervision = Supervision(config, folder, vec_env, validator, evaluations, progress, state)
    if start is not None and state is None:
        supervision.validate_first()
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
