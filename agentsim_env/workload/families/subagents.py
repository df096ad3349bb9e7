"""Agents that fan out: a main agent hands tasks to several sub-agents at once and waits for all of them.

A program is a DAG. The main agent's turns follow one another; at a fan-out its turn is followed by the first turns of k
sub-agents, each with a context of its own, and the main agent's next turn waits for the last turns of all of them and
appends what they have reported.
"""

from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field

from agentsim_env.fields.base import WholeNumber
from agentsim_env.workload import curves
from agentsim_env.workload.contexts import Contexts
from agentsim_env.workload.curves import CurveTable
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import grow_contexts
from agentsim_env.workload.families.coding_agent import TOOLS, CodingAgentParams
from agentsim_env.workload.families.fan_out import Plan, plan_runs
from agentsim_env.workload.families.parameters import ToolKind
from agentsim_env.workload.shapes import Forest, Shapes, ragged
from agentsim_env.workload.streams import Streams

SPAWN, JOIN = "spawn", "join"


class SubagentsParams(CodingAgentParams):
    """Main agents of `coding_agent` with the sub-agents of claude_code_weka.

    That trace has 63 sub-agents in 38 fan-outs of 17 conversations; their statistics are computed by us [C:
    claude_code_weka]. That they go with those main agents is an assumption [A].
    """

    tools: Annotated[tuple[ToolKind, ...], Field(strict=False)] = tuple(t for t in TOOLS if t.name != "subagent")
    """Kinds of `coding_agent` without `subagent`: here sub-agents are turns of the program."""

    fan_outs: Distribution = Distribution(values=(1, 2, 3, 5, 8), weights=(7, 6, 2, 1, 1))
    """Fan-outs of a program, at most one less than the main agent has turns. Mean 2.2."""

    width: Distribution = Distribution(values=(1, 2, 3), weights=(21, 9, 8))
    """Sub-agents of a fan-out. Mean 1.66."""

    sub_system_tokens: WholeNumber = 952
    """System prompt of sub-agents, median."""

    sub_tool_schema_tokens: WholeNumber = 7_771
    """Tool schemas of sub-agents, median: one set for all."""

    sub_turns: Distribution = Distribution(p5=4, p25=7, p50=11, p75=13, p90=17, p95=21.7, max=24)
    """LLM calls of a sub-agent. Mean 10.7 measured."""

    sub_task_tokens: Distribution = Distribution(p5=236, p25=729, p50=1_723, p75=3_267, p90=3_320, max=9_536)
    """Task of a sub-agent: its first prompt without what is shared. Mean 2.1 k measured."""

    sub_append_tokens: Distribution = Distribution(
        p5=130, p10=256, p25=650, p50=2_259, p75=5_582, p90=12_975, p95=22_041, p99=62_744, min=1, max=120_000
    )
    """Result of a sub-agent's tool. Mean 5.9 k measured."""

    sub_output_tokens: Distribution = Distribution(p5=109, p25=172, p50=228, p75=281, p90=340, p95=385, p99=519, min=1)
    """What a sub-agent generates before its last turn. Mean 234 measured."""

    sub_report_tokens: Distribution = Distribution(p5=1_708, p25=2_478, p50=3_051, p75=3_620, p95=5_077, min=1)
    """What a sub-agent generates in its last turn, and the main agent reads. Mean 3.2 k measured."""

    sub_gap_s: Distribution | None = Distribution(p5=2, p25=3, p50=4, p75=6, p90=29, p95=45, p99=75, max=600)
    """Run time of a sub-agent's tools, of the same kinds as the main agent's; in whole seconds. Mean 9.9 s measured."""

    spawn_s: Distribution = Distribution(p50=0.05, p99=0.18)
    """Time to start a sub-agent: the lower half of TraceLab's sub-agent calls, those that do not wait [V]."""

    @cached_property
    def forest(self) -> Forest:
        """What main agents share, then what sub-agents share: a root of its own."""
        main = super().forest
        sub = (-1, len(main.parents))
        ends = (self.sub_system_tokens, self.sub_system_tokens + self.sub_tool_schema_tokens)
        return Forest(main.parents + sub, main.end_tokens + ends)

    @property
    def task_row(self) -> int:
        """Row of `append_table` for the task of a sub-agent; the results of its tools follow."""
        return self.compacted_row + 1

    @property
    def ranks_kinds(self) -> bool:
        """Whether the run times of the kinds of tools are replaced by others of the same rank."""
        return super().ranks_kinds or self.sub_gap_s is not None

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The kinds in order, the user if there is one, the start of a sub-agent, the way back."""
        return (*super().tool_names, SPAWN, JOIN)

    @cached_property
    def fan_table(self) -> CurveTable:
        """Fan-outs of a program, sub-agents of a fan-out, turns of a sub-agent."""
        return CurveTable([self.fan_outs.curve, self.width.curve, self.sub_turns.curve])

    @cached_property
    def gap_table(self) -> CurveTable:
        """Main agent's tools and user, start and way back, then the tools of sub-agents."""
        kinds = [tool.gap_s.curve for tool in self.tools]
        if self.sub_gap_s is not None:
            kinds = curves.ranked_onto(kinds, [tool.share for tool in self.tools], self.sub_gap_s.curve)
        return CurveTable([*self.gap_curves, self.spawn_s.curve, curves.constant(0.0), *kinds, self.user_gap_s.curve])

    @cached_property
    def append_table(self) -> CurveTable:
        """Main agent's rows, then task and results of sub-agents."""
        return CurveTable([*self.append_curves, self.sub_task_tokens.curve, self.sub_append_tokens.curve])

    @cached_property
    def output_table(self) -> CurveTable:
        """Outputs of the main agent and its last one, outputs of sub-agents and their reports."""
        final = self.final_output_tokens or self.output_tokens
        kinds = (self.output_tokens, final, self.sub_output_tokens, self.sub_report_tokens)
        return CurveTable([curves.bounded(kind.curve, 1.0, self.longest_output_tokens) for kind in kinds])


def draw(params: SubagentsParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    rng = streams.shapes
    main_turns = np.maximum(params.turns_table.counts(rng.standard_normal(n), 0), 2)
    fan_outs = np.minimum(params.fan_table.counts(rng.standard_normal(n), 0), main_turns - 1)
    params.check_turns(int(main_turns.sum()))
    widths = params.fan_table.counts(rng.standard_normal(int(fan_outs.sum())), 1)
    params.check_turns(int(widths.sum()))
    sub_turns = params.fan_table.counts(rng.standard_normal(int(widths.sum())), 2)
    params.check_turns(int(main_turns.sum() + sub_turns.sum()))
    plan = plan_runs(main_turns, fan_outs, widths, sub_turns, rng)

    source, target, tool, row = _edges(params, plan, rng)
    gap_s = params.gap_table.sample(streams.gaps, row)
    scores = streams.lengths.standard_normal(plan.total_turns)
    output = _outputs(params, plan, streams.lengths)
    appended = _appended(params, plan, scores, output, target, tool)

    # Contexts: the main agent's of each program, then those of sub-agents; their turns stand one after the other.
    run_order = np.argsort(plan.run_context, kind="stable")
    lengths = plan.run_turns[run_order]
    order = ragged(plan.first[run_order], lengths)
    of = np.repeat(plan.run_context[run_order], lengths)
    first = np.flatnonzero(np.diff(of, prepend=-1))
    node = np.concatenate([params.draw_nodes(rng, n), np.full(len(sub_turns), len(params.node_tokens) - 1)])
    contexts = Contexts(first, of, node)
    grown = grow_contexts(params, contexts, appended[order], output[order], scores[order], rng)

    prompt, new, context = np.empty_like(output), np.empty_like(output), np.empty_like(output)
    prompt[order], new[order], context[order] = grown[0], grown[1], grown[2].of
    # All of its first prompt is new to a program, and so is what sub-agents share when the first of them brings it.
    whole = np.concatenate([plan.program_first, plan.first[plan.eldest_sub_runs]])
    new[whole] = prompt[whole]
    return Shapes(
        n_turns=plan.n_turns,
        prompt_tokens=prompt,
        new_tokens=new,
        output_tokens=output,
        context=context,
        context_node=grown[2].node,
        edge_source=source,
        edge_target=target,
        edge_tool=tool,
        gap_s=gap_s,
    )


def _edges(
    params: SubagentsParams, plan: Plan, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Source, target, tool and row of the gap table of all edges: along the runs, to sub-agents and back from them."""
    last = plan.first + plan.run_turns - 1
    inside = np.ones(plan.total_turns, bool)
    inside[last] = False
    along = np.flatnonzero(inside)
    kind = params.cause_ranks.searchsorted(rng.random(len(along)), side="right")
    n_tools, n_rows, n_subs = len(params.tool_names), len(params.gap_curves), len(plan.sub_runs)
    source = np.concatenate([along, last[plan.fork_runs], last[plan.sub_runs]])
    target = np.concatenate([along + 1, plan.first[plan.sub_runs], plan.first[plan.join_runs]])
    tool = np.concatenate([kind, np.repeat([n_tools - 2, n_tools - 1], n_subs)])
    row = np.concatenate([kind + plan.is_sub_turn[along] * (n_rows + 2), np.repeat([n_rows, n_rows + 1], n_subs)])
    order = np.argsort(source, kind="stable")
    return source[order], target[order], tool[order], row[order]


def _outputs(params: SubagentsParams, plan: Plan, rng: np.random.Generator) -> np.ndarray:
    row = plan.is_sub_turn * 2
    row[plan.first[plan.sub_runs] + plan.run_turns[plan.sub_runs] - 1] = 3
    if params.final_output_tokens is not None:
        row[plan.program_first + plan.n_turns - 1] = 1
    return params.output_table.counts(rng.standard_normal(plan.total_turns), row)


def _appended(
    params: SubagentsParams, plan: Plan, scores: np.ndarray, output: np.ndarray, target: np.ndarray, tool: np.ndarray
) -> np.ndarray:
    """What turns append; after a fan-out, what the sub-agents have generated last."""
    row = np.empty(plan.total_turns, np.int64)
    row[target] = np.minimum(tool, len(params.tools))
    row[plan.is_sub_turn] = params.task_row + 1
    row[plan.first[plan.sub_runs]] = params.task_row
    row[plan.program_first] = params.first_row
    appended = params.append_table.counts(scores, row)
    joins = plan.first[plan.join_runs]
    reports = output[plan.first[plan.sub_runs] + plan.run_turns[plan.sub_runs] - 1]
    total = np.bincount(joins, weights=reports, minlength=plan.total_turns).astype(np.int64)
    return np.where(total > 0, total, appended)
