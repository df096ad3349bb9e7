"""Families of synthetic programs: one file each, and one row in the table below.

Behind each number stands where it is from: [C: x] computed by us from the public data set x, [V: x] read in the
publication x, [A] an assumption. `docs/workloads.md` lists all parameters and names the sources.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from agentsim_env.workload.families import (
    chat,
    claude_code,
    coding_agent,
    deep_research,
    interactive_chat,
    plan_and_execute,
    react,
    subagents,
    swe_agent,
    tool_chat,
    workflow,
    world_diffusion,
    world_independent,
    world_interacting,
)
from agentsim_env.workload.families.parameters import FamilyParams
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class Family(NamedTuple):
    """A family of programs.

    Attributes:
        params: Model of its parameters, all of which have defaults.
        draw: Draws so many programs with such parameters from the random streams.
        doc: What it is, in a sentence.
    """

    params: type[FamilyParams]
    draw: Callable[[Any, int, Streams], Shapes]
    doc: str


FAMILIES: dict[str, Family] = {
    "coding_agent": Family(
        coding_agent.CodingAgentParams, coding_agent.draw, "Claude Code with a small model on SWE-rebench issues."
    ),
    "swe_agent": Family(
        swe_agent.SweAgentParams, swe_agent.draw, "Claude Code with a large model on SWE-rebench issues: more turns."
    ),
    "claude_code": Family(
        claude_code.ClaudeCodeParams, claude_code.draw, "Developers' sessions: long contexts, human pauses, compaction."
    ),
    "subagents": Family(
        subagents.SubagentsParams, subagents.draw, "Coding agents that fan out to sub-agents and wait for them all."
    ),
    "tool_chat": Family(
        tool_chat.ToolChatParams, tool_chat.draw, "Service chat with local tools: short turns, a short context."
    ),
    "chat": Family(chat.ChatParams, chat.draw, "Long-context chat with people, most of it a single turn."),
    "interactive_chat": Family(
        interactive_chat.InteractiveChatParams, interactive_chat.draw, "Quick chat of a few turns, as llm-d draws it."
    ),
    "deep_research": Family(
        deep_research.DeepResearchParams, deep_research.draw, "Long appends, slow web tools, a report at the end."
    ),
    "react": Family(
        react.ReactParams, react.draw, "Agents on one consumer GPU: a long cold prompt, short tool results and calls."
    ),
    "plan_and_execute": Family(
        plan_and_execute.PlanAndExecuteParams,
        plan_and_execute.draw,
        "The agents of `react` with a plan: tool results and calls are longer.",
    ),
    "world_independent": Family(
        world_independent.WorldIndependentParams,
        world_independent.draw,
        "Agents of a simulated world that act for some steps, then call.",
    ),
    "world_interacting": Family(
        world_interacting.WorldInteractingParams,
        world_interacting.draw,
        "Agents of a simulated world that walk about and call when they meet.",
    ),
    "world_diffusion": Family(
        world_diffusion.WorldDiffusionParams,
        world_diffusion.draw,
        "Agents of a simulated world that call when news reaches them from friend to friend.",
    ),
    "workflow": Family(
        workflow.WorkflowParams, workflow.draw, "Workflows of agents with prompts of their own, run again and again."
    ),
}
"""Families by name."""
