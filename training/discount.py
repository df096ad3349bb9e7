"""Discount by simulated time: for decisions whose number depends on how they are answered.

A discount by decision rewards an agent that is asked more often: who evicts what is needed next puts the same costs
behind more decisions. Here what comes `t` seconds later counts `exp(-t / discount_s)`, within a decision too, so that
nothing is won by cutting time into other pieces (semi-Markov decisions; Bradtke and Duff 1994, "Reinforcement Learning
Methods for Continuous-Time Markov Decision Problems").
"""

from typing import Any

import numpy as np
import torch
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.vec_env import VecEnv


def discount_by_time(model: Any, vec_env: VecEnv, discount_s: float) -> None:
    """Makes a model of PPO, MaskablePPO or A2C discount by simulated time instead of by decision.

    The critic is a baseline only and vouches for nothing but what comes after the rollout: what it says of the next
    decision depends on the candidates that are left, and an answer that removes those that it dislikes would be paid.

    Args:
        model: The model, fresh.
        vec_env: Its environments, which know `elapsed_s`.
        discount_s: Simulated seconds in which a cost loses a factor of e.
    """
    old = model.rollout_buffer
    kind = _TimedMaskableBuffer if isinstance(old, MaskableRolloutBuffer) else _TimedBuffer
    spaces = old.observation_space, old.action_space
    buffer = kind(old.buffer_size, *spaces, old.device, n_envs=old.n_envs)
    buffer.vec_env, buffer.discount_s = vec_env, discount_s
    model.rollout_buffer = buffer


def discounted(
    rewards: np.ndarray, elapsed_s: np.ndarray, ends: np.ndarray, last: np.ndarray, discount_s: float
) -> np.ndarray:
    """Returns from each decision on, discounted by time.

    A reward is spread evenly over the time that it was earned in, as an integral over time nearly is.

    Args:
        rewards: What each decision earned until the next, `[decisions, environments]`.
        elapsed_s: Time until the next, likewise.
        ends: Whether the episode ended with it, likewise.
        last: Value of the state after the last decision, `[environments]`.
        discount_s: Seconds in which a reward loses a factor of e.

    Returns:
        `float32 [decisions, environments]`.
    """
    x = np.maximum(elapsed_s / discount_s, 1e-9)
    kept = np.exp(-x) * (1.0 - ends)
    earned = rewards * -np.expm1(-x) / x
    returns = np.zeros_like(rewards, np.float32)
    for step in reversed(range(len(rewards))):
        last = earned[step] + kept[step] * last
        returns[step] = last
    return returns


class _Timed:
    """What the buffers have in common: they know how long each decision took."""

    vec_env: VecEnv
    discount_s: float

    def reset(self: Any) -> None:
        super().reset()  # type: ignore[misc]
        self.elapsed_s = np.zeros((self.buffer_size, self.n_envs))

    def add(self: Any, *args: Any, **kwargs: Any) -> None:
        self.elapsed_s[self.pos] = self.vec_env.get_attr("elapsed_s")
        super().add(*args, **kwargs)  # type: ignore[misc]

    def compute_returns_and_advantage(self: Any, last_values: torch.Tensor, dones: np.ndarray) -> None:
        ends = np.vstack([self.episode_starts[1:], dones.astype(np.float32)])
        last = last_values.detach().cpu().numpy().flatten()
        self.returns = discounted(self.rewards, self.elapsed_s, ends, last, self.discount_s)
        self.advantages = self.returns - self.values


class _TimedBuffer(_Timed, RolloutBuffer):
    """For PPO and A2C."""


class _TimedMaskableBuffer(_Timed, MaskableRolloutBuffer):
    """For MaskablePPO."""
