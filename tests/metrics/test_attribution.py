"""Blocks that several programs share, attributed to them in three ways."""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED, TRUNCATED
from agentsim_env.engine.core.state import State
from agentsim_env.engine.entry import Core
from agentsim_env.metrics.attribution import Attribution, attributed_tokens
from agentsim_env.workload import ChainTurn, ProgramBuilder, Programs
from tests.metrics.episodes import engine


def at(time_limit_s: float) -> tuple[State, Programs]:
    """Three programs whose tools run: two behind a prompt of 20 blocks, one by itself.

    The contexts are 320 + 80 and 320 + 160 tokens, and 48; each turn generates one token, whose KV is not computed.
    """
    builder = ProgramBuilder()
    system = builder.add_segment(20)
    for arrival_s, tokens, parent in ((0.0, 80, system), (0.5, 160, system), (1.0, 48, -1)):
        program = builder.add_program(arrival_s=arrival_s)
        builder.add_chain(program, [ChainTurn(tokens, 1, gap_s=50.0), ChainTurn(16, 1)], parent=parent)
    programs = builder.build()
    blueprint = Blueprint(engines=[engine()], block_size=16, time_limit_s=time_limit_s)
    core = Core(new_state(blueprint, programs))
    assert core.advance() in (TRUNCATED, ENDED)
    core.synchronise()
    return core.state, programs


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("full", [320 + 80, 320 + 160, 48]),
        ("split", [160 + 80, 160 + 160, 48]),
        ("holder", [320 + 80, 160, 48]),
    ],
)
def test_a_shared_prompt(how: Attribution, expected: list[int]) -> None:
    state, programs = at(10.0)
    assert attributed_tokens(state, programs, how).tolist() == expected


def test_what_is_split_or_held_adds_up_to_what_is_there() -> None:
    state, programs = at(10.0)
    resident = 16 * int(state.pool["used"][0])
    assert attributed_tokens(state, programs, "split").sum() == resident
    assert attributed_tokens(state, programs, "holder").sum() == resident
    assert attributed_tokens(state, programs, "full").sum() == resident + 320


def test_programs_that_have_ended_have_nothing() -> None:
    state, programs = at(1000.0)
    assert not np.any(attributed_tokens(state, programs, "full"))
