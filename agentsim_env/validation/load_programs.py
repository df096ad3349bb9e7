"""Programs of measured and of synthetic loads."""

import numpy as np
from numpy.typing import NDArray

from agentsim_env.validation.measurements import Load, Stage
from agentsim_env.validation.timings import Array, Timings
from agentsim_env.workload.builder import ChainTurn, ProgramBuilder
from agentsim_env.workload.programs import Programs

SEED = 0  # of lengths and Poisson arrivals


def from_requests(requests: Timings, block_size: int) -> Programs:
    """Programs of one turn each that arrive when `requests` did, sharing nothing."""
    builder = ProgramBuilder(block_size)
    rows = zip(requests.arrival_s, requests.prompt_tokens, requests.output_tokens, strict=True)
    for arrival_s, prompt, output in rows:
        builder.add_chain(builder.add_program(float(arrival_s)), [ChainTurn(int(prompt), int(output))])
    return builder.build()


def from_load(load: Load, block_size: int) -> Programs:
    """Programs in a closed or an open loop: one turn each, or several in a session; prompts that repeat are shared."""
    generator = np.random.default_rng(SEED)
    prompts = _lengths(load.prompt_tokens, load, generator)
    outputs = _lengths(load.output_tokens, load, generator)
    arrivals = np.zeros(load.requests) if load.arrivals == "closed" else arrivals_s(load.stages, load, generator)
    builder = ProgramBuilder(block_size)
    shared = _Shared(builder, load)
    for number, (prompt, output, arrival_s) in enumerate(zip(prompts, outputs, arrivals, strict=True)):
        # Whichever client ends first sends the next request: with a chain for each client nobody waits either.
        after = number - load.concurrency if load.arrivals == "closed" and number >= load.concurrency else -1
        program = builder.add_program(float(arrival_s), after=after)
        if load.groups:
            shared.add_turn(program, number, int(prompt), int(output))
        else:
            more = [ChainTurn(load.turn_tokens, int(output), load.gap_s)] * (load.turns - 1)
            builder.add_chain(program, [ChainTurn(int(prompt), int(output), load.gap_s), *more])
    return builder.build()


class _Shared:
    """Prompts of `groups` system prompts times `questions`, which come around in turn."""

    def __init__(self, builder: ProgramBuilder, load: Load) -> None:
        self.builder, self.load = builder, load
        blocks = load.system_tokens // builder.block_size
        self._systems = [builder.add_segment(blocks) if blocks else -1 for _ in range(load.groups)]
        self._prompts: dict[int, int] = {}

    def add_turn(self, program: int, number: int, prompt: int, output: int) -> None:
        """A request: the next question, with the next system prompt."""
        builder, load = self.builder, self.load
        place = number % (load.groups * load.questions)
        if place not in self._prompts:
            self._prompts[place] = self._follow(self._systems[place % load.groups], prompt // builder.block_size)
        leaf = self._follow(self._prompts[place], -(-(prompt + output) // builder.block_size))
        builder.add_turn(program, leaf, prompt_tokens=prompt, output_tokens=output)

    def _follow(self, parent: int, end_block: int) -> int:
        """A segment behind `parent` up to a block; `parent` where that is as long."""
        more = end_block - self.builder.end_block(parent)
        return self.builder.add_segment(more, parent) if more > 0 else parent


def _lengths(longest: int, load: Load, generator: np.random.Generator) -> NDArray[np.int64]:
    shortest = max(1, int(longest * load.shortest))
    return generator.integers(shortest, longest, load.requests, endpoint=True)


def arrivals_s(stages: tuple[Stage, ...], load: Load, generator: np.random.Generator) -> Array:
    """When each request of an open loop is sent; stages follow one another, each with its own rate."""
    if not stages:
        return _at_rate(load.rate_per_s, load.requests, load.arrivals, generator)
    times: list[Array] = []
    start_s = 0.0
    for stage in stages:
        sent_s = _at_rate(stage.rate_per_s, stage.requests, load.arrivals, generator)
        times.append(start_s + np.minimum(sent_s, stage.seconds))
        start_s += stage.seconds
    return np.concatenate(times)


def _at_rate(rate_per_s: float, requests: int, arrivals: str, generator: np.random.Generator) -> Array:
    if arrivals == "constant":
        return np.arange(requests) / rate_per_s
    gaps = generator.exponential(1.0 / rate_per_s, requests)
    return np.cumsum(gaps) - gaps[0]
