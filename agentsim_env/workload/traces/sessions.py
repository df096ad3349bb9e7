"""Sessions of traces that do not name them."""

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np


def rebuild_sessions(
    ids: Sequence[np.ndarray],
    prompt_tokens: Sequence[int],
    tokens_per_id: int,
    *,
    min_blocks: int = 2,
    max_branches: int = 50,
) -> list[int]:
    """The request that each request follows up.

    Going back from the last block of a request, the first block at which an earlier request ended (with its full
    blocks) decides: the latest request that ended there is followed up if its blocks are a prefix of this one's and
    its prompt is shorter. Requests of fewer than `min_blocks` full blocks are not followed up, nor are those after
    whose last full block requests go on in more than `max_branches` ways: it is that of a system prompt. In a session,
    however long, each block has one other after it.

    Args:
        ids: Block ids of each request, in order of arrival.
        prompt_tokens: Prompt of each request.
        tokens_per_id: Tokens that one id stands for.
        min_blocks: Full blocks that an earlier request must have.
        max_branches: Different blocks that may come after its last full one, each request that ends there counted too.

    Returns:
        Index of the earlier request, or -1 for the first of a session.
    """
    branches = _branches(ids)
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
        if full >= min_blocks and branches[listed[full - 1]] <= max_branches:
            ended_at[listed[full - 1]] = request
    return parents


def _branches(ids: Sequence[np.ndarray]) -> Counter[int]:
    """In how many ways requests go on after each block: different next blocks, and requests that end there."""
    count: Counter[int] = Counter()
    seen: set[tuple[int, int]] = set()
    for blocks in ids:
        listed = blocks.tolist()
        steps = set(itertools.pairwise(listed)) - seen
        seen |= steps
        count.update(before for before, _ in steps)
        count.update(listed[-1:])
    return count


def session_roots(parents: Sequence[int]) -> list[int]:
    """The first request of each request's session, given the earlier request that each one follows."""
    roots: list[int] = []
    for request, parent in enumerate(parents):
        roots.append(request if parent < 0 else roots[parent])
    return roots
