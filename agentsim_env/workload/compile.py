"""From drawn shapes to the arrays that the engine reads."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.workload.arrivals import ArrivalTimes
from agentsim_env.workload.programs import EDGE, SEGMENT, Programs, Tool, new_programs, new_turns
from agentsim_env.workload.shapes import Forest, Shapes


class Shared(NamedTuple):
    """The segments that programs share, and how the nodes of the families' forests lie on them.

    A node that ends in the middle of a block leaves that block to whatever follows it, as in a chain of block hashes; a
    node without a whole block of its own has no segment, and what follows it hangs on its parent's.

    Attributes:
        segment: `SEGMENT` array.
        leaf: Segment that a node's path ends with, -1 for none, shape (nodes,).
        end_block: Whole blocks on a node's path, shape (nodes,).
    """

    segment: np.ndarray
    leaf: np.ndarray
    end_block: np.ndarray


class Labels(NamedTuple):
    """Whose the programs are, and the names behind the indices.

    Attributes:
        family: Index into `families`, one per program or one for all.
        tenant: Index into `tenants`, one per program or one for all.
        tools: Tools that the edges of the shapes refer to.
        families: Names.
        tenants: Names.
    """

    family: np.ndarray | int
    tenant: np.ndarray | int
    tools: tuple[Tool, ...]
    families: tuple[str, ...]
    tenants: tuple[str, ...]


def share(forests: Sequence[Forest], block_size: int) -> Shared:
    """Lays forests on blocks, one after the other; their nodes are numbered through.

    Args:
        forests: What programs of each family share.
        block_size: Tokens in a block.
    """
    rows: list[tuple[int, int, int]] = []
    leaf: list[int] = []
    end_block: list[int] = []
    for forest in forests:
        offset = len(leaf)
        for parent, end_tokens in zip(forest.parents, forest.end_tokens, strict=True):
            start = end_block[offset + parent] if parent >= 0 else 0
            above = leaf[offset + parent] if parent >= 0 else -1
            n_blocks = end_tokens // block_size - start
            if n_blocks > 0:
                rows.append((above, start, n_blocks))
            leaf.append(len(rows) - 1 if n_blocks > 0 else above)
            end_block.append(start + n_blocks)
    return Shared(np.array(rows, SEGMENT), np.array(leaf, np.int64), np.array(end_block, np.int64))


def compile_programs(
    shapes: Shapes,
    shared: Shared,
    labels: Labels,
    times: ArrivalTimes,
    block_size: int,
    reuse_generated: bool = True,
) -> Programs:
    """Compiles programs, none of whose tool calls fails.

    Args:
        shapes: The programs; nodes of their contexts are those of `shared`.
        shared: The segments that they share.
        labels: Names and owners.
        times: Arrivals of the programs.
        block_size: Tokens in a KV block.
        reuse_generated: Whether what a turn has generated is cache for the next one.
    """
    base = _base(shapes, shared, block_size)
    segment, leaf = (_leaf_a_context if reuse_generated else _leaf_a_turn)(shapes, base, block_size)
    n_programs, n_turns, n_edges = len(shapes.n_turns), len(shapes.context), len(shapes.edge_source)

    program = new_programs(n_programs)
    program["arrival_s"] = times.arrival_s
    program["after"] = times.after
    program["first_turn"] = shapes.n_turns.cumsum() - shapes.n_turns
    program["n_turns"] = shapes.n_turns
    program["family"] = labels.family
    program["tenant"] = labels.tenant

    edges_of = np.bincount(shapes.edge_source, minlength=n_turns)
    turn = new_turns(n_turns)
    turn["program"] = np.repeat(np.arange(n_programs), shapes.n_turns)
    turn["segment"] = leaf
    turn["prompt_tokens"] = shapes.prompt_tokens
    turn["new_tokens"] = shapes.new_tokens
    turn["output_tokens"] = shapes.output_tokens
    turn["first_edge"] = edges_of.cumsum() - edges_of
    turn["n_edges"] = edges_of
    turn["n_parents"] = np.bincount(shapes.edge_target, minlength=n_turns)

    edge = np.empty(n_edges, EDGE)
    edge["gap_s"] = shapes.gap_s
    edge["target"] = shapes.edge_target
    edge["tool"] = shapes.edge_tool
    edge["failures"] = 0
    programs = Programs(program, turn, edge, segment, block_size, labels.tools, labels.families, labels.tenants)
    agents = shapes.agents
    if agents is None:
        return programs
    program["society"], program["adapter"], turn["step"] = agents.society, agents.adapter, agents.step
    return programs._replace(report=agents.report, step_s=agents.step_s)


def _base(shapes: Shapes, shared: Shared, block_size: int) -> Shared:
    """What contexts stand on: a node of the forest each, and behind it, of an agent, the prefix of its own.

    `leaf` and `end_block` of what is returned have an entry a context.
    """
    node = shapes.context_node
    above, start = shared.leaf[node], shared.end_block[node]
    if shapes.agents is None:
        return Shared(shared.segment, above, start)
    first_of = np.zeros(len(node), np.int64)
    first_of[shapes.context[::-1]] = np.arange(len(shapes.context))[::-1]
    owner = np.repeat(np.arange(len(shapes.n_turns)), shapes.n_turns)[first_of]
    end = shapes.agents.prefix_end_tokens[owner] // block_size
    # Contexts of one agent that start from one node share the prefix.
    rows = np.flatnonzero(end > start)
    key = owner[rows] * (len(shared.leaf) + 1) + node[rows]
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    own = np.zeros(len(first), SEGMENT)
    own["parent"], own["start_block"] = above[rows[first]], start[rows[first]]
    own["n_blocks"] = (end - start)[rows[first]]
    above, start = above.copy(), start.copy()
    above[rows], start[rows] = len(shared.segment) + of, end[rows]
    return Shared(np.concatenate([shared.segment, own]), above, start)


def _leaf_a_context(shapes: Shapes, base: Shared, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """All turns of a context lie on one segment, long enough for the last of them."""
    start = base.end_block
    last_token = np.zeros(len(shapes.context_node), np.int64)
    # Later turns of a context are longer, and the last assignment to an index stands.
    last_token[shapes.context] = shapes.prompt_tokens + shapes.output_tokens
    n_shared = len(base.segment)
    segment = np.empty(n_shared + len(start), SEGMENT)
    segment[:n_shared] = base.segment
    segment["parent"][n_shared:] = base.leaf
    segment["start_block"][n_shared:] = start
    segment["n_blocks"][n_shared:] = (last_token + (block_size - 1)) // block_size - start
    return segment, shapes.context + n_shared


def _leaf_a_turn(shapes: Shapes, base: Shared, block_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Each turn leaves the trunk of its context at the end of its prompt, and the next one goes on from there.

    A context with m turns has up to m trunk segments and m - 1 leaves of their own beside them; the last turn needs no
    leaf, as nothing branches off its trunk.
    """
    order = np.argsort(shapes.context, kind="stable")
    context = shapes.context[order]
    prompt, output = shapes.prompt_tokens[order], shapes.output_tokens[order]
    is_last = np.diff(context, append=-1) != 0
    is_first = np.diff(context, prepend=-1) != 0
    start, above = base.end_block[context], base.leaf[context]

    branch = prompt // block_size
    end = (prompt + output + (block_size - 1)) // block_size
    trunk_end = np.where(is_last, end, branch)
    trunk_start = np.where(is_first, start, np.concatenate([[0], branch[:-1]]))
    has_trunk = trunk_end > trunk_start
    n_segments = has_trunk.astype(np.int64) + ~is_last
    own = len(base.segment) + np.cumsum(n_segments) - n_segments

    # The trunk that a turn's leaf hangs on: its own, else the nearest earlier one of its context, else what is shared.
    turn = np.arange(len(context))
    latest = np.maximum.accumulate(np.where(has_trunk, turn, -1))
    first_of = np.maximum.accumulate(np.where(is_first, turn, 0))
    trunk = np.where(latest >= first_of, own[latest], above)
    trunk_before = np.where(is_first, above, np.concatenate([[-1], trunk[:-1]]))

    segment = np.empty(len(base.segment) + int(n_segments.sum()), SEGMENT)
    segment[: len(base.segment)] = base.segment
    at = own[has_trunk]
    segment["parent"][at] = trunk_before[has_trunk]
    segment["start_block"][at] = trunk_start[has_trunk]
    segment["n_blocks"][at] = (trunk_end - trunk_start)[has_trunk]
    tail = (own + has_trunk)[~is_last]
    segment["parent"][tail] = trunk[~is_last]
    segment["start_block"][tail] = branch[~is_last]
    segment["n_blocks"][tail] = (end - branch)[~is_last]

    leaf = np.empty(len(context), np.int64)
    leaf[order] = np.where(is_last, trunk, own + has_trunk)
    return segment, leaf
