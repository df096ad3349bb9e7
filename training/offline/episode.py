"""An episode with all that was seen, answered and paid in it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.agents.protocol import Agent
from agentsim_env.files import replacing
from agentsim_env.training.offline.rollouts import GoOn, cost_s, costs_of_others


class Episode(NamedTuple):
    """What an agent has met and answered, `T` decisions.

    Attributes:
        observations: `float32 [T + 1, rows * features]`; the last one is that of the end.
        actions: `int64 [T]`.
        rewards: `float64 [T]`.
        action_mask: Legal answers, `int8 [T + 1, actions]`; all of them at the end.
        time_s: Simulated time of each observation, `float64 [T + 1]`.
        elapsed_s: Time since the observation before, likewise.
        answer_cost_s: What the episode comes to with each answer, `float64 [T + 1, actions]`, NaN for what is not
            legal; without rows where no rollouts were asked for.
        truncated: Whether the time limit has ended it.
        number: Seed of the episode, as `env.reset` takes it.
        figures: Those that the environment gives at the end, by name.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    action_mask: np.ndarray
    time_s: np.ndarray
    elapsed_s: np.ndarray
    answer_cost_s: np.ndarray
    truncated: bool
    number: int
    figures: dict[str, float]


_STEP = ("action_mask", "time_s", "elapsed_s")
"""Of the infos of an environment, what every step has."""


def record(agent: Agent, env: Any, number: int, go_on: GoOn | None = None) -> Episode:
    """Plays an episode and keeps it.

    Args:
        agent: Bound to the environment.
        env: The environment.
        number: Seed of the episode, as `env.reset` takes it.
        go_on: Plays on by the agent where every answer is to be tried; None where it is not.
    """
    observation, info = env.reset(seed=number)
    agent.reset(env.unwrapped.simulator.seed)
    seen, infos, actions, rewards, costs = [observation], [info], [], [], []
    ended = truncated = False
    while not ended:
        action = agent.act(observation, info)
        if go_on is not None:
            costs.append(costs_of_others(env, info["action_mask"], action, go_on))
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append(observation)
        infos.append(info)
        actions.append(action)
        rewards.append(reward)
        ended = terminated or truncated
    return Episode(
        np.array(seen),
        np.array(actions, np.int64),
        np.array(rewards),
        *(np.array([one[name] for one in infos]) for name in _STEP),
        answer_cost_s=_completed(costs, actions, env),
        truncated=truncated,
        number=number,
        figures={name: value for name, value in info.items() if name not in _STEP},
    )


def _completed(costs: list[np.ndarray], actions: list[int], env: Any) -> np.ndarray:
    """The costs of all answers: those that were given come to what the episode has come to."""
    if not costs:
        return np.zeros((0, env.action_space.n))
    rows = np.array([*costs, np.full_like(costs[0], np.nan)])
    rows[np.arange(len(actions)), actions] = cost_s(env.unwrapped.simulator)
    return rows


def save(path: Path, episode: Episode) -> None:
    """Writes an episode; the file appears whole or not at all, and nothing in it is pickled."""
    content = {**episode._asdict(), "figures": np.array(json.dumps(episode.figures))}
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **content)


def load(path: Path) -> Episode:
    """Reads what `save` has written."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in Episode._fields}
    figures = json.loads(str(found["figures"]))
    return Episode(
        **found | {"truncated": bool(found["truncated"]), "number": int(found["number"]), "figures": figures}
    )
