"""Simulations that cannot go on: what they say, and which they are."""

from agentsim_env.engine.core.decisions import STUCK, TRUNCATED
from agentsim_env.engine.core.state import State
from agentsim_env.errors import AgentSimError
from agentsim_env.limits import LONGEST_S


class SimulationError(AgentSimError, RuntimeError):
    """The simulation cannot go on, or was used out of turn."""


def check_goes_on(asked: int, state: State, has_time_limit: bool) -> None:
    """Refuses what the engine has come to, where that is neither a decision nor the end of an episode.

    Args:
        asked: What `Core.advance` has returned.
        state: The state of the simulation.
        has_time_limit: Whether the scenario ends an episode at a time.

    Raises:
        SimulationError: Programs wait for something that will never come, or time has come to its end.
    """
    if asked == STUCK:
        raise SimulationError(stuck_message(state))
    if asked == TRUNCATED and not has_time_limit:
        left = f"{programs_left(state)} programs to go"
        raise SimulationError(f"the clock has come to its end at {LONGEST_S:g} s, with {left}")


def stuck_message(state: State) -> str:
    """Why nothing can happen any more."""
    parked = int(state.world["parked_head"][0]) >= 0
    reason = "turns wait for an instance that is never up again" if parked else "no event is left"
    world = state.world[0]
    return f"the simulation is stuck at {world['now_s']:.3f} s with {programs_left(state)} programs to go: {reason}"


def programs_left(state: State) -> int:
    """Programs that have not ended."""
    world = state.world[0]
    return len(state.program) - int(world["n_done"] + world["n_failed"] + world["n_rejected"])
