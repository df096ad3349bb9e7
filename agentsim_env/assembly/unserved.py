"""Programs that no instance can ever serve, found before anything is simulated.

A program fails at the first turn whose context, prompt and output together, is longer than what any instance takes
(`agentsim_env.engine.longest_context`). How many of a workload's programs have such a turn is known without a
simulation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.engine.longest_context import held_tokens, longest_context_tokens
from agentsim_env.errors import AgentSimWarning
from agentsim_env.hardware import Engine
from agentsim_env.scenario import Scenario, ScenarioError


class UnservedWarning(AgentSimWarning):
    """Some programs of a workload fit on no instance: they fail."""


class Unserved(NamedTuple):
    """Programs of a workload that fit on no instance.

    Attributes:
        programs: Programs that were looked at.
        unserved: How many of them have a turn that no instance takes.
        shortest_tokens: Longest context of the program that needs least.
        longest_tokens: Longest context of the program that needs most.
        limit: The longest context that an instance takes, and what sets it, in words.
    """

    programs: int
    unserved: int
    shortest_tokens: int
    longest_tokens: int
    limit: str

    @property
    def share_served(self) -> float:
        """Fraction of the programs that the cluster can serve."""
        return (self.programs - self.unserved) / self.programs

    def describe(self) -> str:
        """A sentence with the limit and what exceeds it."""
        who, need = f"{self.unserved:,} of {self.programs:,} programs need", f"up to {self.longest_tokens:,}"
        if self.unserved == self.programs:
            who = f"all of {self.programs:,} programs need" if self.programs > 1 else "the one program needs"
            ends = sorted({self.shortest_tokens, self.longest_tokens})
            need = " to ".join(f"{tokens:,}" for tokens in ends)
        return f"no instance takes more than {self.limit}, and {who} more: {need} tokens, prompt and output together"


def find_unserved(scenario: Scenario, engines: Sequence[Engine], tokens: np.ndarray) -> Unserved:
    """Looks for programs that fit on no instance of a scenario.

    Args:
        scenario: The scenario.
        engines: The engines of its cluster.
        tokens: Longest context of each program, at least one.

    Raises:
        ScenarioError: No program fits, or the scenario is strict and one does not.
    """
    longest = longest_context_tokens(engines, scenario.cluster.block_size_tokens)
    unserved = int((tokens > longest).sum())
    found = Unserved(len(tokens), unserved, int(tokens.min()), int(tokens.max()), limit(scenario, engines))
    if unserved == len(tokens):
        raise ScenarioError(f"{scenario.name}: nothing can be served: {found.describe()}")
    if unserved and scenario.workload.strict:
        raise ScenarioError(f"{scenario.name}: workload.strict: {found.describe()}")
    return found


def limit(scenario: Scenario, engines: Sequence[Engine]) -> str:
    """The longest context that an instance takes, with the field that sets it."""
    block_size = scenario.cluster.block_size_tokens
    longest = longest_context_tokens(engines, block_size)
    # Where prefill and decode are apart either of them may be what limits.
    number = next(i for i, engine in enumerate(engines) if held_tokens(engine, block_size) == longest)
    return f"{longest:,} tokens ({_what_sets(scenario, engines[number], _group(scenario, number))})"


def _group(scenario: Scenario, number: int) -> int:
    """Place in `cluster.instances` of an instance of the cluster."""
    counts = [instance.count for instance in scenario.cluster.instances]
    return int(np.searchsorted(np.cumsum(counts), number, side="right"))


def _what_sets(scenario: Scenario, engine: Engine, group: int) -> str:
    field, given = f"cluster.instances.{group}", scenario.cluster.instances[group]
    if engine.kv_blocks * scenario.cluster.block_size_tokens < engine.max_model_len_tokens:
        blocks = f"{engine.kv_blocks:,} blocks of {scenario.cluster.block_size_tokens} tokens"
        return f"{field}.kv_blocks: {blocks}" if given.kv_blocks else f"the memory of {field} holds {blocks}"
    if given.max_model_len_tokens:
        return f"{field}.max_model_len_tokens"
    return f"cluster.model: {engine.model}"
