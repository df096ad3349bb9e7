"""One episode of one agent."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium
import numpy as np

from agentsim_env.agents.protocol import Agent

if TYPE_CHECKING:
    from agentsim_env import Simulator
    from agentsim_env.envs.compiled_play import CompiledPlay
    from agentsim_env.workload import Programs


class Rollout(NamedTuple):
    """What an episode came to.

    Attributes:
        metrics: The simulator's summary: flat scalars; one without a sample is absent.
        workload_hash: Hash of the programs that the episode consisted of.
        records_hash: Hash of everything that was recorded.
        jct_s: Job completion time of each counted program that is done, in seconds.
        decisions: Decisions that the agent answered; 0 if the simulator answered them itself.
        episode_return: Sum of the rewards.
    """

    metrics: Mapping[str, float]
    workload_hash: str
    records_hash: str
    jct_s: np.ndarray
    decisions: int
    episode_return: float


def roll_out(agent: Agent, env: gymnasium.Env, seed: int, programs: "Programs") -> Rollout:
    """Runs an agent through an episode of an environment that it is bound to."""
    agent.reset(seed)
    observation, info = env.reset(seed=seed, options={"programs": programs})
    decisions, ended = 0, False
    while not ended:
        observation, _, terminated, truncated, info = env.step(agent.act(observation, info))
        decisions += 1
        ended = terminated or truncated
    inner: Any = env.unwrapped
    return _rollout(inner.simulator, decisions)


def play(player: "CompiledPlay", simulator: "Simulator", seed: int, programs: "Programs") -> Rollout:
    """Runs an episode by a policy in compiled code."""
    simulator.reset(seed, programs)
    return _rollout(simulator, player.play(simulator))


def simulate(simulator: "Simulator", seed: int, programs: "Programs") -> Rollout:
    """Runs an episode by the simulator's own rules, which takes milliseconds."""
    simulator.reset(seed, programs)
    simulator.run()
    return _rollout(simulator, 0)


def workload_hash(programs: "Programs") -> str:
    """SHA-256 of everything that a workload says."""
    digest = hashlib.sha256(repr((programs.block_size, programs.tools, programs.families, programs.tenants)).encode())
    for array in (programs.program, programs.turn, programs.edge, programs.segment):
        for name in array.dtype.names or ():
            digest.update(np.ascontiguousarray(array[name]).tobytes())
    return digest.hexdigest()


def _rollout(simulator: "Simulator", decisions: int) -> Rollout:
    from agentsim_env.envs.rewards import episode_return
    from agentsim_env.metrics import summarise

    records = simulator.records()
    jct_s = records.counted_programs["jct_s"]
    return Rollout(
        metrics=summarise(records, simulator.scenario.slo),
        workload_hash=workload_hash(simulator.programs),
        records_hash=records.content_hash(),
        jct_s=jct_s[~np.isnan(jct_s)],
        decisions=decisions,
        episode_return=episode_return(simulator),
    )
