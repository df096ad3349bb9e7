"""The page of AgentServe: what its systems are, and what is said of made-up figures."""

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.assembly import engines_of
from agentsim_env.hardware.lanes import SHARPNESS, SM_LIMITED
from benchmarks.agentserve import reproduction
from benchmarks.agentserve.__main__ import PAGE
from benchmarks.agentserve.bars import Bar, bar_lines
from benchmarks.agentserve.cells import FACTOR, Cell, Figures, changes_of
from benchmarks.agentserve.contexts import CELL, SIMULATED, Contexts, context_lines, contexts
from benchmarks.agentserve.first_tokens import HELD
from benchmarks.agentserve.head_to_head import Advantage
from benchmarks.agentserve.objectives import Shares
from benchmarks.agentserve.page import Results, page
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.sensitivity import Change
from benchmarks.agentserve.separation import Step
from benchmarks.agentserve.sessions import Sessions
from benchmarks.agentserve.summary import collapse_bar, contexts_bars, mixed_bar, steps_bar
from benchmarks.agentserve.systems import ABLATIONS, LEAST_SHARE, NO_FEEDBACK, SYSTEMS, agent_serve
from benchmarks.consumer_gpu.pairs import Pair
from benchmarks.consumer_gpu.rows import Row
from benchmarks.consumer_gpu.tasks import EPISODE, SCENARIO
from benchmarks.consumer_gpu.token_gaps import token_gaps_s, token_times


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


def test_the_controller_is_asked_and_its_parameters_are_those_of_the_system() -> None:
    scenario = load_scenario(SCENARIO, agent_serve({"high": 1.5}, decode_share=0.3)("RTX A5000", "Llama-3-8B"))
    assert scenario.rules.set_prefill_budget == "tpot_feedback"
    assert scenario.rules.params("set_prefill_budget")["high"] == 1.5
    (engine,) = engines_of(scenario)
    assert engine.lanes is not None
    assert engine.lanes.decode_share == 0.3
    assert scenario.rules.params("set_prefill_budget")["least_share"] == LEAST_SHARE
    assert load_scenario(SCENARIO, NO_FEEDBACK("RTX A5000", "Llama-3-8B")).rules.set_prefill_budget == "keep"


def test_the_controller_leaves_decodes_the_smallest_slot_on_which_they_meet_their_objective() -> None:
    def slower(share: float) -> float:
        return ((1 + (SM_LIMITED / share) ** SHARPNESS) / (1 + SM_LIMITED**SHARPNESS)) ** (1 / SHARPNESS)

    assert slower(LEAST_SHARE) < FACTOR < slower(LEAST_SHARE - 0.1)


def test_steps_are_shorter_than_gaps_where_prompts_stop_everybody() -> None:
    cell = Cell("RTX 3090", "Qwen2.5-3B", "react", 3)
    simulator = Simulator(load_scenario(SCENARIO, changes_of(SYSTEMS["whole prompts"], cell) | {"episode": EPISODE}))
    simulator.reset(0)
    gaps_s, steps_s = token_times(simulator)
    assert len(gaps_s) == len(steps_s)
    assert (steps_s <= gaps_s * (1 + 1e-9)).all()
    assert steps_s.max() < 0.02 < gaps_s.max(), "no step has a prompt in it"


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
    assert Advantage("ttft_p50_ms", "vLLM", [1.4]).reported == Advantage("ttft_p95_ms", "vLLM", [1.4]).reported


def test_a_step_agrees_within_two_percent() -> None:
    assert Step(0.2, 10.0, 10.19).agrees
    assert not Step(0.2, 10.0, 10.21).agrees
    assert steps_bar([Step(0.2, 13.4, 13.3), Step(0.3, 10.9, 10.9)]).size is True
    assert steps_bar([Step(0.2, 13.4, 10.0), Step(0.3, 10.9, 10.9)]).order is False


def test_the_page_is_written() -> None:
    usual = Figures(*[100.0] * len(Figures._fields))
    sweep = [Row(1, "tpot_p95_ms", {"each its own": Pair(10, np.array([10.7, 10.7]))})]
    rows = [row("tok_per_s", 150, 100, 80)]
    shares = {
        "vLLM": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5],
        "AgentServe": [1.0, 1.0, 1.0, 0.95, 0.9, 0.85],
        "AgentServe, down to 10 %": [1.0, 1.0, 1.0, 1.0, 1.0, 0.93],
    }
    place = ("RTX A5000", "Llama-3-8B", "react")
    cell = Cell("RTX 3090", "Qwen2.5-3B", "react", 3)
    without = Figures(*[1.2] * len(Figures._fields))
    text = page(
        Results(
            sweep=sweep,
            contexts=rows,
            steps=[Step(0.2, 13.38, 13.4)],
            reproduction=[
                reproduction.Row(cell, engine, "step_p95_ms", {name: Pair(11.9, np.array([12.0])) for name in systems})
                for engine, systems in reproduction.OURS.items()
            ],
            advantages={place: [Advantage("tpot_p95_ms", "vLLM", [1.1, 1.6])]},
            sessions=[Sessions(2, [Advantage("tok_per_s", "vLLM", [1.24])])],
            first_tokens={("react", 3): dict.fromkeys(HELD, usual)},
            ablations={place: dict.fromkeys(ABLATIONS, without)},
            sensitivity=[Change("lanes.rebind_s", 0.0, {"react": usual, "plan_and_execute": usual})],
            grid={place: dict.fromkeys(SYSTEMS, [usual] * 4)},
            shares=Shares(shares, {"AgentServe": [0.9, 0.95, 1.0]}),
            seeds=2,
        )
    )
    assert "| 20 % | 13.38 | 13.40 |" in text
    assert "| times better than vLLM: TPOT p95 | 1.3 to 2 | 1.10 to 1.60 | yes | yes | - |" in text
    assert "| no slots, 4 agents: TPOT variance | 1.2 to 1.3 times | 1.20 to 1.20 times | yes | yes | - |" in text
    assert "AgentServe within the objectives with six agents | above 80 % | 85 % | yes | yes | - |" in text
    assert "| mixed engine, TPOT p95 with 1 agents, ms | 10.0 | 10.7 | yes | yes | - |" in text
    assert "| tokens per second | 150 | 89.7 | 74.4 | **150** [150, 150] | **100** [100, 100] |" in text
    assert "| RTX A5000, Llama-3-8B, react | TPOT p95, ms | 100 / 100 / 100 / 100 |" in text
    assert "| `lanes.rebind_s` | 0 | 100.00 / 100.00 / 100.00 |" in text
    assert "| vLLM | 100 % | 90 % |" in text
    assert "| AgentServe | 90 % | 95 % | 100 % |" in text
    assert "93 % of the agents are within both" in " ".join(text.split())
    assert "| vLLM | tokens per second | 1.2 to 1.5 | 1.24 |" in text
    assert "{" not in text


def test_the_page_in_the_docs_is_that_of_the_code() -> None:
    assert CELL.agents == 3
    text = PAGE.read_text(encoding="utf-8")
    for line in context_lines(contexts(range(5))):
        assert line in text, "run python -m benchmarks.agentserve"
