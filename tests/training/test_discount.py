from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.training.discount import discounted
from agentsim_env.training.train import run

E = float(np.e)


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_a_reward_over_no_time_counts_whole() -> None:
    found = discounted(column(1.0, 2.0), column(0.0, 0.0), column(0, 0), np.array([3.0]), 20.0)
    np.testing.assert_allclose(found, column(6.0, 5.0), rtol=1e-6)


def test_what_comes_later_counts_less() -> None:
    """One unit a second for 20 s is worth 20 (1 - 1/e) s of it, and what follows 1/e."""
    found = discounted(column(20.0, 20.0), column(20.0, 20.0), column(0, 0), np.array([5.0]), 20.0)
    second = 20.0 * (1.0 - 1.0 / E) + 5.0 / E
    np.testing.assert_allclose(found, column(20.0 * (1.0 - 1.0 / E) + second / E, second), rtol=1e-6)


def test_nothing_is_won_by_cutting_time_into_other_pieces() -> None:
    """Three programs in the system for a minute cost the same, whether one is asked once in it or four times."""
    once = discounted(column(-180.0), column(60.0), column(0), np.array([-7.0]), 20.0)
    spent_s = np.array([1.0, 30.0, 5.0, 24.0])[:, None]
    often = discounted(-3.0 * spent_s, spent_s, np.zeros((4, 1)), np.array([-7.0]), 20.0)
    np.testing.assert_allclose(often[0], once[0], rtol=1e-6)


def test_an_episode_ends_what_counts() -> None:
    found = discounted(column(1.0, 2.0), column(0.0, 0.0), column(1, 0), np.array([3.0]), 20.0)
    np.testing.assert_allclose(found, column(1.0, 5.0), rtol=1e-6)


def test_the_buffer_knows_how_long_decisions_took(
    new_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def spy(rewards: np.ndarray, elapsed_s: np.ndarray, *rest: object) -> np.ndarray:
        seen.append(elapsed_s.copy())
        return discounted(rewards, elapsed_s, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("agentsim_env.training.discount.discounted", spy)
    run(new_run("maskable_ppo", hyper=["discount_s=20"]))
    assert seen
    assert all((elapsed_s >= 0.0).all() and elapsed_s.sum() > 0.0 for elapsed_s in seen)
