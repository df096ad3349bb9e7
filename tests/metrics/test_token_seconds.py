"""What KV memory is held for: computed by hand, and added up."""

import numpy as np
import pytest

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.entry import Core
from agentsim_env.metrics import Records
from agentsim_env.metrics.report import markdown
from agentsim_env.metrics.token_seconds import TOKEN_SECONDS
from agentsim_env.workload import ChainTurn, ProgramBuilder, Programs
from tests.metrics.episodes import PLAIN, engine

COLUMNS = [f"{kind}_token_s" for kind in TOKEN_SECONDS]


def run(programs: Programs, kv_blocks: int, token_seconds: bool = True) -> Records:
    engines = [engine(kv_blocks=kv_blocks)]
    blueprint = Blueprint(engines=engines, block_size=programs.block_size, token_seconds=token_seconds)
    core = Core(new_state(blueprint, programs))
    assert core.advance() == ENDED
    core.synchronise()
    return Records.from_state(core.state, programs, engines)


def one(*turns: ChainTurn) -> Programs:
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), list(turns))
    return builder.build()


def iteration_s(*, prefill: tuple[int, int] | None = None, contexts: tuple[int, ...] = ()) -> float:
    if prefill is None:
        return PLAIN.iteration_s(list(contexts))
    return PLAIN.prefill_s(prefill[0], prefill[1], chunk_tokens=512)


def test_a_prompt_and_an_answer() -> None:
    """160 tokens are ten blocks; the second output token is the 161st token and takes the eleventh."""
    (row,) = run(one(ChainTurn(160, 3)), 100).instances
    prefill_s, first_s, second_s = (
        iteration_s(prefill=(160, 0)),
        iteration_s(contexts=(161,)),
        iteration_s(contexts=(162,)),
    )
    assert row["prefill_token_s"] == pytest.approx(16 * 10 * prefill_s)
    assert row["decode_token_s"] == pytest.approx(16 * 11 * (first_s + second_s))
    assert row["unused_token_s"] == pytest.approx(16 * (90 * prefill_s + 89 * (first_s + second_s)))
    assert row["recompute_token_s"] == row["moving_token_s"] == row["reused_token_s"] == row["wasted_token_s"] == 0


def test_an_idle_context_that_is_used_again_and_one_that_is_not() -> None:
    """What the first turn leaves is used after the gap of 2 s; what the second leaves is idle at the end at once."""
    records = run(one(ChainTurn(160, 1, gap_s=2.0), ChainTurn(15, 1)), 100)
    (row,) = records.instances
    # 160 tokens are whole blocks, all of them published: the second turn finds ten, and computes its 15 new tokens in
    # the eleventh after the one that was generated, whose KV had not been computed: it counts as lost.
    assert row["reused_token_s"] == pytest.approx(16 * 10 * 2.0)
    assert row["wasted_token_s"] == 0.0
    assert row["recompute_token_s"] == pytest.approx(16 * 11 * iteration_s(prefill=(16, 160)) / 16)
    # Another program that ends 3 s later makes it wait for nothing.
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), [ChainTurn(160, 1)])
    builder.add_chain(builder.add_program(arrival_s=3.0), [ChainTurn(16, 1)])
    records = run(builder.build(), 100)
    idle_s = records.turns["end_s"][1] - records.turns["end_s"][0]
    assert records.instances["wasted_token_s"][0] == pytest.approx(16 * 10 * idle_s)


def test_what_is_evicted_was_wasted_and_is_recomputed() -> None:
    """Memory for twelve blocks: while the first program's tool runs, the second one pushes its ten out."""
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(), [ChainTurn(160, 1, gap_s=2.0), ChainTurn(15, 1)])
    builder.add_chain(builder.add_program(arrival_s=1.0), [ChainTurn(176, 1)])
    records = run(builder.build(), 12)
    (row,) = records.instances
    scheduled_s, end_s = records.turns["scheduled_s"], records.turns["end_s"]
    # Nine go for the second program, and the tenth for the return of the first, when nobody needs it any more.
    assert records.turns["hit_tokens"].tolist() == [0, 16, 0]
    kept_s, lost_s = scheduled_s[1] - end_s[0], scheduled_s[2] - end_s[0]
    second_s = scheduled_s[1] - end_s[2]
    assert row["reused_token_s"] == pytest.approx(16 * 1 * kept_s)
    assert row["wasted_token_s"] == pytest.approx(16 * (9 * lost_s + 10 * second_s + 1 * (end_s[1] - end_s[2])))
    # The last turn computes 160 tokens, 15 of them new: its 176 tokens hold eleven blocks.
    service_s = end_s[1] - scheduled_s[1]
    assert row["recompute_token_s"] == pytest.approx(16 * 11 * service_s * 145 / 160)


def test_they_add_up_to_capacity_times_time() -> None:
    builder = ProgramBuilder()
    for k in range(12):
        builder.add_chain(builder.add_program(arrival_s=0.3 * k), [ChainTurn(200, 40, gap_s=1.0), ChainTurn(60, 30)])
    records = run(builder.build(), 40)
    (row,) = records.instances
    assert sum(row[name] for name in COLUMNS) == pytest.approx(16 * 40 * records.now_s, rel=1e-12)
    assert all(row[name] >= 0.0 for name in COLUMNS)
    assert row["recompute_token_s"] > 0.0


def test_they_are_off_unless_asked_for() -> None:
    records = run(one(ChainTurn(160, 3)), 100, token_seconds=False)
    assert all(np.isnan(records.instances[name]).all() for name in COLUMNS)
    assert "KV memory" not in markdown(records)


def test_the_report_has_their_shares() -> None:
    text = markdown(run(one(ChainTurn(160, 3)), 22))
    assert "| idle, wasted | 0 | 0.0 % |" in text
