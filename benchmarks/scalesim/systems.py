"""The systems of the comparison, each as changes of the scenario `agent_world`."""

from typing import Any

LINK_GB_PER_S = 64.0
"""Link to the host of the paper's H100."""

HOST_GIB = 256.0
"""Memory of the host: all prefixes fit."""

LEAST_GIB = 0.01
"""A host that keeps no KV, and only has the adapters."""


def _host(capacity_gib: float = HOST_GIB, **more: Any) -> dict[str, Any]:
    return {"kind": "dram", "capacity_gib": capacity_gib, "link_gb_per_s": LINK_GB_PER_S, **more}


def _by(eviction: str, prefetch: str, **host: Any) -> dict[str, Any]:
    return {"cluster.tiers": [_host(**host)], "rules.evict_kv": eviction, "rules.prefetch_kv": prefetch}


SYSTEMS: dict[str, dict[str, Any]] = {
    "SGLang": {
        "cluster.tiers": [_host(LEAST_GIB)],
        "cluster.write_policy": "none",
        "cluster.transfers": "serialized",
    },
    "HiCache": {"cluster.tiers": [_host()], "cluster.transfers": "serialized"},
    "LRU beside": {"cluster.tiers": [_host()]},
    "KVFlow": _by("kvflow", "kvflow", queue="priority"),
    "ScaleSim": _by("scalesim", "scalesim", queue="distance", interrupt=True),
    "Belady": _by("oracle_belady", "oracle_next_use", queue="priority"),
}
"""By the names on the page, from what knows least to what knows most."""


def over_link(system: str, gb_per_s: float) -> dict[str, Any]:
    """A system whose host is behind another link."""
    changes = SYSTEMS[system]
    return changes | {"cluster.tiers": [tier | {"link_gb_per_s": gb_per_s} for tier in changes["cluster.tiers"]]}
