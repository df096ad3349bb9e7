from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim_env.workload import arrivals


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("process", "cv"),
    [
        (partial(arrivals.poisson, rate_per_s=4.0), 1.0),
        (partial(arrivals.gamma, rate_per_s=4.0, cv=0.5), 0.5),
        (partial(arrivals.gamma, rate_per_s=4.0, cv=1.0), 1.0),
        (partial(arrivals.gamma, rate_per_s=4.0, cv=3.0), 3.0),
    ],
)
def test_renewal_processes_have_their_rate_and_variation(process, cv):
    times = process(rng(), 200_000)
    gaps = np.diff(times.arrival_s, prepend=0.0)
    assert gaps.mean() == pytest.approx(0.25, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.03)
    assert (times.after == -1).all()


@pytest.mark.parametrize("process", [arrivals.poisson, partial(arrivals.gamma, cv=2.5)])
def test_another_rate_is_the_same_pattern(process):
    slow, fast = process(rng(), 50, rate_per_s=1.0), process(rng(), 50, rate_per_s=8.0)
    assert fast.arrival_s * 8 == pytest.approx(slow.arrival_s)


def test_diurnal_windows_get_their_share():
    rates, window_s = np.array([1.0, 0.0, 5.0, 2.0]), 100.0
    times = arrivals.diurnal(rng(), 80_000, tuple(rates), window_s).arrival_s
    window = (times // window_s).astype(int)
    complete = window < window.max() // 4 * 4
    counts = np.bincount(window[complete] % 4, minlength=4)
    assert counts / counts.sum() == pytest.approx(rates / rates.sum(), abs=0.005)
    per_window = np.bincount(window[complete])[2::4]
    assert per_window.mean() == pytest.approx(500, rel=0.02)
    assert per_window.var() / per_window.mean() == pytest.approx(1.0, abs=0.25)  # Poisson


def test_diurnal_is_uniform_inside_a_window():
    times = arrivals.diurnal(rng(), 20_000, (3.0, 1.0), 10.0).arrival_s
    into = times[(times % 20.0) < 10.0] % 20.0
    assert np.histogram(into, 5)[0] / len(into) == pytest.approx([0.2] * 5, abs=0.02)


def test_diurnal_table_is_scaled_to_a_mean_rate():
    times = arrivals.diurnal(rng(), 50_000, (3.0, 0.0, 9.0), 10.0, rate_per_s=2.0).arrival_s
    assert len(times) / times[-1] == pytest.approx(2.0, rel=0.03)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=6).filter(lambda rates: max(rates) > 1e-3),
    st.floats(0.1, 1000),
    st.floats(0.2, 5),
    st.integers(0, 2**32),
)
def test_diurnal_avoids_idle_windows(rates, window_s, cv, seed):
    times = arrivals.diurnal(rng(seed), 100, rates, window_s, cv=cv).arrival_s
    assert np.isfinite(times).all()
    assert (np.diff(times, prepend=0.0) >= 0).all()
    # A time on the edge of a window belongs to either side.
    edge = np.abs(times / window_s - np.round(times / window_s)) < 1e-6
    window = (times // window_s).astype(np.int64) % len(rates)
    assert (np.array(rates)[window][~edge] > 0).all()


def test_closed_loop_deals_programs_out_to_users():
    times = arrivals.closed_loop(rng(), 1000, users=4, think_time_s=3.0)
    assert times.after.tolist() == [-1] * 4 + list(range(996))
    assert (np.diff(times.arrival_s[:4]) >= 0).all()
    assert times.arrival_s.mean() == pytest.approx(3.0, rel=0.1)


def test_closed_loop_without_think_time_and_with_more_users_than_programs():
    times = arrivals.closed_loop(rng(), 3, users=10, think_time_s=0.0)
    assert times.arrival_s.tolist() == [0.0] * 3
    assert times.after.tolist() == [-1] * 3


def test_fixed_times():
    times = arrivals.fixed(rng(), 2, times_s=(0.5, 1.5, 9.0))
    assert times.arrival_s.tolist() == [0.5, 1.5]
