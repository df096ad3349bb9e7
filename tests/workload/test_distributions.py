import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentsim_env.workload import curves
from agentsim_env.workload.curves import CurveTable
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families import tracelab


def sample(distribution, n=200_000, seed=0):
    return CurveTable([distribution.curve]).sample(np.random.default_rng(seed), np.zeros(n, int))


FORMS = [
    Distribution(value=7),
    Distribution(ln_mean=3.0, ln_sd=0.5),
    Distribution(p50=100, ln_sd=0.5),
    Distribution(mean=45, sd=40),
    Distribution(mean=45, sd=40, min=5, max=300),
    Distribution(p50=437, p95=5748, max=100_000),
    Distribution(p25=2, p50=3, p90=50, min=1, max=60),
    Distribution(p50=409, p95=2388, mean=844, max=100_000),
    Distribution(p50=0.044, mean=0.313, max=100),
    Distribution(values=(1, 2, 8), weights=(5, 3, 2)),
    Distribution(values=(0, 4)),
]


@pytest.mark.parametrize("distribution", FORMS, ids=repr)
def test_mean_is_that_of_samples(distribution):
    values = sample(distribution)
    assert distribution.mean_value == pytest.approx(values.mean(), rel=0.03)


@pytest.mark.parametrize("distribution", FORMS, ids=repr)
def test_bounds_hold(distribution):
    values = sample(distribution, 20_000)
    assert values.min() >= distribution.min * (1 - 1e-12)
    assert distribution.max is None or values.max() <= distribution.max * (1 + 1e-12)


def test_percentiles_are_met():
    distribution = Distribution(p5=2, p25=3, p50=9, p90=50, p99=70)
    for rank, value in ((0.05, 2), (0.25, 3), (0.5, 9), (0.9, 50), (0.99, 70)):
        assert distribution.quantile(rank) == pytest.approx(value)
        assert curves.rank(distribution.curve, value) == pytest.approx(rank)


def test_moments_are_met():
    distribution = Distribution(mean=45, sd=40)
    values = sample(distribution, 1_000_000)
    assert (values.mean(), values.std()) == pytest.approx((45, 40), rel=0.02)


def test_mean_beside_percentiles_is_met():
    distribution = Distribution(p50=409, p95=2388, mean=844, min=1)
    assert distribution.mean_value == pytest.approx(844)
    assert distribution.quantile(0.5) == pytest.approx(409)
    assert distribution.quantile(0.95) == pytest.approx(2388)


def test_one_percentile_and_mean_are_a_log_normal():
    ln_sd = math.sqrt(2 * math.log(0.313 / 0.044))
    curve = Distribution(p50=0.044, mean=0.313).curve
    assert curve.slopes.tolist() == pytest.approx([ln_sd])


def test_discrete_frequencies():
    values, counts = np.unique(sample(Distribution(values=(1, 2, 8), weights=(5, 3, 2))), return_counts=True)
    assert values == pytest.approx([1, 2, 8])
    assert counts / counts.sum() == pytest.approx([0.5, 0.3, 0.2], abs=0.01)


def test_counts_are_whole_and_at_least_one():
    table = CurveTable([Distribution(p50=0.3, ln_sd=1.0).curve])
    counts = table.counts(np.random.default_rng(0).standard_normal(1000), 0)
    assert counts.dtype == np.int64
    assert counts.min() == 1


def test_table_gives_what_each_curve_gives_alone():
    rng = np.random.default_rng(1)
    table = CurveTable([form.curve for form in FORMS])
    scores, rows = rng.standard_normal(5000), rng.integers(0, len(FORMS), 5000)
    together = table.at(scores, rows)
    for row, form in enumerate(FORMS):
        alone = CurveTable([form.curve]).at(scores[rows == row], 0)
        assert together[rows == row] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("given_fields", "reason"),
    [
        ({}, "give one of"),
        ({"p50": 3}, "give one of"),
        ({"mean": 3}, "give one of"),
        ({"value": 3, "mean": 3, "sd": 1}, "give one of"),
        ({"p50": 3, "sd": 1}, "give one of"),
        ({"p50": 3, "p95": 2}, "must ascend"),
        ({"values": [2, 1]}, "must ascend"),
        ({"values": [1, 2], "weights": [1]}, "one weight a value"),
        ({"p50": 3, "p95": 30, "mean": 2}, "between"),
        ({"value": 3, "min": 5, "max": 4}, "at least min"),
        ({"p50": 0, "p95": 2}, "greater than 0"),
        ({"p51": 1}, "Extra"),
    ],
)
def test_what_makes_no_sense_is_refused(given_fields, reason):
    with pytest.raises(ValidationError, match=reason):
        Distribution(**given_fields)


def test_a_number_is_a_distribution():
    assert Distribution.model_validate(3) == Distribution(value=3)


def test_dump_holds_what_was_given():
    assert Distribution(p50=3, p95=9, min=1).model_dump() == {"p50": 3, "p95": 9, "min": 1}


def test_copies_do_not_keep_what_was_worked_out():
    distribution = Distribution(p50=3, p95=9)
    assert distribution.quantile(0.5) == pytest.approx(3)
    other = distribution.model_copy(update={"p50": 4.0})
    assert other.quantile(0.5) == pytest.approx(4)
    assert pickle.loads(pickle.dumps(distribution)) == copy.deepcopy(distribution) == distribution


def test_mixture_of_tracelab_kinds_is_near_its_published_totals():
    shares = np.array([kind.share for kind in tracelab.KINDS])
    means = np.array([kind.gap_s.mean_value for kind in tracelab.KINDS])
    assert shares @ means / shares.sum() == pytest.approx(18.4, rel=0.07)

    def below(limit_s):
        return shares @ [curves.rank(kind.gap_s.curve, limit_s) for kind in tracelab.KINDS] / shares.sum()

    assert below(1) == pytest.approx(0.609, abs=0.015)
    assert below(10) - below(1) == pytest.approx(0.273, abs=0.015)
    # The chart by kind and the table of totals differ here: 10.3 % against 7.8 %.
    assert below(60) - below(10) == pytest.approx(0.078, abs=0.03)
    assert 1 - below(60) == pytest.approx(0.040, abs=0.005)


def test_ranked_onto_gives_the_mixture_the_target_and_keeps_the_order_of_kinds():
    parts = [kind.gap_s.curve for kind in tracelab.KINDS]
    shares = [kind.share for kind in tracelab.KINDS]
    target = Distribution(p5=3, p25=5, p50=9, p75=20, p95=164)
    mapped = curves.ranked_onto(parts, shares, target.curve)
    rng = np.random.default_rng(0)
    kinds = rng.choice(len(parts), 200_000, p=np.array(shares) / sum(shares))
    values = CurveTable(mapped).sample(rng, kinds)
    for rank in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.quantile(values, rank) == pytest.approx(target.quantile(rank), rel=0.06)
    before = np.argsort([curves.quantile(part, 0.5) for part in parts])
    assert before.tolist() == np.argsort([curves.quantile(part, 0.5) for part in mapped]).tolist()


@given(
    st.lists(st.floats(0.01, 1e5), min_size=2, max_size=5, unique=True),
    st.floats(0.01, 1e5),
    st.floats(1.0, 100.0),
)
def test_bounded_curves_are_clipped_curves(values, low, factor):
    names = ("p5", "p25", "p50", "p75", "p95")[: len(values)]
    free = Distribution(**dict(zip(names, sorted(values), strict=True)))
    held = curves.bounded(free.curve, low, low * factor)
    scores = np.linspace(-5, 5, 201)
    clipped = np.clip(CurveTable([free.curve]).at(scores, 0), low, low * factor)
    assert CurveTable([held]).at(scores, 0) == pytest.approx(clipped, rel=1e-9)
