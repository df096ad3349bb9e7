"""Agents of a simulated world (ScaleSim, arXiv 2601.21473): the parameters and the draw of every kind of world.

Each agent is a program that has a prefix of its own (persona, memory) and calls the LLM now and then, with something
fresh behind the prefix. A kind of world says in which steps agents call and when they know it (`call_plan.CallPlan`).
"""

from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from agentsim_env.fields.base import Amount, PositiveNumber, Probability, Seconds, WholeNumber
from agentsim_env.fields.problems import not_allowed
from agentsim_env.limits import MOST_STEPS
from agentsim_env.workload.agents import Agents
from agentsim_env.workload.curves import CurveTable
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.call_plan import CallPlan, after_turns, with_emergencies, with_noise
from agentsim_env.workload.families.parameters import FamilyParams
from agentsim_env.workload.programs import REPORT
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams

ACTION = "action"


class AgentWorldParams(FamilyParams):
    """What all worlds have. The programs of an episode are their agents; let them arrive together."""

    reports: ClassVar[bool] = True

    system_tokens: WholeNumber = 0
    """System prompt, the same for all agents [A]."""

    tool_schema_tokens: Distribution = Distribution(value=0)
    """No tools."""

    steps: PositiveNumber = 50
    """Steps of the world [A]."""

    mode: Literal["barrier", "asynchronous"] = "barrier"
    """A step begins when all calls of the one before have ended; or agents go on by themselves, each by its own
    clock."""

    step_s: Seconds = 0.0
    """Least length of a step; how long a step of an action takes where agents go on by themselves [A]."""

    society_size: PositiveNumber | None = None
    """Agents of a world; `null`: all agents live in one."""

    prefix_tokens: Distribution = Distribution(value=4_096)
    """What an agent's calls begin with, nobody else's do, and never changes: persona and memory [A]: 4,096 tokens of
    Qwen2.5-7B are 235 MB of KV."""

    fresh_tokens: Distribution = Distribution(p50=530, mean=640, min=1)
    """What a call brings beyond it [N: AI Metropolis, mean prompt of generative agents]; the form is ours."""

    output_tokens: Distribution = Distribution(p50=19, mean=22, min=1)
    """What a call generates [N: AI Metropolis]; the form is ours."""

    adapters: Literal["none", "own"] | PositiveNumber = "none"
    """LoRA adapters: `none`, one for each agent (`own`), or so many that agents share, dealt out at random."""

    hint_error: Amount = 0.0
    """Reports are wrong by a log-normal factor with this sd of its logarithm."""

    hint_wrong_order: Probability = 0.0
    """Share of the reports that are exchanged with others of the same step."""

    hint_missing: Probability = 0.0
    """Share of the reports that are never sent."""

    hint_horizon: PositiveNumber | None = None
    """Only calls less than so many steps away are reported [N: KVFlow]; `null`: all."""

    emergency_share: Probability = 0.0
    """Share of the calls that come before their time, at any step after the agent's call before."""

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Between two calls agents act; in a world with a barrier the steps say how long."""
        return (ACTION,) if self.mode == "asynchronous" else ()

    @cached_property
    def tokens_table(self) -> CurveTable:
        """Tokens of prefixes, of what is fresh, and of outputs."""
        return CurveTable([self.prefix_tokens.curve, self.fresh_tokens.curve, self.output_tokens.curve])

    @model_validator(mode="after")
    def _clock_goes(self) -> Self:
        if self.mode == "asynchronous" and self.step_s == 0.0:
            raise not_allowed("must be above 0 where agents go on by themselves", self.step_s, ["step_s"])
        return self

    @model_validator(mode="after")
    def _steps_are_few(self) -> Self:
        if self.steps > MOST_STEPS:
            raise not_allowed(f"must be at most {MOST_STEPS:,}: each takes memory", self.steps, ["steps"])
        return self

    @model_validator(mode="after")
    def _context_fits(self) -> Self:
        least = max(self.forest.end_tokens) + 3
        if self.context_limit_tokens < least:
            reason = f"must be at least {least}: a token each of prefix, call and output behind what agents share"
            raise not_allowed(reason, self.context_limit_tokens, ["context_limit_tokens"])
        return self

    def societies(self, n: int) -> np.ndarray:
        """Society of each of `n` agents, in order."""
        return np.arange(n) // (self.society_size or max(n, 1))


def draw_world(params: AgentWorldParams, n: int, plan: CallPlan, streams: Streams) -> Shapes:
    """Draws what `n` agents send and hear in the calls of a plan."""
    plan = with_emergencies(plan, params.emergency_share, streams.shapes)
    plan = with_noise(plan, params, params.societies(n), streams.reports)
    n_turns = np.bincount(plan.agent, minlength=n)
    total = len(plan.agent)
    params.check_turns(total)
    limit = params.context_limit_tokens
    node = params.draw_nodes(streams.shapes, n)
    shared = params.node_tokens[node]
    prefix = shared + params.tokens_table.counts(streams.lengths.standard_normal(n), 0)
    prefix = np.minimum(prefix, limit - 2)
    begins = prefix[plan.agent]
    fresh = params.tokens_table.counts(streams.lengths.standard_normal(total), 1)
    output = params.tokens_table.counts(streams.lengths.standard_normal(total), 2)
    output = np.minimum(np.maximum(output, 1), limit - begins - 1)
    fresh = np.minimum(np.maximum(fresh, 1), limit - begins - output)
    new, first = fresh.copy(), n_turns.cumsum() - n_turns
    new[first] += prefix
    source = np.flatnonzero(plan.agent[1:] == plan.agent[:-1]) if params.mode == "asynchronous" else np.zeros(0, int)
    return Shapes(
        n_turns=n_turns,
        prompt_tokens=begins + fresh,
        new_tokens=new,
        output_tokens=output,
        context=np.arange(total),
        context_node=node[plan.agent],
        edge_source=source,
        edge_target=source + 1,
        edge_tool=np.zeros(len(source), np.int64),
        gap_s=(plan.step[source + 1] - plan.step[source]) * params.step_s,
        agents=_agents(params, plan, prefix, streams),
    )


def _agents(params: AgentWorldParams, plan: CallPlan, prefix: np.ndarray, streams: Streams) -> Agents:
    """Societies, adapters and reports; with agents that go on by themselves a report follows a call."""
    n = len(prefix)
    adapter = np.full(n, -1)
    if params.adapters == "own":
        adapter = np.arange(n)
    elif params.adapters != "none":
        adapter = streams.shapes.integers(0, params.adapters, n)
    in_steps = params.mode == "barrier"
    reports = plan if in_steps else after_turns(plan, params.step_s)
    report = np.zeros(len(reports.report_agent), REPORT)
    report["program"], report["announced"] = reports.report_agent, reports.announced
    report["step"] = reports.report_step if in_steps else -1
    report["turn"] = -1 if in_steps else reports.report_step
    society = params.societies(n)
    return Agents(
        prefix_end_tokens=prefix,
        society=society if in_steps else np.full(n, -1),
        adapter=adapter,
        step=plan.step if in_steps else np.full(len(plan.step), -1),
        step_s=(params.step_s,) * (int(society.max(initial=-1)) + 1) if in_steps else (),
        report=report,
    )
