"""What is simulated beside the system: memory, and agents of a world."""

from typing import Any, NamedTuple

CLASSES = ("independent", "interacting", "diffusion")
"""Classes of invocation distance, by the names of their families without `world_`."""

STEPS = 30
"""Steps of an episode."""

WARM_STEPS = 10
"""Steps before these figures begin: by then nearly all agents have called, and their memory has been made."""

FRESH_TOKENS = 32
"""Tokens that a call brings beyond its prefix: KVFlow's dynamic part [N]."""


class Setting(NamedTuple):
    """Agents and the memory that they have.

    Attributes:
        agents: How many there are.
        instance: Changes of the instance.
        params: Parameters of their family.
    """

    agents: int
    instance: dict[str, Any]
    params: dict[str, Any]


PREFIXES = Setting(500, {"kv_blocks": 37_500}, {})
"""The scenario `agent_world`: 500 agents with prefixes of 4,096 tokens, of which 125 fit."""

ADAPTERS = Setting(
    400,
    {"kv_blocks": 100_000 // 16, "adapters": {"slots": 100, "rank": 64}},
    {"prefix_tokens": {"value": 640}, "adapters": "own"},
)
"""The example configuration of the authors' code: 100 slots of rank 64, 100,000 tokens of KV [C]. They hold a quarter
of the agents; prefixes are as long as a generative agent's prompt [N: AI Metropolis]."""


def short(setting: Setting) -> Setting:
    """The same agents with little that is fresh."""
    return setting._replace(params=setting.params | {"fresh_tokens": {"value": FRESH_TOKENS}})


MAIN = "adapters"
"""Setting that is held against the paper: what its evaluation has in memory, in the configuration of its code, all else
as the family has it. It was chosen for that, not for what comes out."""

SETTINGS: dict[str, Setting] = {
    "prefixes": PREFIXES,
    "prefixes, short": short(PREFIXES),
    MAIN: ADAPTERS,
    "adapters, short": short(ADAPTERS),
}
"""By the names on the page."""


def changes_of(setting: Setting, family: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Changes of the scenario."""
    return {
        "cluster.instances": [{"gpu": "H100"} | setting.instance],
        "workload.mix": [{"family": family, "params": {"steps": STEPS} | setting.params | (params or {})}],
        "workload.arrivals.users": setting.agents,
        "episode": {"programs": setting.agents, "warmup_programs": 0},
    }


def all_fit(setting: Setting) -> Setting:
    """The same agents with memory for all of them and for what their calls leave, more than the card has."""
    instance = setting.instance | {"kv_blocks": 20 * setting.instance["kv_blocks"]}
    if "adapters" in instance:
        instance["adapters"] = instance["adapters"] | {"slots": setting.agents}
    return setting._replace(instance=instance)
