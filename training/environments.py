"""The environments by the names of the command line, and how one is made for a scenario."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agentsim_env import registration
from agentsim_env.agents.advice import advised_by
from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.engine.core.decisions import DECISIONS, KINDS
from agentsim_env.training.errors import TrainingError

if TYPE_CHECKING:
    import gymnasium

    from agentsim_env.scenario import Scenario


class Environment(NamedTuple):
    """An environment that agents can be trained for.

    Attributes:
        id: What it is registered as in Gymnasium.
        kinds: Kinds of decision that its agents answer.
    """

    id: str
    kinds: tuple[str, ...]

    def default_rule(self, scenario: "Scenario") -> str:
        """Name of what answers in an agent's place in a scenario."""
        return getattr(scenario.rules, self.kinds[0]) if len(self.kinds) == 1 else SCENARIO_RULES


def _kinds_of(identifier: str) -> tuple[str, ...]:
    """The kind that has this environment; one that is no kind's own puts all of them."""
    return tuple(kind for kind, row in DECISIONS.items() if row.environment == identifier) or KINDS


ENVIRONMENTS: Mapping[str, Environment] = {
    registration.name_of(identifier): Environment(identifier, _kinds_of(identifier))
    for identifier in registration.ENVIRONMENTS
}
"""By what stands between `AgentSim/` and the version in their ids, in small letters, words joined by `_`."""


def find_environment(name: str) -> Environment:
    """An environment by its name on the command line.

    Raises:
        TrainingError: There is none of this name.
    """
    if name not in ENVIRONMENTS:
        from agentsim_env.scenario.errors import suggestion

        raise TrainingError(f"no environment {name!r}{suggestion(name, ENVIRONMENTS)}")
    return ENVIRONMENTS[name]


def default_scenario(name: str) -> str:
    """Scenario of an environment where none is given."""
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    entry_point = gymnasium.spec(find_environment(name).id).entry_point
    creator: Any = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    return creator.default_scenario


def make_environment(name: str, scenario: "Scenario") -> "gymnasium.Env":
    """Makes an environment for a scenario, without Gymnasium's checks of every step.

    Seeds are those of workloads, of all splits; returns are those of `agentsim_env.envs.rewards.episode_return`, which
    the hyper-parameter `reward_scale` counts from.
    """
    import gymnasium

    identifier = find_environment(name).id
    return gymnasium.make(identifier, scenario=scenario, split=None, reward_scale=1.0, disable_env_checker=True)


def load(
    scenario: Any,
    overrides: Any = (),
    trace: str | Path | None = None,
    bundle: str | None = None,
    environment: str | None = None,
    advice: str | None = None,
) -> "Scenario":
    """Loads a scenario, with the programs of a trace in the place of its own if there is one.

    Args:
        scenario: What `load_scenario` takes.
        overrides: Changes, as `load_scenario` takes them; they come after the trace.
        trace: File or folder of a trace. Its programs arrive as the scenario says, not at the recorded times, and its
            name goes behind that of the scenario.
        bundle: Bundle whose rules replace those of the scenario. Programs arrive as they do under the scenario's own.
        environment: Name of the environment whose default scenario it is if none is given.
        advice: Rule that advises the agents of the environment; see `agentsim_env.agents.advice.advised_by`.
    """
    from agentsim_env.scenario import load_scenario

    if scenario is None and environment is not None:
        scenario = default_scenario(environment)
    if trace is not None:
        path = Path(trace).resolve()
        if not path.exists():
            raise TrainingError(f"--trace {trace}: no such file or folder")
        scenario = load_scenario(scenario)
        named = f"{scenario.name}-{path.stem}"
        scenario = load_scenario(scenario, {"name": named, "workload.trace": {"path": str(path)}})
    loaded = load_scenario(scenario, overrides)
    if loaded.workload.trace is not None:
        loaded.workload.trace.check_exists()
    if bundle is not None:
        loaded = _with_bundle(loaded, bundle)
    return loaded if advice is None else advised_by(loaded, advice, find_environment(environment or "").kinds)


def _with_bundle(scenario: "Scenario", bundle: str) -> "Scenario":
    from agentsim_env.load import with_rate
    from agentsim_env.scenario import load_scenario
    from agentsim_env.scenario.bundle import find_bundle

    find_bundle(bundle)  # an unknown name is refused before a capacity is measured
    return load_scenario(with_rate(scenario), {"rules.bundle": bundle})
