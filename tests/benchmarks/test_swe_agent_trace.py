"""SWE-agent trajectories become programs whose prompts are those that were recorded."""

from benchmarks.swe_agent_trace import ANSWER_TOKENS, TOOL_S, programs_of


def test_prompts_are_those_of_the_trajectory() -> None:
    programs = programs_of([(2000, 2100, 3000), (1800,)])
    assert programs.turn["prompt_tokens"].tolist() == [2000, 2100, 3000, 1800]


def test_a_short_step_is_half_an_answer() -> None:
    programs = programs_of([(2000, 2100, 3000)])
    assert programs.turn["output_tokens"].tolist() == [50, ANSWER_TOKENS, ANSWER_TOKENS]
    assert programs.turn["new_tokens"].tolist() == [2000, 50, 900 - ANSWER_TOKENS]


def test_tools_take_the_pace_of_the_replay() -> None:
    assert set(programs_of([(2000, 2100, 3000)]).edge["gap_s"]) == {TOOL_S}
