"""The ids of the environments in Gymnasium's registry."""

import gymnasium
from gymnasium.envs.registration import registry

ENVIRONMENTS: dict[str, str] = {
    "AgentSim/Routing-v0": "envs.routing:RoutingEnv",
    "AgentSim/Admission-v0": "envs.admission:AdmissionEnv",
    "AgentSim/Scheduling-v0": "envs.scheduling:SchedulingEnv",
    "AgentSim/Joint-v0": "envs.joint:JointEnv",
}
"""Id and entry point of every environment."""


def register_environments() -> None:
    """Register every environment, once."""
    for identifier, entry_point in ENVIRONMENTS.items():
        if identifier not in registry:
            gymnasium.register(id=identifier, entry_point=entry_point)


def page() -> str:
    """The documentation page of the environments, from their docstrings."""
    import inspect
    from importlib import import_module

    parts = ["# Environments", "Written by `python -m agentsim_env.registration` from the docstrings of the classes."]
    for identifier, entry_point in ENVIRONMENTS.items():
        module, _, name = entry_point.partition(":")
        text = inspect.getdoc(getattr(import_module(module), name)) or ""
        parts += [f"# {identifier}", text]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")
