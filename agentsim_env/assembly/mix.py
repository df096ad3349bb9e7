"""Programs drawn from a mix of families."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from agentsim_env.scenario.workload import MixEntry
from agentsim_env.workload.arrivals import Times, poisson
from agentsim_env.workload.compile import Labels, compile_programs, share
from agentsim_env.workload.families import FAMILIES
from agentsim_env.workload.families.parameters import FamilyParams
from agentsim_env.workload.programs import Programs, Tool, longest_contexts
from agentsim_env.workload.shapes import Shapes, merge
from agentsim_env.workload.streams import Streams

_SAMPLE = 192


class Mix:
    """Draws programs from several families at once.

    Entries share nothing with one another, not even two of one family: they are other agents.

    Args:
        entries: Families with their weights, owners and parameters.
        block_size: Tokens in a KV block.
        reuse_generated: Whether what a turn has generated is cache for the next one.
    """

    def __init__(self, entries: Sequence[MixEntry], block_size: int, reuse_generated: bool = True) -> None:
        self._draws = [FAMILIES[entry.family].draw for entry in entries]
        self._params = [_family_params(entry) for entry in entries]
        self._block_size = block_size
        self._reuse_generated = reuse_generated
        weights = np.array([entry.weight for entry in entries])
        self._ranks = np.cumsum(weights)[:-1] / weights.sum()

        forests = [params.forest for params in self._params]
        self._shared = share(forests, block_size)
        self._first_node = np.cumsum([0] + [len(forest.parents) for forest in forests])
        names = list(dict.fromkeys(name for params in self._params for name in params.tool_names))
        self._tool_of = [np.array([names.index(name) for name in params.tool_names]) for params in self._params]
        self.tools = tuple(Tool(name) for name in names)
        self._families = tuple(dict.fromkeys(entry.family for entry in entries))
        self._tenants = tuple(dict.fromkeys(entry.tenant for entry in entries))
        self._family_of = np.array([self._families.index(entry.family) for entry in entries])
        self._tenant_of = np.array([self._tenants.index(entry.tenant) for entry in entries])

    def programs(self, n: int, streams: Streams, times: Times) -> Programs:
        """Draws `n` programs that arrive at `times`."""
        if len(self._draws) == 1:
            entry, shapes = 0, self._part(0, n, streams)
        else:
            entry = self._ranks.searchsorted(streams.shapes.random(n), side="right")
            present, part_of = np.unique(entry, return_inverse=True)
            counts = np.bincount(part_of)
            shapes = merge([self._part(i, int(k), streams) for i, k in zip(present, counts, strict=True)], part_of)
        labels = Labels(self._family_of[entry], self._tenant_of[entry], self.tools, self._families, self._tenants)
        times_of_arrival = times(streams.arrivals, n)
        return compile_programs(shapes, self._shared, labels, times_of_arrival, self._block_size, self._reuse_generated)

    def longest_contexts(self) -> np.ndarray:
        """Longest context of each program of a sample, in tokens, `int64 [programs]`."""
        return longest_contexts(self.programs(_SAMPLE, Streams.spawn(0), partial(poisson, rate_per_s=1.0)))

    def _part(self, entry: int, n: int, streams: Streams) -> Shapes:
        """Programs of one entry, nodes and tools numbered as for the whole mix."""
        shapes = self._draws[entry](self._params[entry], n, streams)
        return shapes._replace(
            context_node=shapes.context_node + self._first_node[entry],
            edge_tool=self._tool_of[entry][shapes.edge_tool],
        )


def _family_params(entry: MixEntry) -> FamilyParams:
    assert isinstance(entry.params, FamilyParams)
    return entry.params
