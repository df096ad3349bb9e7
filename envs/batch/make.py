"""Makes vector environments of Stable-Baselines3."""

from typing import TYPE_CHECKING, Any

import gymnasium

from agentsim_env.envs.errors import EnvError
from agentsim_env.registration import ENVIRONMENTS, name_of

if TYPE_CHECKING:
    from agentsim_env.envs.batch.sb3_vec_env import BatchVecEnv


def make_sb3_vec(
    environment: str,
    n_envs: int = 1,
    seed: int | None = None,
    *,
    max_episode_steps: int | None = None,
    threads: int | None = None,
    **arguments: Any,
) -> "BatchVecEnv":
    """Many episodes of an environment as Stable-Baselines3 takes them, in this process: a step is one compiled call.

    Args:
        environment: Its id, `"AgentSim/Routing-v1"`, or what stands there before the version: `"Routing"`.
        n_envs: How many episodes.
        seed: Seed of the first environment at the first reset; that of number i is `seed + i`. None: they draw theirs.
        max_episode_steps: Steps after which an episode is truncated; None for no such limit.
        threads: Threads that make a step; None: one for each core, if there are episodes enough.
        arguments: Those of the environment, as `scenario`; a list of scenarios gives environment i number i of it, and
            begins again.

    Raises:
        EnvError: There is no such environment, or observations or answers of several scenarios are not alike.
    """
    from agentsim_env.envs.batch.batch import Batch
    from agentsim_env.envs.batch.each import make_each
    from agentsim_env.envs.batch.sb3_vec_env import BatchVecEnv

    identifier = _identifier(environment)

    def make(**given: Any) -> Any:
        return gymnasium.make(identifier, **given).unwrapped

    vec_env = BatchVecEnv(
        Batch(make_each(make, arguments, n_envs), n_envs, threads=threads, most_steps=max_episode_steps)
    )
    if seed is not None:
        vec_env.seed(seed)
    return vec_env


def _identifier(name: str) -> str:
    """The id of an environment, the newest of those that a name without a version stands for."""
    if name in ENVIRONMENTS:
        return name
    found = [known for known in ENVIRONMENTS if name in (name_of(known), known.split("/")[1].partition("-v")[0])]
    if not found:
        raise EnvError(f"no environment {name!r}; there are: {', '.join(ENVIRONMENTS)}")
    return max(found, key=lambda known: int(known.rpartition("-v")[2]))
