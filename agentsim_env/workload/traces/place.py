"""Where the contexts of a trace's turns lie in the segment forest."""

from collections.abc import Sequence

import numpy as np

from agentsim_env.workload.traces.trie import Branches, Position, PrefixTrie

_NOWHERE = Position(-1, 0)
_Tail = tuple[int, int, int, int]  # (branch, depth, id, tokens): a partial last block, equal only if all of it is


class Contexts:
    """The contexts of all turns: first their full blocks in a trie, then their tails.

    A turn whose successor goes on after its generated tokens lies on the successor's path. Any other turn gets a
    tail of its own: the rest of its prompt after the last full block (shared with turns that end in the same partial
    block, by id and length) and its output.

    Attributes:
        prompt_tokens: Prompt of each turn.
        output_tokens: Output of each turn.
        brought_tokens: Tokens of each prompt that a turn it extends has brought or generated, where lengths tell.
    """

    def __init__(self, branches: Branches, block_size: int, reuse_generated: bool) -> None:
        """Starts with no turns."""
        self._branches = branches
        self._block_size = block_size
        self._reuse_generated = reuse_generated
        self.prompt_tokens: list[int] = []
        self.output_tokens: list[int] = []
        self.brought_tokens: list[int] = []
        self._trie: list[PrefixTrie | None] = []  # of turns not yet placed, else None
        self._position: list[Position] = []
        self._tail: list[_Tail | None] = []
        self._absorbed_by: list[int] = []  # turn on whose path prompt and output lie, or -1
        self._prompt_in: list[int] = []  # turn on whose path the prompt lies, or -1
        self._branch: list[int] = []
        self._placed = 0

    def add(
        self,
        prompt_tokens: int,
        output_tokens: int,
        ids: np.ndarray | None,
        trie: PrefixTrie | None,
        extends: Sequence[int],
    ) -> None:
        """Adds the next turn; see `TraceBuilder.turn`."""
        self.prompt_tokens.append(prompt_tokens)
        self.output_tokens.append(output_tokens)
        position, tail = _NOWHERE, None
        if ids is None:
            trie = None
        elif trie is not None:
            full, rest = divmod(prompt_tokens, trie.tokens_per_id)
            position = trie.insert(ids[:full])
            if len(ids) > full:
                tail = (position.branch, position.depth, int(ids[full]), rest)
        self._trie.append(trie)
        self._position.append(position)
        self._tail.append(tail)
        self._absorbed_by.append(-1)
        self._prompt_in.append(-1)
        self._branch.append(-1)
        turn = len(self._position) - 1
        self.brought_tokens.append(0)
        for earlier in extends:
            self._extend(turn, earlier)

    def _extend(self, turn: int, earlier: int) -> None:
        """Puts `earlier` on the path of `turn` if its context goes on there."""
        asked = self.prompt_tokens[earlier]
        both = asked + self.output_tokens[earlier]
        trie = self._trie[turn]
        known = False
        if trie is not None and trie is self._trie[earlier]:
            known = True
            if not trie.extends(self._position[turn], self._position[earlier]):
                return
        if self.prompt_tokens[turn] >= both and self._reuse_generated:
            host = self._absorbed_by
        elif not known and self.prompt_tokens[turn] >= asked:
            host = self._prompt_in
        else:
            return
        if host[earlier] < 0:
            host[earlier] = turn

    def place_pending(self) -> None:
        """Places all turns that are not placed yet.

        Long prompts go first: a turn lies on the path of a longer one, or of an equally long one that is itself part
        of another path, or (by lengths alone) of a later one.
        """
        pending = range(self._placed, len(self._position))
        order = sorted(pending, key=lambda i: (-self.prompt_tokens[i], self._absorbed_by[i] < 0, -i))
        same_tail: dict[_Tail, int] = {}
        for turn in order:
            tail = self._tail[turn]
            end = self._last_block(turn) + 1
            host = self._absorbed_by[turn]
            if host >= 0:
                self._branch[turn] = self._branches.owner(self._branch[host], end - 1)
                self._bring(host, self.prompt_tokens[turn] + self.output_tokens[turn])
            else:
                host = same_tail.get(tail, -1) if tail is not None else -1
                if host < 0 <= self._prompt_in[turn]:
                    host = self._prompt_in[turn]
                    self._bring(host, self.prompt_tokens[turn])
                self._branch[turn] = self._own_tail(turn, host, end)
            if tail is not None:
                same_tail.setdefault(tail, turn)
        for turn in pending:
            self._trie[turn] = None
        self._placed = len(self._position)

    def _bring(self, turn: int, tokens: int) -> None:
        """Notes that an earlier turn of its program has brought that much of the context of `turn`."""
        self.brought_tokens[turn] = max(self.brought_tokens[turn], tokens)

    def leaves(self) -> tuple[np.ndarray, np.ndarray]:
        """Branch and last block of the context of each turn."""
        blocks = [self._last_block(turn) for turn in range(len(self._position))]
        return np.array(self._branch, dtype=np.int64), np.array(blocks, dtype=np.int64)

    def _last_block(self, turn: int) -> int:
        """The block that holds the last generated token."""
        return (self.prompt_tokens[turn] + self.output_tokens[turn] - 1) // self._block_size

    def _own_tail(self, turn: int, host: int, end: int) -> int:
        """A branch for the tail of `turn`, on the path of turn `host` up to the end of the prompt if there is one."""
        if host >= 0:
            return self._branches.add(self._branch[host], self.prompt_tokens[turn] // self._block_size, end)
        trie, position = self._trie[turn], self._position[turn]
        if trie is None or position.depth == 0:
            return self._branches.add(-1, 0, end)
        if trie.claim_tip(position):
            self._branches.end[position.branch] = end
            return position.branch
        start = position.depth * trie.tokens_per_id // self._block_size
        return self._branches.add(position.branch, start, end)
