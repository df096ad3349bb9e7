import numpy as np
import pytest
from scipy import stats

from agentsim_env.training.significance import bootstrap_within, holm, p_value
from agentsim_env.training.statistics import bootstrap, mean


def test_holm_on_the_example_of_the_books() -> None:
    # Four comparisons: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which is not below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_leaves_what_is_unknown() -> None:
    raised = holm([0.9, float("nan"), 0.4])
    assert raised[0] == pytest.approx(0.9)
    assert np.isnan(raised[1])
    assert raised[2] == pytest.approx(0.8)
    assert holm([0.7, 0.8]) == [1.0, 1.0]


def test_a_difference_of_one_sign_is_as_unlikely_as_so_many_coins() -> None:
    reference = np.arange(1.0, 9.0)
    # All 8 of one sign: 2 of the 2^8 ways to set the signs are as extreme.
    assert p_value(reference - 0.5, reference) == pytest.approx(2 / 2**8)


def test_p_value_agrees_with_the_t_test_where_that_holds() -> None:
    rng = np.random.default_rng(0)
    reference = rng.exponential(50.0, 60)
    values = reference + rng.normal(-2.0, 6.0, 60)
    assert p_value(values, reference) == pytest.approx(stats.ttest_rel(values, reference).pvalue, abs=0.01)


def test_no_difference_is_never_significant() -> None:
    same = np.array([1.0, 2.0, 3.0])
    assert p_value(same, same) == 1.0
    assert np.isnan(p_value(np.array([1.0, np.nan]), np.array([1.0, 2.0])))


def test_of_one_sample_the_interval_is_the_usual_one() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    ours = bootstrap_within(lambda places: values[places].mean(axis=-1), [40])
    usual = bootstrap(mean, values)
    width = usual.high - usual.low
    assert ours.estimate == usual.estimate
    assert ours.low == pytest.approx(usual.low, abs=0.05 * width)
    assert ours.high == pytest.approx(usual.high, abs=0.05 * width)


def test_how_samples_differ_from_one_another_does_not_widen_the_interval() -> None:
    low, high = (np.random.default_rng(2).normal(level, 1.0, 50) for level in (0.0, 1000.0))

    def middle(of_low: np.ndarray, of_high: np.ndarray) -> np.ndarray:
        return (low[of_low].mean(axis=-1) + high[of_high].mean(axis=-1)) / 2

    found = bootstrap_within(middle, [50, 50])
    assert found.estimate == pytest.approx(500.0, abs=0.5)
    assert found.high - found.low < 1.0


def test_what_has_no_spread_or_too_few_values_has_its_estimate_alone() -> None:
    assert bootstrap_within(lambda places: np.ones(places.shape[:-1]), [5]) == (1.0, 1.0, 1.0)
    assert np.isnan(bootstrap_within(lambda places: places.mean(axis=-1), [1]).low)
