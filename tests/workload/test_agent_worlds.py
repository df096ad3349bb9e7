"""Simulated worlds: how many agents call, what they say beforehand, and how that goes wrong."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agentsim_env.workload import arrivals
from agentsim_env.workload.families import FAMILIES
from agentsim_env.workload.families.call_plan import CallPlan, with_emergencies, with_noise
from agentsim_env.workload.families.workflow import steps_to_execution
from agentsim_env.workload.families.world_diffusion import hops_from, random_friends
from agentsim_env.workload.families.world_independent import draw_steps
from agentsim_env.workload.programs import Programs
from tests.workload.sources import entry, source

WORLDS = ("world_independent", "world_interacting", "world_diffusion")
TOGETHER = partial(arrivals.closed_loop, users=10_000, think_time_s=0.0)


def drawn(family: str, n: int = 400, seed: int = 1, **params: Any) -> Programs:
    return source(entry(family, params), n=n, times=TOGETHER).draw(seed)


def calls_of(programs: Programs) -> list[np.ndarray]:
    """Steps of the calls of each agent."""
    return np.split(programs.turn["step"], programs.program["first_turn"][1:])


def next_calls(programs: Programs) -> np.ndarray:
    """Step of the call that comes next after each report is made; -1 for none."""
    calls = calls_of(programs)
    found = []
    for _, owner, step, _ in programs.report.tolist():
        later = calls[owner][calls[owner] >= step]
        found.append(later[0] if len(later) else -1)
    return np.array(found)


@pytest.mark.parametrize("family", WORLDS)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_so_many_agents_call_in_a_step(family: str, share: float) -> None:
    programs = drawn(family, steps=80, active_share=share)
    assert len(programs.turn) / 400 / 80 == pytest.approx(share, rel=0.12)


@pytest.mark.parametrize("family", [*WORLDS, "workflow"])
def test_every_agent_calls_once_in_a_step_at_most_and_behind_its_own_prefix(family: str) -> None:
    programs = drawn(family, system_tokens=160, prefix_tokens=800)
    assert all((np.diff(steps) > 0).all() for steps in calls_of(programs))
    leaf = programs.turn["segment"]
    assert len(np.unique(leaf)) == len(leaf)  # what a call brings is nobody else's
    persona = programs.segment["parent"][leaf]
    first = persona[programs.program["first_turn"]]
    assert np.array_equal(persona, np.repeat(first, programs.program["n_turns"]))
    assert len(np.unique(first)) == 400
    assert (programs.segment["start_block"][first] == 10).all()
    assert (programs.segment["n_blocks"][first] == 50).all()
    assert len(np.unique(programs.segment["parent"][first])) == 1


@pytest.mark.parametrize("family", WORLDS)
def test_prompts_are_a_prefix_and_something_fresh(family: str) -> None:
    turn = drawn(family).turn
    fresh = turn["prompt_tokens"] - 4096
    assert fresh.mean() == pytest.approx(640, rel=0.1)
    assert turn["output_tokens"].mean() == pytest.approx(22, rel=0.1)
    again = np.diff(turn["program"], prepend=-1) == 0
    assert (turn["new_tokens"][again] == fresh[again]).all()
    assert (turn["new_tokens"][~again] == turn["prompt_tokens"][~again]).all()


@pytest.mark.parametrize("family", ["world_independent", "workflow"])
def test_where_nothing_interferes_reports_are_right(family: str) -> None:
    programs = drawn(family)
    coming = next_calls(programs)
    known = coming >= 0
    assert known.mean() > 0.8  # the others are beyond the last step
    assert (programs.report["announced"][known] == coming[known]).all()


@pytest.mark.parametrize("family", WORLDS)
def test_the_last_report_before_a_call_is_right(family: str) -> None:
    """Whoever changes his mind says so, at once or when the next step begins."""
    programs = drawn(family)
    said: dict[int, float] = {}
    reports = sorted(programs.report.tolist(), key=lambda row: row[2])
    calls = sorted(zip(programs.turn["step"].tolist(), programs.turn["program"].tolist(), strict=True))
    right, at = 0, 0
    for step, agent in calls:
        while at < len(reports) and reports[at][2] <= step:
            said[reports[at][1]] = reports[at][0]
            at += 1
        right += said.get(agent) == step
    assert right / len(calls) > 0.98  # but for agents that call once, unannounced, because they would not at all


def test_agents_that_meet_change_what_they_have_said() -> None:
    programs = drawn("world_interacting")
    coming = next_calls(programs)
    known = coming >= 0
    earlier = (coming < programs.report["announced"])[known].mean()
    later = (coming > programs.report["announced"])[known].mean()
    assert earlier > 0.01
    assert later > 0.05
    assert 1.15 < len(programs.report) / len(programs.turn) < 2.0


def test_news_reaches_friends_hop_by_hop() -> None:
    first, friend = np.array([0, 1, 3, 5, 6, 6]), np.array([1, 0, 2, 1, 3, 2])
    assert hops_from(0, first, friend).tolist() == [0.0, 1.0, 2.0, 3.0, np.inf]
    assert hops_from(3, first, friend).tolist() == [3.0, 2.0, 1.0, 0.0, np.inf]
    first, friend = random_friends(500, 6, np.random.default_rng(0))
    assert len(friend) == 3000
    pairs = set(zip(np.repeat(np.arange(500), np.diff(first)).tolist(), friend.tolist(), strict=True))
    assert pairs == {(other, one) for one, other in pairs}


def test_steps_to_execution_with_and_and_or() -> None:
    """3 waits for 1 and 2, which are one and two steps deep; 4 for the first of 0 and 3."""
    parents = [[], [0], [1], [1, 2], [0, 3]]
    assert steps_to_execution(parents, ()) == [0, 1, 2, 3, 4]
    assert steps_to_execution(parents, (4,)) == [0, 1, 2, 3, 1]
    assert steps_to_execution(parents, (3, 4)) == [0, 1, 2, 2, 1]


def test_a_workflow_runs_its_agents_in_turn_again_and_again() -> None:
    programs = drawn("workflow", n=25, steps=20)
    assert programs.step_s == (0.0, 0.0, 0.0)
    assert programs.program["society"].tolist() == [0] * 10 + [1] * 10 + [2] * 5
    assert [steps.tolist() for steps in calls_of(programs)[9:13]] == [[9, 19], [0, 10], [1, 11], [2, 12]]
    assert set(programs.turn["prompt_tokens"].tolist()) == {8224}
    branching = drawn("workflow", n=4, steps=6, society_size=4, edges=[[0, 1], [0, 2], [1, 3], [2, 3]])
    assert [steps.tolist() for steps in calls_of(branching)] == [[0, 3], [1, 4], [1, 4], [2, 5]]


def test_actions_take_a_step_at_least_and_so_many_on_average() -> None:
    lengths = draw_steps(5.0, 1.0, 100_000, np.random.default_rng(0))
    assert lengths.min() == 1
    assert lengths.mean() == pytest.approx(5.0, rel=0.02)
    assert (draw_steps(1.0, 1.0, 10, np.random.default_rng(0)) == 1).all()


def test_agents_may_go_on_by_themselves() -> None:
    programs = drawn("world_independent", mode="asynchronous", step_s=2.0)
    assert programs.step_s == ()
    assert (programs.turn["step"] == -1).all()
    assert (programs.program["society"] == -1).all()
    assert [tool.name for tool in programs.tools] == ["action"]
    assert programs.edge["gap_s"].mean() == pytest.approx(10.0, rel=0.1)
    assert (programs.edge["gap_s"] % 2.0 == 0.0).all()
    gap_s = dict(zip(np.flatnonzero(programs.turn["n_edges"]).tolist(), programs.edge["gap_s"].tolist(), strict=True))
    known = [(said, gap_s[turn]) for said, _, _, turn in programs.report.tolist() if turn in gap_s]
    assert len(known) > 0.95 * len(gap_s)
    assert all(said == told for said, told in known)


@pytest.mark.parametrize(("given", "expected"), [("none", 0), ("own", 400), (7, 7)])
def test_adapters(given: object, expected: int) -> None:
    adapter = drawn("world_independent", adapters=given).program["adapter"]
    assert len(np.unique(adapter[adapter >= 0])) == expected
    assert adapter.max() == expected - 1


def test_worlds_of_one_mix_share_neither_steps_nor_adapters() -> None:
    entries = [entry("world_diffusion", {"adapters": "own", "step_s": 0.5}), entry("tool_chat"), entry("workflow")]
    programs = source(*entries, n=300, times=TOGETHER).draw(0)
    family = np.array(programs.families)[programs.program["family"]]
    society = programs.program["society"]
    assert set(society[family == "world_diffusion"]) == {0}
    assert set(society[family == "tool_chat"]) == {-1}
    assert min(society[family == "workflow"]) == 1
    assert programs.step_s[0] == 0.5
    adapters = programs.program["adapter"]
    assert len(set(adapters[family == "world_diffusion"])) == (family == "world_diffusion").sum()
    assert (adapters[family != "world_diffusion"] == -1).all()
    reporter = family[programs.report["program"]]
    assert set(reporter) == {"world_diffusion", "workflow"}
    assert (programs.turn["step"][family[programs.turn["program"]] == "tool_chat"] == -1).all()


# What goes wrong.


def plan() -> CallPlan:
    """Two thousand agents that call in steps 0, 10, 20 and so on, and say so in the step after."""
    agent, step = np.repeat(np.arange(2000), 10), np.tile(np.arange(10) * 10, 2000)
    return CallPlan(agent, step, agent, step + 1, step + 10.0)


class Noise:
    hint_error, hint_wrong_order, hint_missing = 0.0, 0.0, 0.0
    hint_horizon: int | None = None
    steps = 100

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)


def noisy(**given: Any) -> CallPlan:
    return with_noise(plan(), Noise(**given), np.zeros(2000, int), np.random.default_rng(0))


def test_errors_are_log_normal_factors() -> None:
    wrong = noisy(hint_error=0.5)
    ratio = np.log((wrong.announced - wrong.report_step) / 9.0)
    assert np.median(ratio) == pytest.approx(0.0, abs=0.03)
    assert ratio.std() == pytest.approx(0.5, rel=0.06)
    assert np.array_equal(wrong.announced, np.rint(wrong.announced))


def test_wrong_order_exchanges_reports_of_one_step() -> None:
    made = plan()._replace(announced=plan().report_step + 1.0 + np.arange(20_000) % 997)
    wrong = with_noise(made, Noise(hint_wrong_order=0.3), np.zeros(2000, int), np.random.default_rng(0))
    changed = wrong.announced != made.announced
    assert changed.mean() == pytest.approx(0.3, abs=0.02)
    for step in np.unique(made.report_step):
        there = made.report_step == step
        assert sorted(wrong.announced[there]) == sorted(made.announced[there])


def test_reports_that_are_missing() -> None:
    assert len(noisy(hint_missing=0.25).report_agent) == pytest.approx(0.75 * 20_000, rel=0.02)


def test_only_near_calls_are_reported() -> None:
    near = noisy(hint_horizon=4)
    assert set((near.announced - near.report_step).tolist()) == {3.0}
    assert len(near.report_agent) == 20_000
    assert len(noisy(hint_horizon=4, steps=97).report_agent) == 2000 * 9  # that of step 100 would come in step 97
    assert len(noisy(hint_horizon=100).report_agent) == 20_000


def test_emergencies_come_before_their_time_and_what_was_said_stands() -> None:
    hurried = with_emergencies(plan(), 0.3, np.random.default_rng(0))
    moved = hurried.step % 10 != 0
    assert moved.mean() == pytest.approx(0.3 * 0.9, abs=0.02)  # a call in step 0 cannot come earlier
    assert len(hurried.step) == 20_000
    assert all((np.diff(part) > 0).all() for part in np.split(hurried.step, 2000))
    # After an emergency the agent says in the next step what it would have said later.
    key = set(zip(hurried.report_agent.tolist(), hurried.report_step.tolist(), strict=True))
    assert all((agent, step + 1) in key for agent, step in zip(hurried.agent, hurried.step, strict=True))
    assert set((hurried.announced % 10).tolist()) == {0.0}


@pytest.mark.parametrize("family", [*WORLDS, "workflow"])
def test_noise_leaves_the_calls_as_they_are(family: str) -> None:
    noise: Mapping[str, Any] = {"hint_error": 1.0, "hint_wrong_order": 0.5, "hint_missing": 0.2, "hint_horizon": 5}
    quiet, loud = drawn(family), drawn(family, **noise)
    assert np.array_equal(quiet.turn, loud.turn)
    assert len(quiet.report) != len(loud.report)


@pytest.mark.parametrize(
    ("family", "given", "reason"),
    [
        ("world_independent", {"mode": "asynchronous"}, "step_s.*\n.*must be above 0"),
        ("world_independent", {"steps": 20_000_000}, "steps.*\n.*at most 10,000,000"),
        ("world_independent", {"context_limit_tokens": 2}, "context_limit_tokens.*\n.*must be at least 3"),
        ("world_independent", {"active_share": 0.0}, "greater than 0"),
        ("world_independent", {"adapters": "some"}, "adapters"),
        ("workflow", {"society_size": None}, "must be given"),
        ("workflow", {"edges": [[1, 1]]}, "must lead from an agent to a later one"),
        ("workflow", {"edges": [[1, 10]]}, "must lead from an agent to a later one, of 10"),
        ("workflow", {"or_joins": [10]}, "must be an agent, of 10"),
    ],
)
def test_what_cannot_be_is_refused(family: str, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        FAMILIES[family].params.model_validate(given)
