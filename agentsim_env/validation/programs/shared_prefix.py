"""Loads of inference-perf's `shared_prefix`: groups of prompts behind prefixes of their own, in stages of a rate each.

The prompts of all groups are shuffled once and then sent over and over, by Poisson. A stage begins when everything
before it has been answered, a pause later; since nothing happens in a pause, it is as long as it takes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.hardware import Engine
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.measurements import Stage
from agentsim_env.validation.replay import simulate
from agentsim_env.validation.timings import Timings
from agentsim_env.workload.builder import ProgramBuilder
from agentsim_env.workload.programs import Programs

SEED = 0
PAUSE_S = 1000.0
"""Far longer than any stage takes to be answered."""


class Prompts(NamedTuple):
    """What is sent.

    Attributes:
        groups: Prefixes.
        per_group: Prompts behind each.
        prefix_tokens: Length of a prefix.
        question_tokens: What a prompt has behind it.
        output_tokens: Of each answer.
    """

    groups: int
    per_group: int
    prefix_tokens: int
    question_tokens: int
    output_tokens: int


class StageResult(NamedTuple):
    """What clients saw of a stage: seconds, and tokens per second from its begin to its last token."""

    rate_per_s: float
    ttft_mean_s: float
    ttft_p50_s: float
    ttft_p90_s: float
    e2e_mean_s: float
    e2e_p90_s: float
    output_tok_s: float
    total_tok_s: float


def run_stages(
    prompts: Prompts,
    stages: tuple[Stage, ...],
    engine: EngineDescription,
    router: str,
    options: dict[str, object] | None = None,
    engines: Sequence[Engine] | None = None,
) -> list[StageResult]:
    """Simulates stages one after another on one cluster.

    Args:
        prompts: What is sent.
        stages: Rates and lengths.
        engine: Engine; its `replicas` are the cluster.
        router: Rule that routes.
        options: Further fields of `Blueprint`.
        engines: Replicas in the place of those that `engine` describes.
    """
    programs, stage_of, start_s = _programs(prompts, stages, engine.block_size_tokens)
    replayed = simulate(programs, engine, None, "shared prefix", router, options, engines)
    return [
        _result(stage.rate_per_s, replayed.requests, stage_of == number, start_s[number])
        for number, stage in enumerate(stages)
    ]


def run_clients(
    prompts: Prompts,
    clients: int,
    engine: EngineDescription,
    router: str,
    options: dict[str, object] | None = None,
) -> StageResult:
    """Simulates clients that each send their next request when the last is answered, until every prompt was sent once.

    Args:
        prompts: What is sent.
        clients: Requests at a time.
        engine: Engine; its `replicas` are the cluster.
        router: Rule that routes.
        options: Further fields of `Blueprint`.
    """
    order = np.random.default_rng(SEED).permutation(prompts.groups * prompts.per_group)
    shared = _Shared(prompts, engine.block_size_tokens)
    for number, which in enumerate(order):
        shared.send(int(which), 0.0, number - clients if number >= clients else -1)
    requests = simulate(shared.builder.build(), engine, None, "shared prefix", router, options).requests
    return _result(0.0, requests, np.ones(len(order), dtype=bool), 0.0)


def _result(rate_per_s: float, requests: Timings, kept: NDArray[np.bool_], start_s: float) -> StageResult:
    ttft_s, e2e_s = requests.ttft_s[kept], requests.e2e_s[kept]
    took_s = float(requests.end_s[kept].max()) - start_s
    out, every = requests.output_tokens[kept].sum(), requests.prompt_tokens[kept].sum()
    return StageResult(
        rate_per_s,
        float(ttft_s.mean()),
        float(np.quantile(ttft_s, 0.5)),
        float(np.quantile(ttft_s, 0.9)),
        float(e2e_s.mean()),
        float(np.quantile(e2e_s, 0.9)),
        float(out / took_s),
        float((out + every) / took_s),
    )


class _Shared:
    """Requests whose prompts share prefixes."""

    def __init__(self, prompts: Prompts, block_size: int) -> None:
        self.prompts = prompts
        self.builder = ProgramBuilder(block_size)
        blocks = prompts.prefix_tokens // block_size
        self._prefixes = [self.builder.add_segment(blocks) for _ in range(prompts.groups)]
        self._known: dict[int, int] = {}

    def send(self, which: int, at_s: float, after: int = -1) -> None:
        """One request with prompt number `which`."""
        builder, prompts = self.builder, self.prompts
        length = prompts.prefix_tokens + prompts.question_tokens
        if which not in self._known:
            prefix = self._prefixes[which % prompts.groups]
            more = length // builder.block_size - builder.end_block(prefix)
            self._known[which] = builder.add_segment(more, prefix)
        parent = self._known[which]
        end = -(-(length + prompts.output_tokens) // builder.block_size)
        leaf = builder.add_segment(end - builder.end_block(parent), parent)
        program = builder.add_program(at_s, after=after)
        builder.add_turn(program, leaf, prompt_tokens=length, output_tokens=prompts.output_tokens)


def _programs(
    prompts: Prompts, stages: tuple[Stage, ...], block_size: int
) -> tuple[Programs, NDArray[np.int64], list[float]]:
    """Programs of one request each, the stage of each, and when each stage begins."""
    generator = np.random.default_rng(SEED)
    order = generator.permutation(prompts.groups * prompts.per_group)
    shared = _Shared(prompts, block_size)
    stage_of: list[int] = []
    starts_s: list[float] = []
    begin_s = 0.0
    for number, stage in enumerate(stages):
        starts_s.append(begin_s)
        for time_s in begin_s + np.sort(generator.uniform(0.0, stage.seconds, stage.requests)):
            shared.send(int(order[len(stage_of) % len(order)]), float(time_s))
            stage_of.append(number)
        begin_s += stage.seconds + PAUSE_S
    return shared.builder.build(), np.array(stage_of), starts_s
