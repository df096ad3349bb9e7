"""The figures at the end of an episode are those of the summary."""

import pytest

from envs.routing import RoutingEnv
from tests.small import play, small

SAME = {
    "mean_jct_s": "mean_jct_s",
    "p95_jct_s": "p95_jct_s",
    "mean_gap_s": "mean_gap_s",
    "mean_ttft_s": "mean_ttft_s",
    "hit_rate": "hit_rate",
    "preemptions": "preemptions",
    "programs_ended": "programs_done",
}
"""Figure of an episode and of the summary."""


@pytest.mark.parametrize("name", ["equal", "faulty", "graphs", "cut"])
def test_figures_agree_with_the_summary(name: str) -> None:
    env = RoutingEnv(small(name))
    _, info = play(env, seed=0)
    summary = env.simulator.summary()
    for figure, same in SAME.items():
        assert info[figure] == pytest.approx(summary[same], rel=1e-12), figure
    assert info["seed"] == 0.0
    assert info["simulated_s"] == env.simulator.now


def test_failures_are_counted() -> None:
    env = RoutingEnv(small("tight"))
    _, info = play(env, seed=0)
    programs = env.simulator.records().counted_programs
    assert info["programs_failed"] == (programs["state"] == "failed").sum() > 0
    assert info["programs_ended"] == len(programs)


def test_figures_without_a_sample_are_left_out() -> None:
    env = RoutingEnv(small("equal", {"episode.time_limit_s": 1.0}))
    _, info = play(env, seed=0)
    assert info["programs_ended"] == 0.0
    assert not {"mean_jct_s", "p95_jct_s", "mean_gap_s"} & info.keys()
