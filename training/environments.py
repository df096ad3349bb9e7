"""The environments by the names of the command line, and how one is made for a scenario."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from training.errors import TrainingError

if TYPE_CHECKING:
    import gymnasium

    from agentsim_env.scenario import Scenario


class Environment(NamedTuple):
    """An environment that agents can be trained for.

    Attributes:
        id: What it is registered as in Gymnasium.
        kind: Kind of decision that its agents answer.
    """

    id: str
    kind: str


ENVIRONMENTS: Mapping[str, Environment] = {
    "routing": Environment("AgentSim/Routing-v0", "route_turn"),
}


def find_environment(name: str) -> Environment:
    """An environment by its name on the command line.

    Raises:
        TrainingError: There is none of this name.
    """
    if name not in ENVIRONMENTS:
        raise TrainingError(f"no environment {name!r}; there are: {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[name]


def make_environment(name: str, scenario: "Scenario") -> "gymnasium.Env":
    """Makes an environment for a scenario, without Gymnasium's checks of every step."""
    import gymnasium

    import agentsim_env  # noqa: F401  (registers the environments)

    return gymnasium.make(find_environment(name).id, scenario=scenario, disable_env_checker=True)


def load(scenario: Any, overrides: Any = (), trace: str | Path | None = None, bundle: str | None = None) -> "Scenario":
    """Loads a scenario, with the programs of a trace in the place of its own if there is one.

    Args:
        scenario: What `load_scenario` takes.
        overrides: Changes, as `load_scenario` takes them; they come after the trace.
        trace: File or folder of a trace. Its programs arrive as the scenario says, not at the recorded times, and its
            name goes behind that of the scenario.
        bundle: Bundle whose rules replace those of the scenario. Programs arrive as they do under the scenario's own.
    """
    from agentsim_env.scenario import load_scenario

    if trace is not None:
        path = Path(trace).resolve()
        if not path.exists():
            raise TrainingError(f"--trace {trace}: no such file or folder")
        scenario = load_scenario(scenario)
        named = f"{scenario.name}-{path.stem}"
        scenario = load_scenario(scenario, {"name": named, "workload.trace": {"path": str(path)}})
    loaded = load_scenario(scenario, overrides)
    return loaded if bundle is None else _with_bundle(loaded, bundle)


def _with_bundle(scenario: "Scenario", bundle: str) -> "Scenario":
    from agentsim_env.capacity import with_rate
    from agentsim_env.scenario import load_scenario
    from agentsim_env.scenario.bundle import find_bundle

    find_bundle(bundle)  # an unknown name is refused before a capacity is measured
    return load_scenario(with_rate(scenario), {"rules.bundle": bundle})
