"""The segment forest of a trace, built from block ids.

The forest is kept as *branches*: the run of blocks that one request was the first to need, hanging off the branch of
an earlier one. Turning branches into segments cuts each of them only where others leave it, which is the radix
trie over all requests with its edges compressed. A request is compared with the one before it first, so reading a
conversation costs one numpy comparison a request, however long the ids are.
"""

from typing import NamedTuple

import numpy as np

from agentsim_env.workload.programs import SEGMENT
from agentsim_env.workload.traces.json_ids import NO_IDS, common_prefix


class Branches:
    """Branches of a segment forest, in KV blocks.

    Attributes:
        host: Branch that each one leaves, -1 for a root; a host comes before its guests.
        start: First block of the branch on its path.
        end: Block after its last.
    """

    def __init__(self) -> None:
        """Starts with an empty forest."""
        self.host: list[int] = []
        self.start: list[int] = []
        self.end: list[int] = []

    def add(self, host: int, start: int, end: int) -> int:
        """Adds a branch that leaves the path of `host` before block `start`, and returns it."""
        self.host.append(self.owner(host, start - 1) if start else -1)
        self.start.append(start)
        self.end.append(end)
        return len(self.host) - 1

    def owner(self, branch: int, block: int) -> int:
        """The branch that holds `block` on the path that ends in `branch`."""
        start, host = self.start, self.host
        while start[branch] > block:
            branch = host[branch]
        return branch

    def segments(self) -> "Segments":
        """Cuts the branches into segments."""
        n = len(self.host)
        host = np.array(self.host, dtype=np.int64)
        start = np.array(self.start, dtype=np.int64)
        end = np.array(self.end, dtype=np.int64)
        span = int(end.max(initial=0)) + 1
        guests = np.flatnonzero(host >= 0)
        cuts = guests[start[guests] < end[host[guests]]]
        key = np.unique(np.concatenate((np.arange(n) * span + start, host[cuts] * span + start[cuts])))
        branch, first = np.divmod(key, span)
        begins = np.concatenate(([True], branch[1:] != branch[:-1]))[: len(key)]
        after = np.concatenate((first[1:], [0]))
        is_last = np.concatenate((begins[1:], [True]))
        segment = np.zeros(len(key), dtype=SEGMENT)
        segment["start_block"] = first
        segment["n_blocks"] = np.where(is_last, end[branch], after) - first
        segment["parent"] = np.arange(-1, len(key) - 1)
        heads = np.flatnonzero(begins)
        above = host[branch[heads]]
        found = np.searchsorted(key, above * span + first[heads] - 1, side="right") - 1
        segment["parent"][heads] = np.where(above >= 0, found, -1)
        return Segments(segment, key, span)


class Segments(NamedTuple):
    """Segments of a forest of branches.

    Attributes:
        segment: `SEGMENT` array, parents before children.
        key: `branch * span + start_block` of each segment, ascending.
        span: More than the blocks of any path.
    """

    segment: np.ndarray
    key: np.ndarray
    span: int

    def find(self, branch: np.ndarray, block: np.ndarray) -> np.ndarray:
        """The segments that hold `block` of `branch`."""
        return np.searchsorted(self.key, branch.astype(np.int64) * self.span + block, side="right") - 1


class Position(NamedTuple):
    """Where a list of ids ends in a trie.

    Attributes:
        branch: Branch that holds the last id, -1 for an empty list.
        depth: Number of ids.
    """

    branch: int
    depth: int


class PrefixTrie:
    """Finds shared prefixes among the lists of ids of one scope, and grows `branches` by what is new.

    Lists are compared id by id, so ids may be hashes of whole prefixes or of single blocks.

    Args:
        branches: The forest that grows.
        tokens_per_id: Tokens that one id stands for.
        block_size: Tokens in a KV block.
    """

    def __init__(self, branches: Branches, tokens_per_id: int, block_size: int) -> None:
        """Starts with nothing known."""
        self.branches = branches
        self.tokens_per_id = tokens_per_id
        self.block_size = block_size
        self._ids: dict[int, np.ndarray] = {}  # branch -> a list whose prefix up to the branch's tip it is
        self._start: dict[int, int] = {}  # branch -> depth at which it leaves its parent
        self._parent: dict[int, int] = {}
        self._guests: dict[tuple[int, int, int], int] = {}  # (branch, depth, id) -> branch that leaves there
        self._taken: set[int] = set()  # branches whose tip a tail has extended
        self._last_ids, self._last = NO_IDS, Position(-1, 0)

    def insert(self, ids: np.ndarray) -> Position:
        """Adds a list of ids and returns where it ends."""
        depth = common_prefix(ids, self._last_ids)
        branch = self._owner(self._last.branch, depth)
        found = self._follow(ids, branch, depth)
        self._last_ids, self._last = ids, found
        return found

    def extends(self, longer: Position, shorter: Position) -> bool:
        """Whether the list that ended at `longer` begins with the one that ended at `shorter`."""
        if shorter.depth > longer.depth:
            return False
        return self._owner(longer.branch, shorter.depth) == shorter.branch

    def claim_tip(self, position: Position) -> bool:
        """Whether `position` is the end of its branch and nothing has gone on from there; then that is taken."""
        if position.branch in self._taken or position.depth < len(self._ids[position.branch]):
            return False
        self._taken.add(position.branch)
        return True

    def _owner(self, branch: int, depth: int) -> int:
        """The branch of the id before `depth` on the path to `branch`."""
        while branch >= 0 and self._start[branch] >= depth:
            branch = self._parent[branch]
        return branch

    def _follow(self, ids: np.ndarray, branch: int, depth: int) -> Position:
        """Goes on from `depth` ids matched on `branch`, to the end of `ids`."""
        n = len(ids)
        while depth < n:
            if branch >= 0:
                known = self._ids[branch]
                depth += common_prefix(ids[depth:], known[depth:])
                if depth == n:
                    break
                if depth == len(known):
                    self._ids[branch] = ids
                    self.branches.end[branch] = self._blocks(n)
                    return Position(branch, n)
            place = (branch, depth, int(ids[depth]))
            guest = self._guests.get(place)
            if guest is None:
                return Position(self._grow(ids, place), n)
            branch, depth = guest, depth + 1
        return Position(branch, n)

    def _grow(self, ids: np.ndarray, place: tuple[int, int, int]) -> int:
        """A new branch for the ids from `place` on."""
        host, depth, _ = place
        start = depth * self.tokens_per_id // self.block_size
        branch = self.branches.add(host, start, self._blocks(len(ids)))
        self._ids[branch], self._start[branch], self._parent[branch] = ids, depth, host
        self._guests[place] = branch
        return branch

    def _blocks(self, depth: int) -> int:
        """KV blocks that hold the tokens of `depth` ids."""
        return -(-depth * self.tokens_per_id // self.block_size)
