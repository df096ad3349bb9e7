"""Runs measured loads through the engine of the simulator."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import FAILED
from agentsim_env.engine.entry import Core
from agentsim_env.engine.longest_context import held_tokens
from agentsim_env.validation.engine_description import EngineDescription
from agentsim_env.validation.measurements import Load, Run
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.timings import Array, Timings
from agentsim_env.workload.builder import ChainTurn, ProgramBuilder
from agentsim_env.workload.programs import Programs

SEED = 0  # of lengths and Poisson arrivals


class Replay(NamedTuple):
    """A simulated run: its requests in the order in which they were built, and how often one was preempted."""

    requests: Timings
    preemptions: int


def replay(run: Run, engine: EngineDescription) -> Replay:
    """Simulate a measured run.

    Raises:
        ValidationError: A request can never fit the engine.
    """
    if run.requests is not None:
        programs = from_requests(run.requests, engine.block_size_tokens)
    else:
        assert run.load is not None
        programs = from_load(run.load, engine.block_size_tokens)
    return simulate(programs, engine, run.tp if run.tp in engine.tps else None, run.name)


def simulate(programs: Programs, engine: EngineDescription, tp: int | None, name: str = "") -> Replay:
    """Simulate single-turn programs on an engine."""
    engines = engine.engines(tp)
    rule = "round_robin" if len(engines) > 1 else "least_loaded"
    blueprint = Blueprint(
        engines=engines,
        block_size=engine.block_size_tokens,
        frontend_s=engine.frontend_s,
        rules={"route_turn": rule},
    )
    core = Core(new_state(blueprint, programs))
    if core.advance() != ENDED:
        raise ValidationError(f"{name}: the simulation did not end")
    state = core.state
    failed = np.flatnonzero(state.program_run["state"] == FAILED)
    if len(failed):
        turn = programs.turn[programs.program["first_turn"][failed[0]]]
        need = int(turn["prompt_tokens"] + turn["output_tokens"])
        held = held_tokens(engines[0], engine.block_size_tokens)
        raise ValidationError(f"{name}: a request of {need} tokens; the engine can hold {held}")
    runs = state.turn_run
    timings = Timings(
        arrival_s=np.array(runs["ready_s"]),
        prompt_tokens=programs.turn["prompt_tokens"].astype(np.float64),
        output_tokens=programs.turn["output_tokens"].astype(np.float64),
        first_token_s=np.array(runs["first_token_s"]),
        end_s=np.array(runs["end_s"]),
    )
    return Replay(timings, int(runs["preemptions"].sum()))


def from_requests(requests: Timings, block_size: int) -> Programs:
    """Programs of one turn each that arrive when `requests` did, sharing nothing."""
    builder = ProgramBuilder(block_size)
    rows = zip(requests.arrival_s, requests.prompt_tokens, requests.output_tokens, strict=True)
    for arrival_s, prompt, output in rows:
        builder.add_chain(builder.add_program(float(arrival_s)), [ChainTurn(int(prompt), int(output))])
    return builder.build()


def from_load(load: Load, block_size: int) -> Programs:
    """Programs of one turn each, in a closed or an open loop."""
    generator = np.random.default_rng(SEED)
    prompts = _lengths(load.prompt_tokens, load, generator)
    outputs = _lengths(load.output_tokens, load, generator)
    arrivals = np.zeros(load.requests) if load.arrivals == "closed" else _arrivals(load, generator)
    builder = ProgramBuilder(block_size)
    for number, (prompt, output, arrival_s) in enumerate(zip(prompts, outputs, arrivals, strict=True)):
        # Whichever client ends first sends the next request: with a chain for each client nobody waits either.
        after = number - load.concurrency if load.arrivals == "closed" and number >= load.concurrency else -1
        program = builder.add_program(float(arrival_s), after=after)
        builder.add_chain(program, [ChainTurn(int(prompt), int(output))])
    return builder.build()


def _lengths(longest: int, load: Load, generator: np.random.Generator) -> NDArray[np.int64]:
    shortest = max(1, int(longest * load.shortest))
    return generator.integers(shortest, longest, load.requests, endpoint=True)


def _arrivals(load: Load, generator: np.random.Generator) -> Array:
    if load.arrivals == "constant":
        return np.arange(load.requests) / load.rate_per_s
    gaps = generator.exponential(1.0 / load.rate_per_s, load.requests)
    return np.cumsum(gaps) - gaps[0]
