"""What a family draws: programs without the times of their arrival."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.agents import Agents, merge_agents


class Forest(NamedTuple):
    """Token runs that programs of a family share: system prompts, and below them tool schemas.

    Attributes:
        parents: Node before each node on its path, -1 for a root; a parent comes before its children.
        end_tokens: Tokens from the start of the path to the end of each node.
    """

    parents: tuple[int, ...]
    end_tokens: tuple[int, ...]


class Shapes(NamedTuple):
    """Programs of one family (or of several, merged).

    A *context* is a run of turns each of which continues the one before: a program has one, and another after each
    compaction and for each sub-agent.

    Attributes:
        n_turns: Turns of each program, shape (programs,). Turns stand program by program, in topological order.
        prompt_tokens: Whole prompt, shape (turns,).
        new_tokens: Tokens that no earlier turn of the program has brought or generated, shape (turns,).
        output_tokens: Tokens to generate, at least 1, shape (turns,).
        context: Context of each turn, shape (turns,); within a context turns only grow.
        context_node: Node of the forest that each context starts from, shape (contexts,).
        edge_source: Turn that an edge leaves, ascending, shape (edges,).
        edge_target: Turn that waits for it, a later one of the same program, shape (edges,).
        edge_tool: Index into the family's tool names, shape (edges,).
        gap_s: Run time of one attempt of the tool, or think time, shape (edges,).
        agents: What programs have that are agents of a world: prefixes of their own, societies, reports; None for none.
    """

    n_turns: np.ndarray
    prompt_tokens: np.ndarray
    new_tokens: np.ndarray
    output_tokens: np.ndarray
    context: np.ndarray
    context_node: np.ndarray
    edge_source: np.ndarray
    edge_target: np.ndarray
    edge_tool: np.ndarray
    gap_s: np.ndarray
    agents: Agents | None = None


def ragged(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The ranges start .. start + length - 1, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def merge(parts: Sequence[Shapes], part_of: np.ndarray) -> Shapes:
    """Interleaves the programs of several draws.

    Args:
        parts: The draws, tools and nodes already numbered in common.
        part_of: Draw that each program is taken from, shape (programs,); each draw's programs keep their order.
    """
    if len(parts) == 1:
        return parts[0]
    turns = np.cumsum([0] + [len(part.prompt_tokens) for part in parts])
    contexts = np.cumsum([0] + [len(part.context_node) for part in parts])
    source = np.concatenate([part.edge_source + start for part, start in zip(parts, turns, strict=False)])
    target = np.concatenate([part.edge_target + start for part, start in zip(parts, turns, strict=False)])
    context = np.concatenate([part.context + start for part, start in zip(parts, contexts, strict=False)])
    n_turns = np.concatenate([part.n_turns for part in parts])

    # Position among the concatenated programs of the program that comes i-th.
    order = np.empty(len(part_of), np.int64)
    order[np.argsort(part_of, kind="stable")] = np.arange(len(part_of))
    first_turn = np.cumsum(n_turns) - n_turns
    turn = ragged(first_turn[order], n_turns[order])
    moved_to = np.empty(len(turn), np.int64)
    moved_to[turn] = np.arange(len(turn))
    first_edge = np.searchsorted(source, first_turn)
    n_edges = np.diff(first_edge, append=len(source))
    edge = ragged(first_edge[order], n_edges[order])

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Shapes(
        n_turns=n_turns[order],
        prompt_tokens=column("prompt_tokens")[turn],
        new_tokens=column("new_tokens")[turn],
        output_tokens=column("output_tokens")[turn],
        context=context[turn],
        context_node=column("context_node"),
        edge_source=moved_to[source[edge]],
        edge_target=moved_to[target[edge]],
        edge_tool=column("edge_tool")[edge],
        gap_s=column("gap_s")[edge],
        agents=_agents(parts, order, moved_to),
    )


def _agents(parts: Sequence[Shapes], order: np.ndarray, moved_to: np.ndarray) -> Agents | None:
    """The agents among the programs of several draws, if there are any."""
    if all(part.agents is None for part in parts):
        return None
    agents = [part.agents or Agents.none(len(part.n_turns), len(part.prompt_tokens)) for part in parts]
    return merge_agents(agents, order, moved_to)
