import numpy as np
import pytest

from agentsim_env.scenario.cluster import Cluster
from agentsim_env.workload import FAULT, Faults, draw_faults


def cluster(*instances):
    """The instances of a cluster."""
    return Cluster.model_validate(
        {"model": "Llama-3.1-8B", "instances": [{"gpu": "H100", **i} for i in instances]}
    ).instances


def test_fixed_failures_of_every_instance_of_a_group():
    failing = {"count": 2, "failures": [{"at_s": 5.0, "down_s": 2.0}, {"at_s": 20.0, "down_s": 1.0}]}
    faults = draw_faults(cluster({}, failing), 10.0, np.random.default_rng(0))
    assert faults.dtype == FAULT
    assert faults.tolist() == [(5.0, 1, 0), (5.0, 2, 0), (7.0, 1, 1), (7.0, 2, 1)]


def test_outages_that_touch_are_one():
    touching = {"failures": [{"at_s": 5.0, "down_s": 2.0}, {"at_s": 7.0, "down_s": 1.0}, {"at_s": 9.0, "down_s": 0.5}]}
    faults = draw_faults(cluster(touching), 10.0, np.random.default_rng(0))
    assert faults.tolist() == [(5.0, 0, 0), (8.0, 0, 1), (9.0, 0, 0), (9.5, 0, 1)]


def test_no_failures():
    assert len(draw_faults(cluster({"count": 3}), np.inf, np.random.default_rng(0))) == 0


def test_random_failures_have_their_means_and_alternate():
    faults = draw_faults(cluster({"mtbf_s": 100.0, "mttr_s": 10.0}), 500_000.0, np.random.default_rng(0))
    assert (np.diff(faults["time_s"]) >= 0).all()
    assert faults["up"].tolist() == [0, 1] * (len(faults) // 2)
    down_s, up_s = faults["time_s"][::2], faults["time_s"][1::2]
    assert (up_s - down_s).mean() == pytest.approx(10.0, rel=0.05)
    assert (down_s[1:] - up_s[:-1]).mean() == pytest.approx(100.0, rel=0.05)


def test_first_failure_counts_from_the_start_of_the_instance():
    late = cluster({"start_s": 1000.0, "mtbf_s": 1.0, "mttr_s": 1.0})
    assert draw_faults(late, 1010.0, np.random.default_rng(0))["time_s"].min() > 1000.0


def test_neither_horizon_nor_neighbours_change_an_instance():
    failing = {"mtbf_s": 50.0, "mttr_s": 5.0}
    short = draw_faults(cluster(failing), 500.0, np.random.default_rng(3))
    longer = draw_faults(cluster(failing, failing), 5000.0, np.random.default_rng(3))
    first = longer[longer["instance"] == 0]
    assert first[: len(short)].tolist() == short.tolist()


def test_faults_are_the_same_however_many_are_asked_for_at_once():
    failing = cluster({"count": 3, "mtbf_s": 50.0, "mttr_s": 5.0}, {"failures": [{"at_s": 70.0, "down_s": 900.0}]})
    whole = draw_faults(failing, 3000.0, np.random.default_rng(4))
    faults = Faults(failing, 3000.0, np.random.default_rng(4))
    parts = [faults.part(first, 7) for first in range(0, len(whole) + 7, 7)]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert faults.part(3, 4).tolist() == whole[3:7].tolist()
    assert len(faults.part(len(whole), 7)) == 0


def test_random_failures_need_a_horizon():
    with pytest.raises(ValueError, match="horizon_s"):
        draw_faults(cluster({"mtbf_s": 50.0, "mttr_s": 5.0}), np.inf, np.random.default_rng(0))
