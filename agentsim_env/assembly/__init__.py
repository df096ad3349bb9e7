"""From a scenario to what runs it: the engines of its cluster, the engine's blueprint, and a source of programs."""

from agentsim_env.assembly.assemble import Assembly, assemble
from agentsim_env.assembly.drawn_source import DrawnSource, Source
from agentsim_env.assembly.engines import engines_of, resolve
from agentsim_env.assembly.source import Load, WorkloadSource, source_of, work_of
from agentsim_env.assembly.stuck import SimulationError
from agentsim_env.assembly.variants import Variant, Variants

__all__ = [
    "Assembly",
    "DrawnSource",
    "Load",
    "SimulationError",
    "Source",
    "Variant",
    "Variants",
    "WorkloadSource",
    "assemble",
    "engines_of",
    "resolve",
    "source_of",
    "work_of",
]
