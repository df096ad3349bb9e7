"""The splits of training runs and evaluations, and the seeds of a run's episodes."""

import numpy as np

from agentsim_env.envs.splits import TEST, TRAINING, VALIDATION, Split, workloads

__all__ = ["TEST", "TRAINING", "VALIDATION", "Split", "training_seed", "workloads"]


def training_seed(run_seed: int, env: int, episode: int) -> int:
    """Seed of an episode of a training run.

    Args:
        run_seed: Seed of the run.
        env: Number of the environment within the run.
        episode: Number of the episode within the environment.
    """
    drawn = np.random.SeedSequence((run_seed, env, episode)).generate_state(1, np.uint64)[0]
    return TRAINING.seed(int(drawn))
