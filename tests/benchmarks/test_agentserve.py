"""The page of AgentServe: what its systems are, and what is said of made-up figures."""

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.assembly import engines_of
from benchmarks.agentserve import reproduction
from benchmarks.agentserve.__main__ import PAGE
from benchmarks.agentserve.bars import Bar, bar_lines
from benchmarks.agentserve.cells import Cell, Figures, changes_of
from benchmarks.agentserve.contexts import CELL, SIMULATED, Contexts, context_lines, contexts
from benchmarks.agentserve.head_to_head import Advantage
from benchmarks.agentserve.page import Results, page
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.sensitivity import Change
from benchmarks.agentserve.separation import Step
from benchmarks.agentserve.summary import collapse_bar, contexts_bars, mixed_bar, steps_bar
from benchmarks.agentserve.systems import ABLATIONS, SYSTEMS
from benchmarks.consumer_gpu.pairs import Pair
from benchmarks.consumer_gpu.rows import Row
from benchmarks.consumer_gpu.tasks import EPISODE, SCENARIO
from benchmarks.consumer_gpu.token_gaps import token_gaps_s


def test_two_processes_have_half_of_the_blocks_each() -> None:
    (whole,) = engines_of(load_scenario(SCENARIO, SYSTEMS["vLLM"]("RTX A5000", "Llama-3-8B")))
    halves = engines_of(load_scenario(SCENARIO, SYSTEMS["two processes"]("RTX A5000", "Llama-3-8B")))
    assert [half.kv_blocks for half in halves] == [whole.kv_blocks // 2] * 2
    assert [half.mode for half in halves] == ["prefill", "decode"]
    assert sum(half.price_per_hour for half in halves) == whole.price_per_hour


def test_gaps_of_two_processes_add_up_to_what_the_records_say() -> None:
    cell = Cell("RTX 3090", "Qwen2.5-3B", "react", 4)
    simulator = Simulator(load_scenario(SCENARIO, changes_of(SYSTEMS["two processes"], cell) | {"episode": EPISODE}))
    simulator.reset(3)
    gaps_s = token_gaps_s(simulator)
    turns = simulator.records().turns
    assert len(gaps_s) == turns["output_tokens"].sum() - len(turns)
    assert gaps_s.min() > 0
    assert gaps_s.sum() == pytest.approx((turns["end_s"] - turns["first_token_s"]).sum(), rel=1e-9)


def pair(*simulated: float) -> Pair:
    return Pair(None, np.array(simulated))


def row(figure: str, one: float, two: float, switching: float) -> Contexts:
    ours: dict[str, Pair] = dict(zip(SIMULATED, map(pair, (one, two, switching)), strict=True))
    return Contexts(figure, {name: values[figure] for name, values in REPORTED["contexts"].items()}, ours)


def test_bars_follow_from_the_figures() -> None:
    tokens, ttft = contexts_bars([row("tok_per_s", 150, 100, 80), row("ttft_p95_ms", 300, 200, 250)])
    assert (tokens.order, tokens.size) == (True, True)
    assert (ttft.order, ttft.size) == (False, False)
    measured = {1: (10, 10.7), 3: (34, 36), 6: (71, 100)}
    rows = [
        Row(n, "tpot_p95_ms", {"each its own": Pair(real, np.array([ours]))}) for n, (real, ours) in measured.items()
    ]
    assert (mixed_bar(rows).order, mixed_bar(rows).size) == (True, False)
    assert mixed_bar(rows[:2]).size is True
    assert collapse_bar({"vLLM": [1, 1, 1, 0.8, 0.6, 0.4]}).size is True
    assert collapse_bar({"vLLM": [1, 1, 1, 0.8, 0.8, 0.8]}).order is False


def test_only_what_disagrees_has_a_reason() -> None:
    text = "\n".join(bar_lines([Bar("x", "1", "2", True, None, "a"), Bar("y", "1", "2", True, False, "b")]))
    assert "| x | 1 | 2 | yes | - | - |" in text
    assert "| y | 1 | 2 | yes | no | b |" in text


def test_advantages_are_held_against_half_of_the_papers() -> None:
    assert Advantage("tpot_p95_ms", "vLLM", [1.1, 1.5]).half
    assert not Advantage("tpot_p95_ms", "vLLM", [1.1, 1.49]).half
    assert not Advantage("tpot_p95_ms", "whole prompts", [0.9, 2.0]).direction


def test_a_step_agrees_within_two_percent() -> None:
    assert Step(0.2, 10.0, 10.19).agrees
    assert not Step(0.2, 10.0, 10.21).agrees
    assert steps_bar([Step(0.2, 13.4, 13.3), Step(0.3, 10.9, 10.9)]).size is True
    assert steps_bar([Step(0.2, 13.4, 10.0), Step(0.3, 10.9, 10.9)]).order is False


def test_the_page_is_written() -> None:
    figures = [Figures(10, 20, 30, 400, 500, 150)] * 4
    sweep = [Row(1, "tpot_p95_ms", {"each its own": Pair(10, np.array([10.7, 10.7]))})]
    rows = [row("tok_per_s", 150, 100, 80)]
    grid = {("RTX A5000", "Llama-3-8B", "react"): dict.fromkeys(SYSTEMS, figures)}
    shares = {"vLLM": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5], "two lanes": [1.0, 1.0, 1.0, 0.95, 0.9, 0.85]}
    place = ("RTX A5000", "Llama-3-8B", "react")
    flat = {"two lanes": Pair(11.9, np.array([12.0])), "no slots": Pair(11.9, np.array([12.5]))}
    text = page(
        Results(
            sweep=sweep,
            contexts=rows,
            steps=[Step(0.2, 13.38, 13.4)],
            reproduction=[
                reproduction.Row(Cell("RTX 3090", "Qwen2.5-3B", "react", 3), "separated", "tpot_p95_ms", flat)
            ],
            advantages={place: [Advantage("tpot_p95_ms", "vLLM", [1.1, 1.6])]},
            ablations={place: dict.fromkeys(ABLATIONS, Figures(1, 1.1, 1.25, 1, 1, 1))},
            sensitivity=[Change("rebind_s", 0.0, {"react": figures[0], "plan_and_execute": figures[0]})],
            grid=grid,
            shares=shares,
            seeds=2,
        )
    )
    assert "| 20 % | 13.38 | 13.40 |" in text
    assert "| times better than vLLM: TPOT p95 | 1.3 to 2 | 1.10 to 1.60 | yes | yes | - |" in text
    assert (
        "| without slots, 4 agents: variance of TPOT | 1.2 to 1.3 times | 1.25 to 1.25 times | yes | yes | - |" in text
    )
    assert "two lanes within the objectives with six agents | above 80 % | 85 % | yes | yes | - |" in text
    assert "| mixed engine, TPOT p95 with 1 agents, ms | 10.0 | 10.7 | yes | yes | - |" in text
    assert "| tokens per second | 150 | 89.7 | 74.4 | **150** [150, 150] | **100** [100, 100] |" in text
    assert "| RTX A5000, Llama-3-8B, react | TPOT p95, ms | 20.0 / 20.0 / 20.0 / 20.0 |" in text
    assert "| vLLM | 100 % | 90 % |" in text
    assert "{" not in text


def test_the_page_in_the_docs_is_that_of_the_code() -> None:
    assert CELL.agents == 3
    text = PAGE.read_text(encoding="utf-8")
    for line in context_lines(contexts(range(5))):
        assert line in text, "run python -m benchmarks.agentserve"
