"""Trains an agent: from the folder of a run to its model.

    agentsim train routing --algo ppo --steps 1000000
    agentsim train --resume runs/routing-ppo-coding_agents-seed0

A run that was killed goes on from its last checkpoint and ends with the same weights, bit for bit, as if it had not.
"""

from pathlib import Path

from rich.console import Console

from agentsim_env.training.config import load_run
from agentsim_env.training.evolution_strategy import ALGORITHM
from agentsim_env.training.lock import locked


def run(folder: str | Path, console: Console | None = None, device: str = "cpu") -> Path:
    """Trains from where the run in a folder stands to its end.

    Args:
        folder: Folder that `agentsim_env.training.config.create_run` has made.
        console: Where the progress bar goes; None for none.
        device: Where torch computes.

    Returns:
        The folder: `model.zip` and `policy.safetensors` hold the best weights, `checkpoints` the last ones.

    Raises:
        TrainingError: The folder is not that of a run, another process trains in it, or no checkpoint can be read.
    """
    folder = Path(folder)
    load_run(folder)  # what is not the folder of a run is refused before anything is written there
    with locked(folder):
        config, scenario = load_run(folder)
        if config.algo == ALGORITHM:
            from agentsim_env.training.evolution.search import search

            search(folder, config, scenario, console)
        else:
            from agentsim_env.training.gradient import train

            train(folder, config, scenario, console, device)
    return folder
