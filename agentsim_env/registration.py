"""The ids of the environments in Gymnasium's registry."""

import gymnasium
from gymnasium.envs.registration import registry

ENVIRONMENTS: dict[str, str] = {
    "AgentSim/Routing-v0": "envs.routing:RoutingEnv",
}
"""Id and entry point of every environment."""


def register_environments() -> None:
    """Register every environment, once."""
    for identifier, entry_point in ENVIRONMENTS.items():
        if identifier not in registry:
            gymnasium.register(id=identifier, entry_point=entry_point)
