from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim_env.workload import ChainTurn, InvalidProgramsError, ProgramBuilder, Tool, validate


def test_chain():
    builder = ProgramBuilder(tools=[Tool("shell", concurrency=2)])
    system = builder.add_segment(4)
    program = builder.add_program(arrival_s=1.0, family="mine", tenant="me")
    builder.add_chain(program, [ChainTurn(10, 5, 0.5, "shell"), ChainTurn(3, 2, 1.5, "web"), ChainTurn(1, 1)], system)
    programs = builder.build()
    assert programs.turn["prompt_tokens"].tolist() == [74, 82, 85]
    assert programs.turn["new_tokens"].tolist() == [74, 3, 1]
    assert programs.segment.tolist() == [(-1, 0, 4), (0, 4, 2)]
    assert programs.edge[["gap_s", "target", "tool"]].tolist() == [(0.5, 1, 0), (1.5, 2, 1)]
    assert programs.tools == (Tool("shell", 2), Tool("web"))
    assert (programs.families, programs.tenants) == (("mine",), ("me",))


def test_programs_are_sorted_and_followers_renumbered():
    builder = ProgramBuilder()
    late, early = builder.add_program(5.0), builder.add_program(2.0)
    follower = builder.add_program(1.0, after=late)
    for program in (late, early, follower):
        builder.add_chain(program, [ChainTurn(10 + program, 1)])
    programs = builder.build()
    assert programs.program["arrival_s"].tolist() == [2.0, 5.0, 1.0]
    assert programs.program["after"].tolist() == [-1, -1, 1]
    assert programs.turn["prompt_tokens"].tolist() == [11, 10, 12]


def test_diamond_added_backwards():
    builder = ProgramBuilder()
    program = builder.add_program()
    segment = builder.add_segment(4)
    join, left, right, root = (
        builder.add_turn(program, segment, prompt_tokens=tokens, output_tokens=1) for tokens in (40, 30, 31, 20)
    )
    builder.add_edge(root, right, 1.0)
    builder.add_edge(left, join, 2.0)
    builder.add_edge(root, left, 3.0)
    builder.add_edge(right, join, 4.0)
    programs = builder.build()
    assert programs.turn["prompt_tokens"].tolist() == [20, 30, 31, 40]
    assert programs.turn["n_parents"].tolist() == [0, 1, 1, 2]
    assert programs.edge[["target", "gap_s"]].tolist() == [(2, 1.0), (1, 3.0), (3, 2.0), (3, 4.0)]


@st.composite
def dags(draw):
    """Programs with forward edges, and an order to add their turns in."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    edges = [
        draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=8)) for size in sizes
    ]
    forward = [[(a, b) for a, b in pairs if a < b] for pairs in edges]
    names = [(program, turn) for program, size in enumerate(sizes) for turn in range(size)]
    times = draw(st.lists(st.floats(0, 100), min_size=len(sizes), max_size=len(sizes)))
    return forward, draw(st.permutations(names)), times, draw(st.randoms(use_true_random=False))


@given(dags())
def test_any_order_of_adding_gives_a_valid_workload(dag):
    edges, order, times, random = dag
    builder = ProgramBuilder()
    segment = builder.add_segment(8)
    programs = [builder.add_program(time) for time in times]
    numbers = {
        (program, turn): builder.add_turn(programs[program], segment, prompt_tokens=1 + turn, output_tokens=program + 1)
        for program, turn in order
    }
    pairs = [(program, pair) for program, pairs in enumerate(edges) for pair in pairs]
    random.shuffle(pairs)
    for program, (a, b) in pairs:
        builder.add_edge(numbers[program, a], numbers[program, b], gap_s=float(a))
    built = builder.build()
    validate(built)
    assert sorted(built.program["arrival_s"].tolist()) == built.program["arrival_s"].tolist()
    sources = np.repeat(np.arange(len(built.turn)), built.turn["n_edges"])
    found = sorted(
        (built.turn["output_tokens"][s] - 1, built.turn["prompt_tokens"][s] - 1, built.turn["prompt_tokens"][t] - 1)
        for s, t in zip(sources, built.edge["target"], strict=True)
    )
    assert found == sorted((program, a, b) for program, (a, b) in pairs)


of_any_kind: Any = ProgramBuilder
NAN: Any = np.nan


def one_turn():
    builder = ProgramBuilder()
    program = builder.add_program()
    turn = builder.add_turn(program, builder.add_segment(2), prompt_tokens=20, output_tokens=12)
    return builder, program, turn


def test_empty_workload_is_valid():
    assert len(ProgramBuilder().build().program) == 0


def test_cycle_is_refused():
    builder, program, turn = one_turn()
    other = builder.add_turn(program, 0, prompt_tokens=10, output_tokens=1)
    builder.add_edge(turn, other)
    builder.add_edge(other, turn)
    with pytest.raises(InvalidProgramsError, match="program 0: its edges form a cycle"):
        builder.build()


def test_edge_to_another_program_is_refused():
    builder, _, turn = one_turn()
    other = builder.add_turn(builder.add_program(), 0, prompt_tokens=10, output_tokens=1)
    with pytest.raises(InvalidProgramsError, match="of another program"):
        builder.add_edge(turn, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.add_program(), "program 1: n_turns = 0"),
        (lambda b: b.add_program(-1.0), "program 0: arrival_s = -1"),
        (lambda b: b.add_segment(0), "segment 1: n_blocks = 0"),
        (lambda b: b.add_segment(1, parent=5), "segment 1: parent = 5"),
        (lambda b: b.add_turn(3, 0, prompt_tokens=1, output_tokens=1), "turn 1: program = 3"),
        (lambda b: b.add_turn(0, 0, prompt_tokens=30, output_tokens=3), "turn 1: segment 0 ends with block 2"),
        (lambda b: b.add_turn(0, 0, prompt_tokens=0, output_tokens=3), "turn 1: prompt_tokens = 0"),
        (lambda b: b.add_turn(0, 0, prompt_tokens=5, output_tokens=0), "turn 1: output_tokens = 0"),
        (lambda b: b.add_turn(0, 0, prompt_tokens=5, new_tokens=6, output_tokens=1), "turn 1: new_tokens = 6"),
        (lambda b: b.add_turn(0, 7, prompt_tokens=5, output_tokens=1), "turn 1: segment = 7"),
        (lambda b: b.add_edge(0, 4), "edge 0: turn = 4: there is none; 1 have been added"),
        (lambda b: b.add_chain(0, []), "at least one turn"),
        (lambda b: b.add_program("5"), "program 1: arrival_s = '5': must be a number"),
        (lambda b: b.add_program(deadline_s=None), "program 1: deadline_s = None: must be a number"),
        (lambda b: b.add_program(after=np.nan), "program 1: after = nan: must be a whole number"),
        (lambda b: b.add_program(after=10**10), "program 1: after = 10000000000: must be a whole number of at most"),
        (lambda b: b.add_program(family=["chat"]), r"program 1: family = \['chat'\]: must be a text"),
        (lambda b: b.add_segment(4, parent="0"), "segment 1: parent = '0': must be a whole number"),
        (lambda b: b.add_turn(None, 0, prompt_tokens=1, output_tokens=1), "turn 1: program = None: must be a whole"),
        (lambda b: b.add_edge(0, 0.5), "edge 0: turn = 0.5: must be a whole number"),
        (lambda b: b.add_edge(0, 0, tool=3), "edge 0: tool = 3: must be a text"),
        (lambda b: b.add_edge(0, 0, gap_s="1"), "edge 0: gap_s = '1': must be a number"),
        (lambda b: b.add_chain(0, 5), "turns = 5: must be a list of ChainTurn"),
        (lambda b: b.add_chain(0, [(10, 10)]), r"turns: entry 0 is \(10, 10\): must be a ChainTurn"),
        (
            lambda b: b.add_chain(0, [ChainTurn(10, 10), ChainTurn(NAN, 1)]),
            "turn 1: new_tokens = nan: must be a whole",
        ),
        (lambda b: of_any_kind(block_size="16"), "block_size = '16': must be a whole number"),
        (lambda b: of_any_kind(tools="shell"), "tools = 'shell': must be a list of Tool"),
        (lambda b: of_any_kind(tools=["shell"]), "tools: entry 0 is 'shell': must be a Tool"),
    ],
)
def test_what_breaks_a_promise_is_refused(change, message):
    builder, *_ = one_turn()
    with pytest.raises(InvalidProgramsError, match=message):
        change(builder)
        builder.build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.add_turn(0, 0, prompt_tokens=2**32 + 5, output_tokens=1), "turn 2: prompt_tokens = 4294967301"),
        (lambda b: b.add_turn(0, 0, prompt_tokens=1.5, output_tokens=1), "turn 2: prompt_tokens = 1.5"),
        (lambda b: b.add_segment(2**32), "segment 1: n_blocks = 4294967296"),
        (lambda b: b.add_edge(0, 1, failures=40_000), "edge 1: failures = 40000"),
    ],
)
def test_numbers_that_the_arrays_cannot_hold_are_refused(change, message):
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), [ChainTurn(10, 2), ChainTurn(3, 4)])
    with pytest.raises(InvalidProgramsError, match=message):
        change(builder)


def test_no_more_tools_than_their_numbers_have_room_for():
    builder, program, turn = one_turn()
    other = builder.add_turn(program, 0, prompt_tokens=10, output_tokens=1)
    for i in range(2**15):
        builder.add_edge(turn, other, tool=f"tool {i}")
    with pytest.raises(InvalidProgramsError, match="edge 32768: tool = 'one more': one too many, at most 32,768"):
        builder.add_edge(turn, other, tool="one more")


def test_a_tool_that_is_given_twice_is_one():
    builder = ProgramBuilder(tools=[Tool("shell"), Tool("shell", concurrency=2)])
    builder.add_chain(builder.add_program(), [ChainTurn(10, 5, 0.5, "shell"), ChainTurn(3, 2)])
    assert builder.build().tools == (Tool("shell", concurrency=2),)
