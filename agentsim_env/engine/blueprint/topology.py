"""Instances, their pools, the tiers below them and the links between all of these, with nothing on them yet.

Pools are numbered: HBM of each instance, then what the router remembers of each if it keeps a tree, then the pools of
the first tier, then those of the second.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agentsim_env.engine.blueprint.blueprint import Blueprint, Peer, Tier
from agentsim_env.engine.blueprint.reserved import reserved
from agentsim_env.engine.core.state import CXL, INSTANCE, LINK, MODES, NONE, POOL, QUEUES, TIER, TIER_KINDS
from agentsim_env.engine.longest_context import taken_tokens


class Topology(NamedTuple):
    """Where KV can be and where it can go; see `State` for each."""

    instance: np.ndarray
    pool: np.ndarray
    tier: np.ndarray
    link: np.ndarray


def topology(blueprint: Blueprint) -> Topology:
    """The instances of a blueprint and what is around them."""
    n = len(blueprint.engines)
    n_upper = 2 * n if blueprint.row_of("route_turn").needs_tree else n
    below = lower_pools(blueprint.tiers, n_upper)
    pool = _pools(blueprint, n_upper, below)
    tier, link = _ways(blueprint, below, len(pool))
    instance = _instances(blueprint)
    if blueprint.peer is not None:
        instance["peer_link"] = len(link) - n + np.arange(n)
    return Topology(instance, pool, tier, link)


def lower_pools(tiers: Sequence[Tier], first: int) -> list[np.ndarray]:
    """Pool of each instance in each tier, where those of the first tier are numbered from `first` on."""
    below: list[np.ndarray] = []
    for tier in tiers:
        below.append(first + np.array(tier.pool_of))
        first = int(below[-1].max()) + 1
    return below


def _instances(blueprint: Blueprint) -> np.ndarray:
    engines = blueprint.engines
    rows = reserved(len(engines), INSTANCE)
    for name in ("waiting", "running", "prefill"):
        rows[f"{name}_head"] = rows[f"{name}_tail"] = NONE
    for name in ("pin", "peer_link", "joining", "departing", "load_head", "acting_head", "acting_tail"):
        rows[name] = NONE
    rows["next_on_gpu"] = _next_on_gpu([engine.shares_gpu for engine in engines])
    rows["max_context"] = taken_tokens(engines, blueprint.block_size)
    rows["profile"] = blueprint.latency.profile_of
    rows["mode"] = [MODES.index(engine.mode) for engine in engines]
    rows["async_scheduling"] = [engine.async_scheduling for engine in engines]
    rows["max_num_seqs"] = [engine.max_num_seqs for engine in engines]
    rows["max_num_batched_tokens"] = [engine.max_num_batched_tokens for engine in engines]
    rows["up"] = [engine.start_s <= 0 for engine in engines]
    rows["adapter_slots"] = [engine.adapter_slots for engine in engines]
    rows["adapter_bytes"] = [engine.adapter_bytes for engine in engines]
    rows["block_bytes"] = [engine.kv_bytes_per_token * blueprint.block_size for engine in engines]
    return rows


def _next_on_gpu(names: Sequence[str | None]) -> list[int]:
    """The next instance on the GPU of each, in a ring; itself where it shares with nobody."""
    rings: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name is not None:
            rings.setdefault(name, []).append(i)
    following = list(range(len(names)))
    for ring in rings.values():
        for i, other in zip(ring, ring[1:] + ring[:1], strict=True):
            following[i] = other
    return following


def _pools(blueprint: Blueprint, n_upper: int, below: Sequence[np.ndarray]) -> np.ndarray:
    n = len(blueprint.engines)
    pool = reserved(max([n_upper, *(int(pools.max()) + 1 for pools in below)]), POOL)
    pool["oldest"] = pool["newest"] = pool["last_first"] = NONE
    pool["capacity"][:n] = [engine.kv_blocks for engine in blueprint.engines]
    pool["capacity"][n:n_upper] = blueprint.router_tree_tokens // blueprint.block_size
    for tier, pools in zip(blueprint.tiers, below, strict=True):
        pool["capacity"][pools] = tier.blocks
        pool["watermark_blocks"][pools] = int(tier.watermark * tier.blocks)
        pool["batch_share"][pools] = tier.batch_share
    if blueprint.tiers:
        pool["staging_blocks"] = blueprint.staging_bytes // blueprint.block_bytes
    return pool


def _ways(blueprint: Blueprint, below: Sequence[np.ndarray], n_pools: int) -> tuple[np.ndarray, np.ndarray]:
    """The tiers below each pool, and the links to them: two for each instance and tier, down and up.

    Then, where there are two tiers, one for each pool of the upper one, down to the lower one; and one for what each
    instance gets from others.
    """
    n, peer = len(blueprint.engines), blueprint.peer
    tier = np.zeros((n_pools if blueprint.tiers or peer is not None else 0, 2), TIER)
    for name in TIER.names or ():
        tier[name] = NONE
    links: list[np.ndarray] = []
    for given, pools in zip(blueprint.tiers, below, strict=True):
        first, level = sum(map(len, links)), TIER_KINDS.index(given.kind)
        tier["pool"][:n, level] = pools
        tier["down"][:n, level] = first + 2 * np.arange(n)
        tier["up"][:n, level] = first + 2 * np.arange(n) + 1
        links.append(_links(blueprint, 2 * n, given))
        links[-1]["bytes_per_s"][0::2] = given.down_bytes_per_s
        links[-1]["bytes_per_s"][1::2] = given.up_bytes_per_s
        links[-1]["layers"][1::2] = given.interrupt_layers
    if len(blueprint.tiers) == 2:
        upper, lower = np.unique(below[0]), dict(zip(below[0], below[1], strict=True))
        tier["pool"][upper, CXL] = [lower[pool] for pool in upper]
        tier["down"][upper, CXL] = sum(map(len, links)) + np.arange(len(upper))
        links.append(_links(blueprint, len(upper), blueprint.tiers[1]))
        links[-1]["bytes_per_s"] = blueprint.tiers[1].from_above_bytes_per_s
    if peer is not None:
        links.append(_links(blueprint, n, peer))
        links[-1]["bytes_per_s"] = peer.bytes_per_s
    return tier, np.concatenate(links) if links else np.zeros(0, LINK)


def _links(blueprint: Blueprint, n: int, given: Tier | Peer) -> np.ndarray:
    links = np.zeros(n, LINK)
    for name in ("current", "queue_head", "queue_tail"):
        links[name] = NONE
    links["latency_s"] = given.latency_s
    links["block_bytes"] = blueprint.block_bytes
    links["queue"] = QUEUES.index(given.queue)
    links["stops_after"] = NONE
    return links
