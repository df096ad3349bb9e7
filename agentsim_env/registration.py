"""The ids of the environments in Gymnasium's registry."""

from pathlib import Path

import gymnasium
from gymnasium.envs.registration import registry

ENVIRONMENTS: dict[str, str] = {
    "AgentSim/Routing-v0": "envs.routing:RoutingEnv",
    "AgentSim/Admission-v0": "envs.admission:AdmissionEnv",
    "AgentSim/Scheduling-v0": "envs.scheduling:SchedulingEnv",
    "AgentSim/Retention-v0": "envs.retention:RetentionEnv",
    "AgentSim/Eviction-v0": "envs.eviction:EvictionEnv",
    "AgentSim/Prefetch-v0": "envs.prefetch:PrefetchEnv",
    "AgentSim/Joint-v0": "envs.joint:JointEnv",
}
"""Id and entry point of every environment."""


def register_environments() -> None:
    """Register every environment, once."""
    for identifier, entry_point in ENVIRONMENTS.items():
        if identifier not in registry:
            gymnasium.register(id=identifier, entry_point=entry_point)


RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
"""Where `benchmarks.learning` leaves what was learned in each environment."""


def page(results: Path = RESULTS) -> str:
    """The documentation page of the environments, from their docstrings and from what was learned in them."""
    import inspect
    from importlib import import_module

    parts = ["# Environments", INTRODUCTION]
    for identifier, entry_point in ENVIRONMENTS.items():
        module, _, name = entry_point.partition(":")
        text = inspect.getdoc(getattr(import_module(module), name)) or ""
        parts += [f"# {identifier}", text]
        learned = results / f"{identifier.removeprefix('AgentSim/').partition('-')[0].lower()}.md"
        if learned.exists():
            parts += ["## Learned", learned.read_text(encoding="utf-8").strip()]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
Written by `python -m agentsim_env.registration` from the docstrings of the classes; the tables of what was learned by
`python -m benchmarks.learning`.

An environment puts one kind of decision to the agent; the rules of its scenario answer all others. `Joint-v0` puts
several kinds in turn, and `envs.multi_agent.env` is its PettingZoo form, with an agent for each kind or instance."""


if __name__ == "__main__":
    print(page(), end="")
