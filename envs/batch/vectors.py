"""The vector environment of each environment, by the name of its class: what `gymnasium.make_vec` calls.

`agentsim_env.envs.batch.vectors:RoutingEnv` takes the arguments of `RoutingEnv`, and `num_envs`.
"""

from functools import partial
from pkgutil import resolve_name
from typing import Any

from agentsim_env.registration import ENVIRONMENTS


def __getattr__(name: str) -> Any:
    for entry_point in ENVIRONMENTS.values():
        if entry_point.endswith(f":{name}"):
            from agentsim_env.envs.batch.vector_env import BatchVectorEnv

            return partial(BatchVectorEnv, resolve_name(entry_point))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
