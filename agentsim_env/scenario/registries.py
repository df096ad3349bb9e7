"""The tables of names that a scenario may use, looked up when one is validated.

The schema knows no rule, workload family, trace format, GPU or model by name: each is declared where it is
implemented, in one table. That of the rules is imported when it is looked at: it takes the compiler with it, which
whoever only wants a name or a type of this package does not need.
"""

from collections.abc import Collection, Mapping
from typing import Any

from agentsim_env.hardware import find_gpu, find_model, tensor_parallel
from agentsim_env.hardware.all_reduce import known_link
from agentsim_env.hardware.dtypes import kv_dtype, weight_dtype
from agentsim_env.hardware.engine_profiles import find_engine
from agentsim_env.hardware.sampling import known_sampling
from agentsim_env.workload.families import FAMILIES
from agentsim_env.workload.traces import FORMATS


def families() -> Mapping[str, Any]:
    """Workload families by name; each has a model of its parameters, `params`, that knows its `tool_names`."""
    return FAMILIES


def trace_formats() -> Collection[str]:
    """Names of the trace formats that can be read."""
    return tuple(FORMATS)


def rules(kind: str) -> Collection[str]:
    """Names of the rules that answer one kind of decision."""
    from agentsim_env.engine.tables import RULES

    return RULES[kind]


def rule_parameters(kind: str, rule: str) -> Mapping[str, float]:
    """Parameters of a rule with their defaults."""
    from agentsim_env.engine.tables import RULE_PARAMS

    return RULE_PARAMS.get(kind, {}).get(rule, {})


def known_gpu(name: str) -> str:
    """Returns a name that the hardware catalogue knows; it raises a ValueError that lists them for any other."""
    find_gpu(name)
    return name


def known_model(name: str) -> str:
    """Returns a name that the hardware catalogue knows; it raises a ValueError that lists them for any other."""
    find_model(name)
    return name


def undivided(model: str, tp: int) -> str | None:
    """What tensor parallelism of `tp` does not divide in a model, with the sizes that would work; `None` if nothing."""
    return tensor_parallel.undivided(find_model(model), tp)


def longest_context_tokens(model: str) -> int:
    """The longest context that a model is made for."""
    return find_model(model).max_context_tokens


def known_weight_dtype(name: str) -> str:
    """Returns a number format that weights can have; the hardware catalogue raises a ValueError for any other."""
    weight_dtype(name)
    return name


def known_kv_dtype(name: str) -> str:
    """Returns a number format that KV can have; the hardware catalogue raises a ValueError for any other."""
    kv_dtype(name)
    return name


def known_engine(name: str) -> str:
    """Returns the name of an engine that is known; the hardware catalogue raises a ValueError that lists them."""
    return find_engine(name).name


def known_interconnect(name: str) -> str:
    """Returns the name of a link that was measured; the hardware catalogue raises a ValueError that lists them."""
    return known_link(name)


def known_way_of_sampling(name: str) -> str:
    """Returns a way in which tokens are drawn; the hardware catalogue raises a ValueError that lists them."""
    return known_sampling(name)
