"""Scores and comparisons of costs that were made up."""

from collections.abc import Callable

import numpy as np
import pytest

from agentsim_env.training.benchmark.outcome import Outcome, worst_tenth
from agentsim_env.training.benchmark.profiles import profile, save_profiles

Make = Callable[..., Outcome]


def suite_row(outcome: Outcome, agent: str) -> dict:
    return next(row for row in outcome.scores["suite"] if row["agent"] == agent)


def case_row(outcome: Outcome, case: str, agent: str) -> dict:
    return next(row for row in outcome.scores["cases"] if (row["case"], row["agent"]) == (case, agent))


def test_stock_scores_0_the_best_1_and_what_beats_it_more(made_up: Make) -> None:
    costs = {
        "stock": [100.0, 200.0, 300.0],
        "best": [50.0, 100.0, 150.0],
        "half_way": [100 / 2**0.5, 200 / 2**0.5, 300 / 2**0.5],
        "better": [25.0, 50.0, 75.0],
        "worse": [200.0, 400.0, 600.0],
    }
    outcome = made_up({"one": costs})
    scores = {row["agent"]: row["score"]["estimate"] for row in outcome.scores["suite"]}
    expected = {"better": 2.0, "best": 1.0, "half_way": 0.5, "stock": 0.0, "worse": -1.0}
    assert scores == pytest.approx(expected)
    assert list(scores) == list(expected), "the highest first"


def test_a_case_with_little_to_gain_weighs_little(made_up: Make) -> None:
    outcome = made_up(
        {
            "much": {"stock": [100.0, 100.0], "best": [50.0, 50.0], "mine": [50.0, 50.0]},
            "little": {"stock": [100.0, 100.0], "best": [99.0, 99.0], "mine": [101.0, 101.0]},
        }
    )
    gained, possible = np.log(2) + np.log(100 / 101), np.log(2) + np.log(100 / 99)
    assert suite_row(outcome, "mine")["score"]["estimate"] == pytest.approx(gained / possible)


def test_where_the_best_gains_nothing_there_is_no_score(made_up: Make) -> None:
    outcome = made_up({"one": {"stock": [10.0, 10.0], "best": [10.0, 10.0], "mine": [5.0, 5.0]}})
    assert suite_row(outcome, "mine")["score"]["estimate"] is None


def test_a_case_with_episodes_without_a_cost_is_left_out_and_said_to_be(made_up: Make) -> None:
    whole = {"stock": [10.0, 10.0], "best": [5.0, 5.0], "mine": [5.0, 5.0]}
    outcome = made_up({"whole": whole, "gap": {**whole, "mine": [5.0, None]}, "free": {**whole, "mine": [5.0, 0.0]}})
    assert outcome.scores["unscored"] == {
        "gap": "mine has episodes without a cost",
        "free": "mine has episodes that cost nothing, and no ratio can be told",
    }
    assert suite_row(outcome, "mine")["score"]["estimate"] == pytest.approx(1.0)


def test_probability_of_improvement_is_by_seed_and_cases_weigh_alike(made_up: Make) -> None:
    outcome = made_up(
        {
            "one": {"stock": [2.0, 2.0, 2.0, 2.0], "best": [1.0, 1.0, 1.0, 1.0], "mine": [1.0, 1.0, 1.0, 3.0]},
            "two": {"stock": [2.0, 2.0], "best": [1.0, 1.0], "mine": [2.0, 1.0]},
        }
    )
    # Better than stock on 3 of 4 seeds; then a tie and a win.
    assert suite_row(outcome, "mine")["better_than_stock"]["estimate"] == pytest.approx((0.75 + 0.75) / 2)
    assert case_row(outcome, "one", "mine")["wins_stock"] == 0.75


def test_the_inter_quartile_mean_leaves_out_wild_seeds(made_up: Make) -> None:
    mine = [50.0, 50.0, 50.0, 5000.0]
    outcome = made_up({"one": {"stock": [100.0] * 4, "best": [50.0] * 4, "mine": mine}})
    assert suite_row(outcome, "mine")["iqm_of_stock"]["estimate"] == pytest.approx(0.5)
    assert case_row(outcome, "one", "mine")["iqm"]["estimate"] == 50.0


def test_intervals_are_of_paired_seeds(made_up: Make) -> None:
    stock = list(np.random.default_rng(0).exponential(100.0, 20))
    outcome = made_up({"one": {"stock": stock, "best": [0.5 * x for x in stock], "mine": [0.7 * x for x in stock]}})
    score = suite_row(outcome, "mine")["score"]
    assert score["low"] == pytest.approx(score["high"]), "however different seeds are, the ratio is the same on each"
    assert case_row(outcome, "one", "mine")["change_best"]["low"] == pytest.approx(0.4)


def test_many_comparisons_raise_the_p_values_of_all(made_up: Make) -> None:
    stock = [float(x) for x in range(10, 18)]
    costs = {"stock": stock, "best": [x - 1 for x in stock], "mine": [x - 2 for x in stock], "other": stock}
    row = case_row(made_up({"one": costs}), "one", "mine")
    assert row["p_best"] == pytest.approx(2 / 2**8)
    assert row["p_best_holm"] == pytest.approx(2 * 2 / 2**8)


def test_the_worst_tenth_is_the_mean_of_the_longest() -> None:
    assert worst_tenth(np.arange(20.0)) == 18.5
    assert worst_tenth(np.array([3.0, 1.0])) == 3.0
    assert np.isnan(worst_tenth(np.array([])))


def test_profiles_tell_how_many_episodes_cost_at_most_so_much(made_up: Make, tmp_path) -> None:
    outcome = made_up(
        {
            "one": {"stock": [10.0, 10.0], "best": [5.0, 5.0], "mine": [5.0, 8.0]},
            "two": {"stock": [1.0, 1.0], "best": [0.5, 0.5], "mine": [0.9, 2.0]},
        }
    )
    shares = profile(outcome, "mine", np.array([0.4, 0.5, 0.8, 1.0, 2.0]))
    assert shares.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    save_profiles(outcome, tmp_path / "profiles.png")
    assert (tmp_path / "profiles.png").read_bytes().startswith(b"\x89PNG")
