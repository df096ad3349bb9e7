"""Sessions of traces that do not name them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


def rebuild_sessions(
    ids: Sequence[np.ndarray],
    prompt_tokens: Sequence[int],
    tokens_per_id: int,
    *,
    min_blocks: int = 2,
    max_sharers: int = 50,
) -> list[int]:
    """The request that each request follows up.

    Going back from the last block of a request, the first block at which an earlier request ended (with its full
    blocks) decides: the latest request that ended there is followed up if its blocks are a prefix of this one's and
    its prompt is shorter. Requests of fewer than `min_blocks` full blocks, or whose last full block more than
    `max_sharers` requests contain, are not followed up: such blocks are shared system prompts.

    Args:
        ids: Block ids of each request, in order of arrival.
        prompt_tokens: Prompt of each request.
        tokens_per_id: Tokens that one id stands for.
        min_blocks: Full blocks that an earlier request must have.
        max_sharers: Requests that may contain its last full block.

    Returns:
        Index of the earlier request, or -1 for the first of a session.
    """
    sharers: Counter[int] = Counter()
    for blocks in ids:
        sharers.update(set(blocks.tolist()))
    ended_at: dict[int, int] = {}  # last full block -> latest request
    parents = []
    for request, blocks in enumerate(ids):
        listed = blocks.tolist()
        parent = -1
        for n in range(len(listed), min_blocks - 1, -1):
            earlier = ended_at.get(listed[n - 1], -1)
            if earlier < 0 or prompt_tokens[earlier] >= prompt_tokens[request]:
                continue
            full = prompt_tokens[earlier] // tokens_per_id
            if full == n and np.array_equal(ids[earlier][:n], blocks[:n]):
                parent = earlier
                break
        parents.append(parent)
        full = min(prompt_tokens[request] // tokens_per_id, len(listed))
        if full >= min_blocks and sharers[listed[full - 1]] <= max_sharers:
            ended_at[listed[full - 1]] = request
    return parents


def session_roots(parents: Sequence[int]) -> list[int]:
    """The first request of each request's session, given the earlier request that each one follows."""
    roots: list[int] = []
    for request, parent in enumerate(parents):
        roots.append(request if parent < 0 else roots[parent])
    return roots
