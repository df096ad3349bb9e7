"""The page of agents on one consumer GPU: how gaps between tokens are read, and what is said of made-up figures."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.workload import ChainTurn, ProgramBuilder, Programs
from benchmarks.consumer_gpu.__main__ import PAGE
from benchmarks.consumer_gpu.page import Results, page
from benchmarks.consumer_gpu.pairs import Pair
from benchmarks.consumer_gpu.pairs import simulated as as_simulated
from benchmarks.consumer_gpu.rows import MEASURED, NAMES, Row, task_rows
from benchmarks.consumer_gpu.runs import ENGINES, Figures, nearest, sweep, within_slo
from benchmarks.consumer_gpu.token_gaps import token_gaps_s


def simulator(engine: str, **changes: Any) -> Simulator:
    instances = [{"gpu": "RTX 3090", **ENGINES[engine]}]
    return Simulator(load_scenario("consumer_gpu", {"cluster.instances": instances, **changes}))


@pytest.mark.parametrize("engine", ENGINES)
def test_gaps_add_up_to_what_the_records_say(engine: str) -> None:
    simulated = simulator(engine, episode={"programs": 24, "warmup_programs": 0})
    simulated.reset(3)
    gaps_s = token_gaps_s(simulated)
    turns = simulated.records().turns
    assert len(gaps_s) == turns["output_tokens"].sum() - len(turns)
    assert gaps_s.sum() == pytest.approx((turns["end_s"] - turns["first_token_s"]).sum(), rel=1e-9)


def a_prompt_that_arrives_during_decodes() -> Programs:
    builder = ProgramBuilder()
    for arrival_s, prompt, output in ((0.0, 160, 40), (0.2, 1600, 2)):
        builder.add_chain(builder.add_program(arrival_s), [ChainTurn(prompt, output)])
    return builder.build()


def test_a_whole_prompt_is_one_long_gap() -> None:
    simulated = simulator("whole prompts")
    simulated.reset(programs=a_prompt_that_arrives_during_decodes())
    *short, long = np.sort(1e3 * token_gaps_s(simulated))
    profile = simulated.engines[0].profile
    prefill_ms = 1e3 * profile.iteration_s(chunks=[(1600, 0)])
    assert len(short) == 39 + 1 - 1
    assert max(short) < 12
    assert long == pytest.approx(prefill_ms + max(short), rel=0.01)


def test_batches_of_512_tokens_make_more_and_shorter_ones() -> None:
    simulated = simulator("llama.cpp")
    simulated.reset(programs=a_prompt_that_arrives_during_decodes())
    gaps_ms = np.sort(1e3 * token_gaps_s(simulated))
    assert (gaps_ms > 15).sum() == 4  # 511 tokens beside a decode in three of them, 67 in the last
    assert gaps_ms.max() < 80


def test_percentiles_are_values_as_in_the_reproduction() -> None:
    twelve = np.arange(12.0)
    assert nearest(twelve, 0.5) == 6
    assert nearest(twelve, 0.95) == 10


def test_the_sweep_is_as_measured_where_prompts_are_not_shared() -> None:
    p95 = Figures._fields.index("tpot_p95_ms")
    simulated = [sweep("llama.cpp", agents, False, range(5))[:, p95].mean() for agents in MEASURED["sweep"]]
    assert simulated == pytest.approx([row["tpot_p95_ms"] for row in MEASURED["sweep"].values()], rel=0.25)


def test_baselines_collapse_beyond_four_agents() -> None:
    for shares in within_slo("RTX A5000", "Llama-3-8B", 2.0, range(1)).values():
        assert shares[0] == 1.0
        assert shares == sorted(shares, reverse=True)
        assert shares[3] > 0.5 > shares[5]


def pair(measured: float | None, *simulated: float) -> Pair:
    return Pair(measured, np.array(simulated))


def test_verdicts_follow_from_the_figures() -> None:
    row = Row(3, "tok_per_s", {"vLLM": pair(100, 90, 100), "llama.cpp": pair(70, 90, 90)})
    assert row.missed == ["llama.cpp"]
    assert row.order is True
    assert Row(3, "tok_per_s", {"vLLM": pair(100, 99), "llama.cpp": pair(70, 98)}).order is False
    assert Row(3, "tok_per_s", {"vLLM": pair(100, 99), "llama.cpp": pair(98, 50)}).order is None
    unmeasured = Row(1, "tok_per_s", {"vLLM": pair(None, 99), "llama.cpp": pair(None, 98)})
    assert (unmeasured.missed, unmeasured.order) == ([], None)


def test_the_page_is_written() -> None:
    rows = [Row(3, "tok_per_s", {"vLLM": pair(100, 90, 100), "llama.cpp": pair(70, 90, 90)})]
    cell, shares = ("Qwen2.5-3B", "react"), {"vLLM": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]}
    text = page(Results({cell: rows}, rows, {(*cell, 3): rows[0]}, {("RTX 4090", "Llama-3-8B", 2.0): shares}, 2))
    assert "| tokens per second | 1 of 1 | 1 of 1 | 0 of 1 |" in text
    assert (
        "| 3 | tokens per second | 100 | **95.0** [90.5, 99.5] | 70.0 | **90.0** [90.0, 90.0] | yes | vLLM | a |"
        in text
    )
    assert "| RTX 4090, Llama-3-8B | 2 | vLLM | 100 % | 90 % |" in text
    assert "{" not in text


def test_every_figure_has_a_name() -> None:
    assert tuple(NAMES) == Figures._fields


def test_the_page_in_the_docs_is_that_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for row in task_rows("Qwen2.5-3B", "react", range(20)):
        for found in row.pairs.values():
            assert f"| {as_simulated(found)} |" in text, "run python -m benchmarks.consumer_gpu"
