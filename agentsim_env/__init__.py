"""agentsim-env: a program-level simulator of LLM-agent serving, wrapped as Gymnasium environments."""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentsim_env.registration import register_environments

if TYPE_CHECKING:
    from agentsim_env.assembly import SimulationError
    from agentsim_env.scenario import Scenario, ScenarioError, load_scenario
    from agentsim_env.simulator import Decision, Simulator

__version__ = version("agentsim-env")

__all__ = [
    "Decision",
    "Scenario",
    "ScenarioError",
    "SimulationError",
    "Simulator",
    "__version__",
    "load_scenario",
]

_HOMES = {
    "Decision": "agentsim_env.simulator",
    "SimulationError": "agentsim_env.assembly",
    "Simulator": "agentsim_env.simulator",
    "Scenario": "agentsim_env.scenario",
    "ScenarioError": "agentsim_env.scenario",
    "load_scenario": "agentsim_env.scenario",
}


def __getattr__(name: str) -> Any:
    """Names of the package, imported when they are first used: the engine takes a moment to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def _check_links() -> None:
    """Says what is wrong where a checkout, or what was installed from it, has files in the place of links, or none."""
    here = Path(__file__).parent
    for name in ("agents", "envs", "training"):
        if here.is_dir() and not (here / name).is_dir():
            raise ImportError(
                f"{here / name} is no folder: these sources came without their symbolic links, as by Git with"
                " core.symlinks=false or from an archive that was unpacked without them; clone again with"
                " `git clone -c core.symlinks=true`, and install from there"
            )


_check_links()
register_environments()
