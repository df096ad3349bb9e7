"""Runs measured loads through the engine of the simulator."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import FAILED, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.longest_context import held_tokens
from agentsim_env.hardware import Engine
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.front_end import tokenized
from agentsim_env.validation.load_programs import from_load, from_requests
from agentsim_env.validation.measurements import Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.timings import Timings
from agentsim_env.workload.programs import Programs


class Found(NamedTuple):
    """What requests found of their prompts.

    Attributes:
        prompt_tokens: All prompts together.
        hit_tokens: Of each request, what it did not have to compute.
        loaded_tokens: Of all hits together, those that were brought up from the CPU tier.
    """

    prompt_tokens: int
    hit_tokens: NDArray[np.int64]
    loaded_tokens: int

    @property
    def coverage(self) -> float:
        """Share of the prompt tokens that were found anywhere."""
        return float(self.hit_tokens.sum()) / self.prompt_tokens

    @property
    def gpu_coverage(self) -> float:
        """Share of the prompt tokens that were found on the GPU."""
        return (float(self.hit_tokens.sum()) - self.loaded_tokens) / self.prompt_tokens

    @property
    def tier_hit(self) -> float:
        """Share of what the GPU lacked that the tier had; 0 if it lacked nothing."""
        asked = self.prompt_tokens - float(self.hit_tokens.sum()) + self.loaded_tokens
        return self.loaded_tokens / asked if asked else 0.0


class Replay(NamedTuple):
    """A simulated run: its requests in the order of `Programs`, how often one was preempted, what they found."""

    requests: Timings
    preemptions: int
    found: Found


def replay(run: Run, engine: EngineDescription) -> Replay:
    """Simulate a measured run.

    Raises:
        ValidationError: A request can never fit the engine.
    """
    engine = run.limits.of(engine)
    if run.requests is not None:
        programs = from_requests(run.requests, engine.block_size_tokens)
    else:
        assert run.load is not None
        programs = from_load(run.load, engine.block_size_tokens)
    replayed = simulate(programs, engine, run.tp if run.tp in engine.tps else None, run.name)
    if run.load is None or run.load.counted < 0:
        return replayed
    kept = run.load.counted_requests()
    return replayed._replace(requests=Timings(*(column[kept] for column in replayed.requests)))


def simulate(
    programs: Programs,
    engine: EngineDescription,
    tp: int | None = None,
    name: str = "",
    router: str = "round_robin",
    options: Mapping[str, object] | None = None,
    engines: Sequence[Engine] | None = None,
) -> Replay:
    """Simulate programs on an engine.

    Args:
        programs: Programs of one turn each, or of several.
        engine: The engine.
        tp: One of its `tps`; by default the first.
        name: What messages begin with.
        router: Rule that sends requests to replicas, where there are several.
        options: Further fields of `Blueprint`.
        engines: Replicas in the place of those that `engine` describes.

    Raises:
        ValidationError: A request can never fit the engine, or the simulation does not end.
    """
    engines = engine.engines(tp) if engines is None else engines
    tier = engine.cpu_tier
    memory = {} if tier is None else tier.memory(engines, engine.block_size_tokens)
    blueprint = Blueprint(
        engines=engines,
        block_size=engine.block_size_tokens,
        frontend_s=engine.frontend_s + (0.0 if tier is None else tier.lookup_s),
        rules={"route_turn": router if len(engines) > 1 else "least_loaded"},
        **(memory | dict(options or {})),  # pyright: ignore[reportArgumentType]
    )
    sent = tokenized(programs, engine.frontend_token_s)
    core = Core(new_state(blueprint, sent.programs))
    if core.advance() != ENDED:
        raise ValidationError(f"{name}: the simulation did not end")
    _check_all_ended(core.state, sent.programs, engines[0], engine, name)
    runs, turn = core.state.turn_run[sent.turn_at], programs.turn
    timings = Timings(
        arrival_s=runs["ready_s"] - engine.frontend_token_s * turn["prompt_tokens"],
        prompt_tokens=turn["prompt_tokens"].astype(np.float64),
        output_tokens=turn["output_tokens"].astype(np.float64),
        first_token_s=runs["first_token_s"].copy(),
        end_s=runs["end_s"].copy(),
    )
    loaded = int(core.state.instance["loaded_blocks"].sum()) * engine.block_size_tokens
    found = Found(int(turn["prompt_tokens"].sum()), runs["hit_tokens"].astype(np.int64), loaded)
    return Replay(timings, int(runs["preemptions"].sum()), found)


def _check_all_ended(state: State, programs: Programs, engine: Engine, described: EngineDescription, name: str) -> None:
    failed = np.flatnonzero(state.program_run["state"] == FAILED)
    if len(failed):
        program = programs.program[failed[0]]
        turns = programs.turn[program["first_turn"] : program["first_turn"] + program["n_turns"]]
        need = int((turns["prompt_tokens"] + turns["output_tokens"]).max())
        held = held_tokens(engine, described.block_size_tokens)
        raise ValidationError(f"{name}: a request of {need} tokens; the engine can hold {held}")
