"""The figures at the end of an episode are those of the summary."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from agentsim_env.engine.core.decisions import REJECT
from agentsim_env.envs.admission import AdmissionEnv
from agentsim_env.envs.episode import episode_metrics
from agentsim_env.envs.joint import JointEnv
from agentsim_env.envs.routing import RoutingEnv
from tests.small import PLAIN, SMALL, play, small

ITS_OWN = {
    "seed",
    "simulated_s",
    "programs_ended",
    "refused_actions",
    "reward_scale",
    "action_mask",
    "time_s",
    "elapsed_s",
}
"""What an info has besides figures of the summary."""


def rejecting(env: Any, seed: int) -> tuple[float, dict[str, Any]]:
    """Return and last info of an agent that rejects whom it may."""
    env.reset(seed=seed)
    total, over, info = 0.0, False, {}
    while not over:
        _, reward, terminated, truncated, info = env.step(REJECT)
        total += reward
        over = terminated or truncated
    return total, info


@pytest.mark.parametrize("name", SMALL)
def test_figures_are_those_of_the_summary(name: str) -> None:
    """Bit for bit, whether the episode is terminated or truncated."""
    env = RoutingEnv(small(name), **PLAIN)
    _, info = play(env, seed=0)
    summary = env.simulator.summary()
    figures = {figure: value for figure, value in info.items() if figure not in ITS_OWN}
    assert figures == {figure: summary[figure] for figure in figures}
    assert figures.keys() >= {"programs_done", "programs_rejected", "programs_failed", "programs_unfinished"}
    if summary["programs_done"]:
        assert figures.keys() >= {"mean_jct_s", "p95_jct_s", "mean_gap_s", "mean_ttft_s", "hit_rate", "mean_cost_s"}
    assert info["seed"] == 0.0
    assert info["simulated_s"] == info["time_s"] == env.simulator.now
    states = env.simulator.records().counted_programs["state"]
    assert info["programs_ended"] == np.isin(states, ("done", "failed", "rejected")).sum()


@pytest.mark.parametrize("name", SMALL)
def test_in_the_middle_they_are_those_of_the_summary_too(name: str) -> None:
    env = RoutingEnv(small(name), **PLAIN)
    env.reset(seed=0)
    for _ in range(40):
        env.step(0)
    summary = env.simulator.summary()
    figures = episode_metrics(env.simulator)
    assert {figure: summary[figure] for figure in figures if figure in summary} == {
        figure: value for figure, value in figures.items() if figure not in ITS_OWN
    }


@pytest.mark.parametrize("make", [AdmissionEnv, partial(JointEnv, kinds=("admit_program",))])
def test_rejecting_everybody_is_not_shown_as_fast(make: Any) -> None:
    env = make(small("equal"), **PLAIN)
    total, info = rejecting(env, seed=0)
    assert info["programs_rejected"] == info["programs"] == 10.0
    assert info["programs_done"] == 0.0
    assert info["unserved_share"] == 1.0
    assert not {"mean_jct_s", "p95_jct_s", "mean_gap_s", "mean_ttft_s", "hit_rate"} & info.keys()
    assert info["mean_cost_s"] == pytest.approx(-total * env.scenario.reward.unit_s)
    assert info["mean_cost_s"] >= env.scenario.reward.reject_penalty_s
    assert {"mean_jct_s", "mean_ttft_s"}.isdisjoint(env.simulator.summary())


def test_rejecting_improves_no_figure_of_all_programs() -> None:
    """With fewer programs in it the cluster is faster for the others; the cost says what that was worth."""
    rejects, admits = AdmissionEnv(small("tight"), **PLAIN), AdmissionEnv(small("tight"), **PLAIN)
    rng = np.random.default_rng(0)
    infos = []
    for env, share in ((rejects, 0.5), (admits, 0.0)):
        env.reset(seed=0)
        over, info = False, {}
        while not over:
            _, _, over, _, info = env.step(REJECT if rng.random() < share else 0)
        infos.append(info)
    some, nobody = infos
    assert some["unserved_share"] > nobody["unserved_share"]
    assert some["mean_cost_s"] > nobody["mean_cost_s"]


@pytest.mark.parametrize("name", ["equal", "tight", "faulty", "graphs", "apart"])
@pytest.mark.parametrize("count_gaps", [False, True])
def test_the_cost_is_minus_the_return(name: str, count_gaps: bool) -> None:
    env = RoutingEnv(small(name, {"reward.count_gaps": count_gaps}), **PLAIN)
    rewards, info = play(env, seed=1)
    assert info["programs_unfinished"] == 0.0
    assert info["mean_cost_s"] == pytest.approx(-sum(rewards) * env.scenario.reward.unit_s, abs=1e-6)


def test_failed_and_rejected_programs_are_counted_apart() -> None:
    env = RoutingEnv(small("tight"), **PLAIN)
    _, info = play(env, seed=0)
    programs = env.simulator.records().counted_programs
    assert info["programs_failed"] == (programs["state"] == "failed").sum() > 0
    assert info["programs_rejected"] == 0.0
    assert info["unserved_share"] == info["programs_failed"] / len(programs)
    assert info["programs_ended"] == len(programs)


def test_figures_without_a_sample_are_left_out() -> None:
    env = RoutingEnv(small("equal", {"episode.time_limit_s": 1.0}), **PLAIN)
    _, info = play(env, seed=0)
    assert info["programs_ended"] == 0.0
    assert info["programs_unfinished"] == info["programs"]
    assert not {"mean_jct_s", "p95_jct_s", "mean_gap_s", "unserved_share", "mean_cost_s"} & info.keys()
