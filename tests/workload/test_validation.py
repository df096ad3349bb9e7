"""Every promise of `Programs`, broken once."""

import numpy as np
import pytest

from agentsim_env.workload import ProgramBuilder
from agentsim_env.workload.validation import InvalidProgramsError, validate
from tests.workload.sources import entry, source


def broken(array, field, index, value):
    def change(programs):
        getattr(programs, array)[field][index] = value
        return programs

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken("segment", "parent", 0, 0), "segment 0: parent = 0"),
        (broken("segment", "n_blocks", -1, 0), "n_blocks = 0"),
        (broken("segment", "start_block", -1, 1), "start_block = 1: must be"),
        (broken("program", "arrival_s", 0, np.nan), "program 0: arrival_s = nan"),
        (broken("program", "arrival_s", 0, 1e9), "program 1: arrival_s = .* must be in order"),
        (broken("program", "deadline_s", 2, np.nan), "program 2: deadline_s"),
        (broken("program", "after", 2, 99_999), "program 2: after = 99999"),
        (broken("program", "after", 2, 2), "program 2: after = 2: waits for itself"),
        (broken("program", "family", 2, 7), "program 2: family = 7"),
        (broken("program", "tenant", 2, -1), "program 2: tenant = -1"),
        (broken("program", "first_turn", 2, 0), "program 2: first_turn = 0"),
        (broken("program", "n_turns", 0, 0), "program 0: n_turns = 0"),
        (broken("turn", "program", 0, 1), "turn 0: program = 1"),
        (broken("turn", "segment", 0, -1), "turn 0: segment = -1"),
        (broken("turn", "prompt_tokens", 0, 0), "turn 0: prompt_tokens = 0"),
        (broken("turn", "new_tokens", 1, -1), "turn 1: new_tokens = -1"),
        (broken("turn", "output_tokens", 1, 0), "turn 1: output_tokens = 0"),
        (broken("turn", "output_tokens", 1, 10**6), "turn 1: segment .* ends with block"),
        (broken("turn", "first_edge", 1, 0), "turn 1: first_edge = 0"),
        (broken("turn", "n_edges", 0, -1), "turn 0: n_edges = -1"),
        (broken("turn", "n_parents", 1, 2), "turn 1: n_parents = 2: 1 edges"),
        (broken("edge", "target", 0, -1), "edge 0: target = -1: no such turn"),
        (broken("edge", "target", 0, 0), "edge 0: target = 0: must come after turn 0"),
        (broken("edge", "gap_s", 3, np.inf), "edge 3: gap_s = inf"),
        (broken("edge", "tool", 3, 77), "edge 3: tool = 77"),
        (broken("edge", "failures", 3, -1), "edge 3: failures = -1"),
        (broken("program", "arrival_s", 0, -1.0), "program 0: arrival_s = -1"),
        (broken("program", "arrival_s", -1, 1e300), "program 19: arrival_s = 1e\\+300: .* at most 1e\\+09 s"),
        (broken("program", "after", 2, -2), "program 2: after = -2"),
        (broken("program", "n_turns", 0, -5), "program 0: n_turns = -5"),
        (broken("program", "n_turns", 0, 2**31 - 1), "program 1: first_turn"),
        (broken("segment", "n_blocks", -1, 2**31 - 1), "ends with block .*: must be at most 2,147,483,647"),
        (broken("turn", "segment", 0, 2**31 - 1), "turn 0: segment = 2147483647"),
        (broken("turn", "output_tokens", 1, -800), "turn 1: output_tokens = -800"),
        (broken("turn", "output_tokens", 0, 2**31 - 1), "prompt_tokens \\+ output_tokens = .* at most 2,147,483,647"),
        (broken("turn", "n_edges", 0, 2), "turn 1: first_edge"),
        (broken("edge", "target", 0, 2**31 - 1), "edge 0: target = 2147483647: no such turn"),
        (broken("edge", "target", -1, 1), "edge .*: target = 1: must come after"),
        (broken("edge", "gap_s", 3, np.nan), "edge 3: gap_s = nan"),
        (broken("edge", "gap_s", 3, -1e-9), "edge 3: gap_s = -1e-09"),
        (broken("edge", "gap_s", 3, 1e10), "edge 3: gap_s = 10000000000.0: .* at most 1e\\+09 s"),
        (broken("edge", "tool", 3, -1), "edge 3: tool = -1: there are"),
        (broken("edge", "failures", 3, 2_000), "edge 3: failures = 2000: must be in 0 .. 1000"),
        (lambda programs: programs._replace(block_size=0), "block_size = 0"),
        (lambda programs: programs._replace(block_size=16.0), "block_size = 16.0: must be a whole number"),
        (lambda programs: programs._replace(edge=programs.edge[::-1]), "edge: must lie in one piece"),
        (lambda programs: programs._replace(turn=programs.turn.reshape(1, -1)), "turn: must be a one-dimensional"),
        (lambda programs: programs._replace(turn=programs.turn.tolist()), "turn: must be a one-dimensional array"),
        (lambda programs: tuple(programs), "programs: must be a Programs, .* not tuple"),
        (lambda programs: None, "programs: must be a Programs, .* not NoneType"),
        (lambda programs: programs._replace(edge=programs.edge[:-1]), "turns have .* edges"),
        (lambda programs: programs._replace(turn=programs.turn[:-1]), "programs have .* turns"),
        (lambda programs: programs._replace(turn=programs.edge), "turn: must be a one-dimensional array"),
        (lambda programs: programs._replace(tools=(programs.tools[0]._replace(backoff_s=-1.0),)), "tool 0"),
        (lambda programs: programs._replace(tools=(programs.tools[0]._replace(name=None),)), "tool 0: name = None"),
        (lambda programs: programs._replace(turn=np.ma.array(programs.turn)), "turn: must be an array without a mask"),
        (lambda programs: programs._replace(tools=("search",)), "tools: entry 0 is 'search': must be a Tool"),
        (lambda programs: programs._replace(families=("chat", None)), "families: entry 1 is None: must be a str"),
        (lambda programs: programs._replace(tenants="default"), "tenants: must be a tuple"),
    ],
)
def test_broken_promise_is_named(change, message):
    programs = source(entry("tool_chat"), n=20).draw(0)
    validate(programs)
    with pytest.raises(InvalidProgramsError, match=message):
        validate(change(programs))


def test_waiting_in_a_circle_is_found():
    programs = source(entry("chat"), n=9).draw(0)
    programs.program["after"][[3, 4, 5]] = [4, 5, 3]
    with pytest.raises(InvalidProgramsError, match=r"program 3: after = 4: waits .* \(and 2 more\)"):
        validate(programs)


def test_back_offs_that_double_beyond_the_clock_are_refused():
    programs = source(entry("tool_chat"), n=20).draw(0)
    slow = tuple(tool._replace(backoff_s=1.0) for tool in programs.tools)
    programs.edge["failures"][5] = 29
    validate(programs._replace(tools=slow))
    programs.edge["failures"][5] = 30
    validate(programs)
    with pytest.raises(InvalidProgramsError, match=r"edge 5: failures = 30: .* a back-off of 1 s that doubles"):
        validate(programs._replace(tools=slow))


def in_steps():
    """Three programs, of which two are in a society; a report after a turn and one in a step."""
    builder = ProgramBuilder()
    society = builder.add_society(0.5)
    segment = builder.add_segment(8)
    for number in range(3):
        program = builder.add_program(society=society if number else -1, adapter=number)
        turns = [
            builder.add_turn(program, segment, prompt_tokens=9, output_tokens=1, step=2 * k if number else -1)
            for k in range(3)
        ]
        builder.add_edge(turns[0], turns[1])
        builder.add_edge(turns[1], turns[2])
        builder.add_report(program, 4.0, turn=turns[1])
    builder.add_report(2, 3.0, step=1)
    return builder.build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken("program", "society", 1, 1), "program 1: society = 1: must be -1, or one of the 1 of step_s"),
        (broken("program", "society", 1, -2), "program 1: society = -2"),
        (broken("program", "society", 1, -1), "turn 3: step = 0: must be -1: its program is in no society"),
        (broken("program", "society", 2, 2**31 - 1), "program 2: society"),
        (broken("program", "adapter", 1, -2), "program 1: adapter = -2: must be -1, or an adapter before"),
        (broken("program", "adapter", 1, 2**31 - 1), "program 1: adapter = 2147483647"),
        (broken("turn", "step", 0, 0), "turn 0: step = 0: must be -1: its program is in no society"),
        (broken("turn", "step", 4, -2), "turn 4: step = -2: must be -1, or a step before 10,000,000"),
        (broken("turn", "step", 8, 2**31 - 1), "turn 8: step = 2147483647"),
        (broken("turn", "step", 4, 5), "turn 5: step = 4: must be at least 5, as it waits for a turn of that step"),
        (broken("turn", "step", 5, 1), "turn 5: step = 1: must be at least 2"),
        (broken("report", "announced", 0, np.nan), "report 0: announced = nan: must be in 0 .. 1e"),
        (broken("report", "announced", 0, -1.0), "report 0: announced = -1"),
        (broken("report", "announced", 3, 1e10), "report 3: announced = 10000000000.0: must be in 0 .. 1e"),
        (broken("report", "program", 3, 3), "report 3: program = 3: there are 3 programs"),
        (broken("report", "program", 3, -1), "report 3: program = -1"),
        (broken("report", "program", 3, 0), "report 3: step = 1: must be -1: program 0 is in no society"),
        (broken("report", "program", 0, 1), "report 0: turn = 1: of another program than 1"),
        (broken("report", "step", 3, -1), "report 3: step = -1, turn = -1: must be one of them, the other -1"),
        (broken("report", "step", 1, 1), "report 1: step = 1, turn = 4: must be one of them"),
        (broken("report", "step", 3, 10**7), "report 3: step = 10000000: must be -1, or a step before 10,000,000"),
        (broken("report", "turn", 0, 9), "report 0: turn = 9: must be -1, or one of the 9 turns"),
        (broken("report", "turn", 0, -7), "report 0: turn = -7"),
        (lambda programs: programs._replace(step_s=(-1.0,)), "step_s: entry 0 is -1.0: must be in 0 .. 1e"),
        (lambda programs: programs._replace(step_s=(float("nan"),)), "step_s: entry 0 is nan"),
        (lambda programs: programs._replace(step_s=("1",)), "step_s: entry 0 is '1'"),
        (lambda programs: programs._replace(step_s=[0.5]), "step_s: must be a tuple"),
        (lambda programs: programs._replace(step_s=()), "program 1: society = 0: must be -1, or one of the 0"),
        (lambda programs: programs._replace(report=programs.turn), "report: must be a one-dimensional array of dtype"),
        (lambda programs: programs._replace(report=programs.report[::2]), "report: must lie in one piece"),
    ],
)
def test_broken_promise_of_societies_is_named(change, message):
    programs = in_steps()
    validate(programs)
    with pytest.raises(InvalidProgramsError, match=message):
        validate(change(programs))


def test_two_reports_after_one_turn_are_refused():
    programs = in_steps()
    report = np.concatenate([programs.report, programs.report[1:2]])
    with pytest.raises(InvalidProgramsError, match="report 4: turn = 4: another report is made at its end"):
        validate(programs._replace(report=report))


def test_a_turn_without_a_step_hands_on_what_it_waits_for():
    programs = in_steps()
    programs.turn["step"][[3, 4, 5]] = [3, -1, 2]
    with pytest.raises(InvalidProgramsError, match="turn 5: step = 2: must be at least 3"):
        validate(programs)


def test_too_many_steps_are_refused():
    programs = in_steps()
    programs.report["step"][3] = 9_999_999
    validate(programs)
    programs = programs._replace(step_s=(0.0, 0.0))
    programs.program["society"][1] = 1
    with pytest.raises(InvalidProgramsError, match=r"the societies have 10,000,005 steps together; at most 10,000,000"):
        validate(programs)


def test_the_builder_keeps_societies_reports_and_adapters_with_their_programs():
    """Programs move to the order of their arrival, and turns with them."""
    builder = ProgramBuilder()
    society = builder.add_society(0.5)
    segment = builder.add_segment(8)
    for arrival_s in (3.0, 1.0, 2.0):
        program = builder.add_program(arrival_s, society=society, adapter=int(arrival_s))
        turn = builder.add_turn(program, segment, prompt_tokens=9, output_tokens=1, step=int(10 * arrival_s))
        builder.add_report(program, arrival_s, turn=turn)
        builder.add_report(program, arrival_s, step=5)
    programs = builder.build()
    assert programs.program["adapter"].tolist() == [1, 2, 3]
    assert programs.turn["step"].tolist() == [10, 20, 30]
    assert programs.step_s == (0.5,)
    for announced, owner, step, turn in programs.report.tolist():
        assert programs.program["arrival_s"][owner] == announced
        assert (step, turn) == (-1, owner) if step < 0 else (step, turn) == (5, -1)
