"""Trains a policy by an evolution strategy: generations, validations, checkpoints."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agentsim_env import Scenario
from agentsim_env.agents.numpy_policy import FORMS
from agentsim_env.agents.protocol import candidates_of
from agentsim_env.engine.core.scorer import Scorer
from agentsim_env.envs.advice_feature import ADVISED
from agentsim_env.policies.weights import flat, unflattened
from agentsim_env.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from agentsim_env.training.config import RunConfig, origin_of
from agentsim_env.training.environments import find_environment, make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution.initial import elsewhere, start
from agentsim_env.training.evolution.population import Population
from agentsim_env.training.evolution_strategy import Strategy
from agentsim_env.training.hyperparameters import checked, rate_at
from agentsim_env.training.progress import TrainingProgress
from agentsim_env.training.rows import Table
from agentsim_env.training.splits import training_seed
from agentsim_env.training.start import start_of
from agentsim_env.training.validation import Validator

_VECTORS = ("mean", "first", "second")


def search(folder: Path, config: RunConfig, scenario: Scenario, console: Console | None) -> None:
    """Searches from the last checkpoint of a run to its end.

    Args:
        folder: Folder of the run, locked.
        config: The run.
        scenario: Its scenario.
        console: Where the progress bar goes; None for none.
    """
    checked(config.algo, config.hyperparameters)  # the file may have been edited
    run = _Search(folder, config, scenario, console)
    with closing(run), run.progress:
        while run.steps < config.steps:
            run.generation()
        run.end()


class _Search:
    """A run as it stands.

    Attributes:
        steps: Decisions that members have made.
        progress: Progress bar.
    """

    def __init__(self, folder: Path, config: RunConfig, scenario: Scenario, console: Console | None) -> None:
        self._folder, self._config, self._scenario = folder, config, scenario
        env = make_environment(config.environment, scenario)
        self._candidates = candidates_of(env)
        values = config.hyperparameters
        given = start_of(folder)
        self._start = start(values, self._candidates.feature_names, config.seed)
        if given is not None:
            self._start = elsewhere(self._start, given.weights)
        checkpoint = read_checkpoint(folder)
        self._strategy, self._notes = self._begin(checkpoint)
        if given is not None and checkpoint is None:
            self._notes["validated"] = -1  # before it learns: it is worth keeping where nothing gets better
        self.steps: int = self._notes["steps"]
        kind = find_environment(config.environment).kinds[0]
        shape = (self._candidates.n_rows, len(self._candidates.feature_names))
        mean = self._agent()
        assert isinstance(mean.scorer, Scorer)
        self._population = Population(kind, scenario, shape, mean.scorer, config.n_envs)
        self._validator = Validator(config, scenario)
        self.progress = TrainingProgress(config.steps, self.steps, *self._validator.default_rule(), console)
        self._generations = Table(folder / "progress.csv", self.steps)
        self._evaluations = Table(folder / "evaluations.csv", self.steps)
        env.close()

    def _begin(self, checkpoint: Checkpoint | None) -> tuple[Strategy, dict[str, Any]]:
        values = self._config.hyperparameters
        mean = flat(self._start.weights)
        strategy = Strategy.begin(
            self._config.seed,
            values["sigma"],
            values["pairs"],
            mean,
            self._start.searched,
            self._start.norm,
            values.get("spread", 1.0),
        )
        if checkpoint is None:
            return strategy, {"steps": 0, "validated": 0, "saved": 0, "best_return": None, "best_step": None}
        for name in _VECTORS:
            found = checkpoint.arrays.get(name)
            if found is None or found.shape != mean.shape:
                raise TrainingError(f"{checkpoint.path} is not a checkpoint of this run: {name} is of another form")
            setattr(strategy, name, found)
        strategy.generation = checkpoint.state["generation"]
        return strategy, checkpoint.state["extra"]

    def generation(self) -> None:
        """Plays a generation and learns from it; validates and saves before it where that is due."""
        config, strategy = self._config, self._strategy
        if self._due("validated", config.validation_every) or self._is_the_rule:
            self._validate()
        if self._due("saved", config.checkpoint_every):
            self._save()
        values = config.hyperparameters
        if "finalists" in values:
            returns, decisions = self._climb(values["finalists"])
        else:
            returns, decisions = self._population.returns(strategy.members(), self._seeds(0, config.n_envs))
            strategy.learn(returns, rate_at(values["learning_rate"], self.steps / config.steps))
        self.steps += decisions
        self._notes["steps"] = self.steps
        means = returns.mean(axis=1)
        self._generations.add(
            self.steps,
            {"generation": strategy.generation, "mean_return": float(means.mean()), "best_return": float(means.max())},
        )
        self.progress.advance(min(self.steps, config.steps))

    def _climb(self, finalists: int) -> tuple[np.ndarray, int]:
        """Moves to the neighbour that does best if it does better than the mean; what the neighbours come to.

        The best of a round meet the mean again, in twice as many further episodes: one of many is best by luck.
        """
        n, mean = self._config.n_envs, self._strategy.mean.astype(np.float32)
        members = np.concatenate((mean[None], self._strategy.members()))
        first, decisions = self._population.returns(members, self._seeds(0, n))
        best = np.argsort(-first[1:].mean(axis=1), kind="stable")[:finalists] + 1
        left = np.concatenate(([0], best))
        again, more = self._population.returns(members[left], self._seeds(n, 3 * n))
        both = np.concatenate((first[left], again), axis=1).mean(axis=1)
        self._strategy.move_to(members[left[both.argmax()]] if both.max() > both[0] else self._strategy.mean)
        return first[1:], decisions + more

    def _seeds(self, first: int, last: int) -> list[int]:
        return [training_seed(self._config.seed, number, self._strategy.generation) for number in range(first, last)]

    def end(self) -> None:
        """What belongs to the last generation."""
        if self._notes["validated"] < self.steps:
            self._validate()
        self._save()

    def close(self) -> None:
        """Ends threads and environments."""
        self._population.close()
        self._validator.close()

    def _agent(self) -> Any:
        """The mean as an agent."""
        config = self._config
        origin = origin_of(config, self._scenario, self._notes["steps"])
        weights = unflattened(self._start.weights, self._strategy.mean)
        names, allowed = self._candidates.feature_names, self._candidates.allowed_feature
        return FORMS[type(weights)](weights, names, allowed, config.algo, origin)

    @property
    def _is_the_rule(self) -> bool:
        """Whether it has yet to be seen what the rule comes to, with which it begins: what is kept is never worse."""
        return self._notes["best_return"] is None and ADVISED in self._candidates.feature_names

    def _due(self, what: str, every: int) -> bool:
        return self.steps // every > self._notes[what] // every

    def _validate(self) -> None:
        self._notes["validated"] = self.steps
        agent = self._agent()
        validation = self._validator(agent)
        self._evaluations.add(self.steps, {"return": validation.episode_return, **validation.metrics})
        self.progress.show(validation)
        best = self._notes["best_return"]
        if best is None or validation.episode_return > best:
            self._notes |= {"best_return": validation.episode_return, "best_step": self.steps}
            agent.save(self._folder / "policy.safetensors")

    def _save(self) -> None:
        self._notes["saved"] = self.steps
        arrays = {name: getattr(self._strategy, name) for name in _VECTORS}
        state = {"generation": self._strategy.generation, "extra": self._notes}
        write_checkpoint(self._folder, self.steps, arrays, state)
