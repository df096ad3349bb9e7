"""Writes docs/agentserve.md: the text is in page.md beside this file, the tables are made from what was simulated."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.agentserve.ablations import ablation_lines
from benchmarks.agentserve.bars import bar_lines
from benchmarks.agentserve.cells import FACTOR, Figures
from benchmarks.agentserve.contexts import Contexts, context_lines
from benchmarks.agentserve.first_tokens import FirstTokens, first_token_lines
from benchmarks.agentserve.grid import Place, grid_lines
from benchmarks.agentserve.head_to_head import Advantage, advantage_lines
from benchmarks.agentserve.objectives import WIDER, Shares, objective_lines
from benchmarks.agentserve.reproduction import Row, reproduction_lines
from benchmarks.agentserve.sensitivity import Change, sensitivity_lines
from benchmarks.agentserve.separation import Step, step_lines
from benchmarks.agentserve.sessions import Sessions, session_lines
from benchmarks.agentserve.summary import (
    ablation_bars,
    advantage_bars,
    collapse_bar,
    contexts_bars,
    flat_bar,
    holds_bar,
    mixed_bar,
    steps_bar,
)
from benchmarks.agentserve.systems import CONTEXT_SWITCH_S, HOST_GB_PER_S, LEAST_SHARE
from benchmarks.consumer_gpu import rows
from benchmarks.consumer_gpu.pairs import WITHIN
from benchmarks.consumer_gpu.runs import AGENTS

TEMPLATE = Path(__file__).parent / "page.md"


class Results(NamedTuple):
    """Everything that the page shows.

    Attributes:
        sweep: Rows of the reproduction's sweep over agents.
        contexts: One engine and two processes, by figure.
        steps: Decode steps on shares of the SMs.
        reproduction: The separated engine and SGLang, by figure.
        advantages: How many times better AgentServe is, by cell.
        sessions: How many times better it is by calls a session.
        first_tokens: What holds up first tokens.
        ablations: What its parts are worth, by cell.
        sensitivity: What other values of the guesses do.
        grid: Figures of all systems by cell.
        shares: Shares within the objectives.
        seeds: Seeds of each cell.
    """

    sweep: Sequence[rows.Row]
    contexts: Sequence[Contexts]
    steps: Sequence[Step]
    reproduction: Sequence[Row]
    advantages: Mapping[Place, Sequence[Advantage]]
    sessions: Sequence[Sessions]
    first_tokens: FirstTokens
    ablations: Mapping[Place, Mapping[str, Figures]]
    sensitivity: Sequence[Change]
    grid: Mapping[Place, Mapping[str, list[Figures]]]
    shares: Shares
    seeds: int


def page(results: Results) -> str:
    """The page, as Markdown."""
    bars = [
        steps_bar(results.steps),
        mixed_bar(results.sweep),
        flat_bar(results.reproduction),
        *advantage_bars(results.advantages),
        *ablation_bars(results.ablations),
        collapse_bar(results.shares.by_agents),
        holds_bar(results.shares.by_agents),
        *contexts_bars(results.contexts),
    ]
    return TEMPLATE.read_text(encoding="utf-8").format(
        seeds=results.seeds,
        within=f"{100 * WITHIN:.0f} %",
        factor=f"{FACTOR:g}",
        down=f"{100 * results.shares.by_agents['AgentServe, down to 10 %'][-1]:.0f} %",
        least_share=f"{LEAST_SHARE:g}",
        host=f"{HOST_GB_PER_S:g}",
        switch=f"{1e3 * CONTEXT_SWITCH_S:g}",
        summary="\n".join(bar_lines(bars)),
        steps="\n".join(step_lines(results.steps)),
        separated="\n".join(reproduction_lines(results.reproduction, "separated")),
        merging="\n".join(reproduction_lines(results.reproduction, "merging")),
        sglang="\n".join(reproduction_lines(results.reproduction, "SGLang")),
        advantages="\n".join(advantage_lines(results.advantages)),
        sessions="\n".join(session_lines(results.sessions)),
        first_tokens="\n".join(first_token_lines(results.first_tokens)),
        ablations="\n".join(ablation_lines(results.ablations)),
        sensitivity="\n".join(sensitivity_lines(results.sensitivity)),
        contexts="\n".join(context_lines(results.contexts)),
        grid="\n".join(grid_lines(results.grid)),
        shares="\n".join(objective_lines(AGENTS, results.shares.by_agents)),
        wider="\n".join(objective_lines([f"{factor:g} times" for factor in WIDER], results.shares.by_factor)),
    )
