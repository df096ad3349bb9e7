"""What happens between the rollouts of a training: validation, keeping the best weights, checkpoints, progress."""

from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from agentsim_env.training.config import RunConfig
from agentsim_env.training.episodes import TrainingEpisodes
from agentsim_env.training.model import present_agent, save_model
from agentsim_env.training.model_state import save_checkpoint
from agentsim_env.training.progress import TrainingProgress
from agentsim_env.training.rows import Table
from agentsim_env.training.validation import Validator


class Supervision(BaseCallback):
    """Validates and saves a run as its configuration says.

    Args:
        config: The run.
        folder: Its folder.
        vec_env: Its environments.
        validator: Runs the policy on the validation episodes.
        evaluations: Table of the validations.
        progress: Progress bar.
        state: What `state` was at the last checkpoint, None for a new run.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        vec_env: TrainingEpisodes,
        validator: Validator,
        evaluations: Table,
        progress: TrainingProgress,
        state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.folder = folder
        self.vec_env = vec_env
        self.validator = validator
        self.evaluations = evaluations
        self.progress = progress
        self.state = state or {"validated": 0, "saved": 0, "best_return": None, "best_step": None}

    def validate_first(self) -> None:
        """Lets the policy be validated before it learns: it is worth keeping where nothing gets better."""
        self.state["validated"] = -1

    def _on_rollout_start(self) -> None:
        if self._due("validated", self.config.validation_every):
            self._validate()
        if self._due("saved", self.config.checkpoint_every):
            self._save()

    def _on_step(self) -> bool:
        if self.n_calls % 64 == 0:
            self.progress.advance(self.num_timesteps)
        return True

    def _on_training_end(self) -> None:
        if self.state["validated"] < self.num_timesteps:
            self._validate()
        # What was recorded since the last row has none yet.
        self.logger.dump(self.num_timesteps)
        self._save()
        self.progress.advance(self.num_timesteps)

    def _due(self, what: str, every: int) -> bool:
        return self.num_timesteps // every > self.state[what] // every

    def _validate(self) -> None:
        self.state["validated"] = self.num_timesteps
        agent = present_agent(self.model, self.config, self.vec_env)
        validation = self.validator(agent)
        values = {"return": validation.episode_return, **validation.metrics}
        for name, value in values.items():
            self.logger.record(f"validation/{name}", value)
        self.evaluations.add(self.num_timesteps, values)
        self.progress.show(validation)
        best = self.state["best_return"]
        if best is None or validation.episode_return > best:
            self.state |= {"best_return": validation.episode_return, "best_step": self.num_timesteps}
            save_model(self.model, agent, self.folder)

    def _save(self) -> None:
        self.state["saved"] = self.num_timesteps
        save_checkpoint(self.folder, self.model, self.vec_env, self.state)
