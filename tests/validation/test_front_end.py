"""The front end's time for each token of a prompt."""

import numpy as np
import pytest

from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.front_end import tokenized
from agentsim_env.validation.replay import simulate
from agentsim_env.workload.builder import ChainTurn, ProgramBuilder
from agentsim_env.workload.programs import Programs

TOKEN_S = 1e-3
ENGINE = EngineDescription(gpu="H100", model="Llama-3.1-8B", kv_blocks=4000, max_num_seqs=64)


def long_before_short() -> Programs:
    """A prompt of 1,000 tokens, and a tenth of a second later one of 100 with a second turn."""
    builder = ProgramBuilder()
    builder.add_chain(builder.add_program(0.0), [ChainTurn(1000, 4)])
    builder.add_chain(builder.add_program(0.1), [ChainTurn(100, 4, gap_s=2.0), ChainTurn(50, 4)])
    return builder.build()


def test_a_request_reaches_the_engine_when_its_prompt_is_tokens() -> None:
    sent = tokenized(long_before_short(), TOKEN_S)
    assert sent.programs.program["arrival_s"].tolist() == pytest.approx([0.2, 1.0])
    assert sent.programs.turn["prompt_tokens"].tolist() == [100, 154, 1000]
    assert sent.turn_at.tolist() == [2, 0, 1]
    assert sent.programs.edge["gap_s"].tolist() == pytest.approx([2.0 + 0.154])


def test_nothing_changes_without_it() -> None:
    programs = long_before_short()
    assert tokenized(programs, 0.0).programs is programs


def test_clients_of_a_closed_loop_stay_in_their_order() -> None:
    builder = ProgramBuilder()
    for number, prompt in enumerate((1000, 100, 50)):
        program = builder.add_program(0.0, after=number - 2 if number >= 2 else -1)
        builder.add_chain(program, [ChainTurn(prompt, 4)])
    sent = tokenized(builder.build(), TOKEN_S)
    assert sent.programs.program["arrival_s"].tolist() == pytest.approx([1.0, 1.0, 0.05])


def test_it_is_part_of_the_time_to_the_first_token() -> None:
    programs = long_before_short()
    plain = simulate(programs, ENGINE).requests
    later = simulate(programs, ENGINE.model_copy(update={"frontend_token_s": TOKEN_S})).requests
    prompt = programs.turn["prompt_tokens"]
    assert later.prompt_tokens.tolist() == prompt.tolist()
    assert later.arrival_s[:2] == pytest.approx([0.0, 0.1])
    assert later.ttft_s - plain.ttft_s == pytest.approx(np.array([1.0, 0.1, 0.154]), abs=5e-3)
