"""Families against what was measured: each number that is quoted as a source, and how near 20,000 programs come."""

from functools import cache

import numpy as np
import pytest

from tests.workload.sources import defaults, entry, source

PROGRAMS = 20_000
WITHIN = 0.05


@cache
def columns(family):
    """What the measured statistics are about, drawn once a family."""
    programs = source(entry(family), n=PROGRAMS).draw(11)
    turn, edge, program = programs.turn, programs.edge, programs.program
    first = program["first_turn"]
    is_first = np.zeros(len(turn), bool)
    is_first[first] = True
    tools = np.array([tool.name for tool in programs.tools])
    by_tool = tools[edge["tool"]]
    base = defaults(family).forest.end_tokens[-1]
    return {
        "turns": program["n_turns"],
        "new": turn["new_tokens"][~is_first],
        "first": turn["prompt_tokens"][first],
        "own_first": turn["prompt_tokens"][first] - base,
        "output": turn["output_tokens"],
        "gap": edge["gap_s"],
        "tool_gap": edge["gap_s"][by_tool != "user"],
        **{f"gap_{name}": edge["gap_s"][by_tool == name] for name in tools},
        **{f"share_{name}": by_tool == name for name in tools},
        **{f"new_after_{name}": turn["new_tokens"][edge["target"][by_tool == name]] for name in tools},
    }


def check(family, column, statistic, measured, within=WITHIN):
    values = columns(family)[column]
    drawn = values.mean() if statistic == "mean" else np.percentile(values, statistic)
    assert drawn == pytest.approx(measured, rel=within)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 17.5, 0.06),
        ("turns", 50, 16, WITHIN),
        ("turns", 95, 37, WITHIN),
        ("first", 50, 16_500, WITHIN),
        ("new", "mean", 1_492, WITHIN),
        ("new", 50, 437, WITHIN),
        ("new", 95, 5_748, WITHIN),
        ("output", "mean", 120, WITHIN),
        ("gap", 50, 0.09, 0.15),  # measured 0.06-0.12
        ("gap", 75, 1.0, 0.12),
        ("gap", 95, 5.0, 0.15),
        ("gap", 99, 96.5, 0.25),  # measured 73-120
        ("gap", "mean", 3.25, WITHIN),  # all calls of AgentCgroup's report
        ("share_search", "mean", 0.387, WITHIN),
        ("gap_search", "mean", 0.313, WITHIN),
        ("gap_edit", "mean", 0.0508, WITHIN),
        ("gap_web", "mean", 9.80, WITHIN),
        ("gap_subagent", "mean", 100.5, WITHIN),
    ],
)
def test_coding_agent(column, statistic, measured, within):
    check("coding_agent", column, statistic, measured, within)


def test_coding_agent_shell_and_test_make_up_the_mean_of_bash():
    both = np.concatenate([columns("coding_agent")["gap_shell"], columns("coding_agent")["gap_test"]])
    assert both.mean() == pytest.approx(3.76, rel=WITHIN)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 51, WITHIN),
        ("turns", 50, np.exp(3.75), WITHIN),
        ("first", 50, 13_400, WITHIN),
        ("new_after_file", 50, 409, WITHIN),
        ("new_after_file", 95, 2_388, 0.06),
        ("output", 50, np.exp(5.09), WITHIN),
        ("gap_file", 50, np.exp(-3.80), WITHIN),
        ("gap_shell", 50, np.exp(1.83), WITHIN),
        ("share_file", "mean", 0.62, WITHIN),
    ],
)
def test_swe_agent(column, statistic, measured, within):
    check("swe_agent", column, statistic, measured, within)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 65.8, WITHIN),
        ("turns", 50, 44, WITHIN),
        ("turns", 95, 208, WITHIN),
        ("new", "mean", 3_128, WITHIN),
        ("output", "mean", 439, WITHIN),
        ("output", 50, 217, WITHIN),
        ("output", 95, 1_528, WITHIN),
        ("tool_gap", 50, 9, WITHIN),
        ("tool_gap", 75, 20, WITHIN),
        ("tool_gap", 95, 164, WITHIN),
        ("tool_gap", 99, 907, WITHIN),
        ("gap_user", 50, 122, WITHIN),
        ("gap_user", 75, 391, WITHIN),
        ("gap_user", 95, 3_012, WITHIN),
        ("share_user", "mean", 0.155, WITHIN),
    ],
)
def test_claude_code(column, statistic, measured, within):
    check("claude_code", column, statistic, measured, within)


def test_claude_code_starts_fresh_or_resumed():
    first = columns("claude_code")["first"]
    fresh = first < 40_000
    assert fresh.mean() == pytest.approx(0.558, abs=0.03)
    assert np.median(first[first < 30_000]) == pytest.approx(19_000, rel=0.06)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 12.3, WITHIN),
        ("turns", 50, 11, WITHIN),
        ("turns", 95, 23, WITHIN),
        ("new_after_api", "mean", 160, WITHIN),
        ("new_after_api", 50, 167, WITHIN),
        ("new_after_api", 95, 313, WITHIN),
        ("new_after_user", "mean", 25, WITHIN),
        ("new_after_user", 95, 47, WITHIN),
        ("output", "mean", 62, WITHIN),
        ("output", 50, 51, WITHIN),
        ("output", 95, 153, WITHIN),
        ("share_api", "mean", 5.8 / 12.3, WITHIN),
    ],
)
def test_tool_chat(column, statistic, measured, within):
    check("tool_chat", column, statistic, measured, within)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 1.48, WITHIN),
        ("first", "mean", 11_240, WITHIN),
        ("first", 50, 5_925, WITHIN),
        ("first", 95, 37_930, WITHIN),
        ("new", "mean", 1_300, 0.08),
        ("output", "mean", 343, WITHIN),
        ("output", 50, 350, WITHIN),
        ("output", 95, 698, WITHIN),
        ("gap", "mean", 213, WITHIN),
        ("gap", 50, 123, WITHIN),
        ("gap", 95, 606, WITHIN),
    ],
)
def test_chat(column, statistic, measured, within):
    check("chat", column, statistic, measured, within)


def test_chat_sessions_of_several_turns():
    turns = columns("chat")["turns"]
    assert (turns == 1).mean() == pytest.approx(0.756, abs=0.01)
    assert turns[turns > 1].mean() == pytest.approx(2.97, rel=WITHIN)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", "mean", 4, WITHIN),
        ("new", "mean", 50, WITHIN),
        ("output", "mean", 300, WITHIN),
        ("gap", "mean", 45, WITHIN),
        ("own_first", "mean", 4_000, WITHIN),
    ],
)
def test_interactive_chat(column, statistic, measured, within):
    check("interactive_chat", column, statistic, measured, within)


@pytest.mark.parametrize(
    ("column", "statistic", "measured", "within"),
    [
        ("turns", 5, 20, WITHIN),
        ("turns", 95, 60, WITHIN),
        ("new", 5, 2_000, WITHIN),
        ("output", 5, 300, WITHIN),
        ("gap", 25, 2.2, WITHIN),
        ("gap", 50, 5.8, WITHIN),
        ("gap", 90, 62, WITHIN),
        ("gap", 99, 260, WITHIN),
    ],
)
def test_deep_research(column, statistic, measured, within):
    check("deep_research", column, statistic, measured, within)


def test_deep_research_ends_with_a_report():
    programs = source(entry("deep_research"), n=2_000).draw(5)
    last = programs.program["first_turn"] + programs.program["n_turns"] - 1
    reports = programs.turn["output_tokens"][last]
    assert np.percentile(reports, [5, 95]) == pytest.approx([3_000, 8_000], rel=0.1)


def test_subagents_fan_out_as_measured():
    params = defaults("subagents")
    programs = source(entry("subagents"), n=5_000).draw(2)
    forks = programs.turn["n_edges"][programs.turn["n_edges"] > 0]
    names = [tool.name for tool in programs.tools]
    spawns = (programs.edge["tool"] == names.index("spawn")).sum()
    fan_outs = programs.turn["n_parents"][programs.edge["target"][programs.edge["tool"] == names.index("join")]]
    n_fan_outs = (1 / fan_outs).sum()
    assert forks.max() == 3
    assert n_fan_outs / 5_000 == pytest.approx(38 / 17, rel=WITHIN)
    assert spawns / n_fan_outs == pytest.approx(63 / 38, rel=WITHIN)
    roots = programs.segment[len(params.forest.parents) :]["start_block"]
    is_sub = (roots == 8_723 // 16)[programs.turn["segment"] - len(params.forest.parents)]
    assert is_sub.sum() / spawns == pytest.approx(10.7, rel=WITHIN)
    assert np.median(programs.turn["output_tokens"][is_sub]) == pytest.approx(235, rel=WITHIN)


@pytest.mark.parametrize(
    ("family", "column", "low", "mean", "high"),
    [
        ("react", "first", 2_500, 3_000, 3_500),  # a range without a mean
        ("react", "new", 30, 56, 127),
        ("react", "output", 27, 38, 99),
        ("plan_and_execute", "first", 2_500, 3_000, 3_500),
        ("plan_and_execute", "new", 125, 251, 421),
        ("plan_and_execute", "output", 41, 58, 125),
    ],
)
def test_agents_on_one_gpu_have_the_sizes_of_the_table(family, column, low, mean, high):
    values = columns(family)[column]
    assert low <= values.min() <= 1.05 * low
    assert 0.95 * high <= values.max() <= high
    assert values.mean() == pytest.approx(mean, rel=0.02)
    assert np.isin(values, (low, high)).mean() < 0.08


@pytest.mark.parametrize("family", ["react", "plan_and_execute"])
def test_agents_on_one_gpu_call_a_tool_two_to_four_times(family):
    assert sorted(set(columns(family)["turns"])) == [3, 4, 5]
    assert (columns(family)["gap"] == 0.2).all()


def test_agents_on_one_gpu_share_only_the_system_prompt():
    programs = source(entry("react"), n=20).draw(0)
    roots = programs.segment[programs.segment["parent"] < 0]
    assert roots["n_blocks"].tolist() == [120 // 16]
