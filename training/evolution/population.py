"""Plays the members of a generation on the same episodes, each from a copy of the state at its first decision."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from agentsim_env import Scenario, Simulator
from agentsim_env.engine.core.scorer import Scorer
from agentsim_env.envs.compiled_play import CompiledPlay
from agentsim_env.envs.rewards import episode_return
from agentsim_env.training.splits import TRAINING, workloads

_TINY = 1e-12


class Population:
    """Plays episodes of many policies of one form, in threads: compiled code runs without Python's lock.

    Args:
        kind: Kind of decision that is answered.
        scenario: The scenario; its rules answer all others.
        shape: Rows and columns of such a decision.
        scorer: A policy of the form.
        episodes: Episodes of a generation: each is played by one thread, as many at a time as there are cores.
    """

    def __init__(self, kind: str, scenario: Scenario, shape: tuple[int, int], scorer: Scorer, episodes: int) -> None:
        self._source = workloads(scenario, TRAINING)
        self._drawn = bool(scenario.randomize)
        threads = min(episodes, len(os.sched_getaffinity(0)))
        self._free: SimpleQueue[tuple[Simulator, CompiledPlay]] = SimpleQueue()
        for _ in range(threads):
            simulator = Simulator(scenario, agent_kinds=(kind,), source=self._source)
            self._free.put((simulator, CompiledPlay(kind, scorer, shape)))
        self._threads = ThreadPoolExecutor(threads)

    def returns(self, members: np.ndarray, seeds: Sequence[int]) -> tuple[np.ndarray, int]:
        """What each member comes to in each episode.

        Args:
            members: Their weights, `float32 [members, weights]`.
            seeds: Seeds of the episodes.

        Returns:
            The returns, `float64 [members, episodes]`, and how many decisions were answered. Where something of the
            scenario is drawn they are relative to the mean of the members in the episode: a large cluster, or one that
            is overloaded, would else outweigh all others.
        """
        played = list(self._threads.map(self._episode(members), seeds))
        returns = np.array([returns for returns, _ in played]).T
        if self._drawn:
            returns = returns / np.maximum(np.abs(returns.mean(axis=0)), _TINY)
        return returns, sum(decisions for _, decisions in played)

    def _episode(self, members: np.ndarray) -> Callable[[int], tuple[list[float], int]]:
        def play(seed: int) -> tuple[list[float], int]:
            simulator, player = self._free.get()
            try:
                return _play(simulator, player, members, seed)
            finally:
                self._free.put((simulator, player))

        return play

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(cancel_futures=True)


def _play(simulator: Simulator, player: CompiledPlay, members: np.ndarray, seed: int) -> tuple[list[float], int]:
    """The return of each member in an episode, and the decisions of all."""
    simulator.reset(seed)
    if simulator.next_decision() is None:
        return [episode_return(simulator)] * len(members), 0
    first, returns, decisions = simulator.snapshot(), [], 0
    for weights in members:
        simulator.restore(first)
        decisions += player.play(simulator, weights)
        returns.append(episode_return(simulator))
    return returns, decisions
