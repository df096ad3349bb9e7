"""Workload sources without a cluster, for tests."""

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from agentsim_env.assembly import WorkloadSource
from agentsim_env.assembly.mix import Mix
from agentsim_env.assembly.tool_servers import ToolServers
from agentsim_env.workload import arrivals
from agentsim_env.workload.families import FAMILIES


def defaults(family: str) -> Any:
    return FAMILIES[family].params.model_validate({})


def entry(family: str, params: Mapping[str, object] | None = None, weight: float = 1.0, tenant: str = "default") -> Any:
    """What `MixEntry` of the scenario is."""
    given = FAMILIES[family].params.model_validate(params or {})
    return SimpleNamespace(family=family, weight=weight, tenant=tenant, params=given)


def source(*entries, n=64, times=None, reuse_generated=True, block_size=16, tools=None):
    mix = Mix(entries, block_size, reuse_generated)
    times = times or partial(arrivals.poisson, rate_per_s=2.0)
    return WorkloadSource(mix, n, times, None, ToolServers(tools or {}, mix.tools))
