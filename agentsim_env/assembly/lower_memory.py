"""The tiers below HBM of a scenario, as the engine wants them."""

from collections.abc import Sequence
from typing import Any

from agentsim_env.engine.blueprint import Peer, Tier
from agentsim_env.hardware import Engine, find_model
from agentsim_env.hardware.links import CXL_GB_PER_S, LINK_EFFICIENCY, PEER_GB_PER_S
from agentsim_env.limits import MOST_COUNT
from agentsim_env.scenario import Scenario, ScenarioError
from agentsim_env.scenario import tiers as described


def lower_memory(scenario: Scenario, engines: Sequence[Engine]) -> dict[str, Any]:
    """What `Blueprint` has to know of the tiers of a scenario.

    Raises:
        ScenarioError: If instances that share a tier keep KV in different formats.
    """
    cluster = scenario.cluster
    if not cluster.tiers and cluster.peer_link is None:
        return {}
    block_bytes = _bytes_per_token(scenario, engines) * cluster.block_size_tokens
    sizes = {f"tiers.{i}.capacity_gib": tier.capacity_gib for i, tier in enumerate(cluster.tiers)}
    for field, gib in (sizes | {"staging_gib": cluster.staging_gib}).items():
        if gib * 2**30 > MOST_COUNT * block_bytes:
            blocks = f"{MOST_COUNT:,} blocks of {block_bytes:,} bytes"
            most = MOST_COUNT * block_bytes / 2**30
            raise ScenarioError(
                f"{scenario.name}: cluster.{field} = {gib:g}: must be at most {most:g}, which is {blocks}"
            )
    _check_way_up(scenario, engines)
    layers = find_model(cluster.model).layers
    return {
        "tiers": [_tier(tier, engines, block_bytes, layers) for tier in cluster.tiers],
        "write_policy": cluster.write_policy,
        "staging_bytes": cluster.staging_gib * 2**30,
        "peer": None if cluster.peer_link is None else _peer(cluster.peer_link, engines),
        "transfers": cluster.transfers,
    }


def _check_way_up(scenario: Scenario, engines: Sequence[Engine]) -> None:
    """Adapters come over the link from DRAM: one that moves nothing would keep turns waiting for ever."""
    for number, tier in enumerate(scenario.cluster.tiers):
        for engine in engines:
            if tier.kind == "dram" and engine.adapter_slots > 0 and _link_bytes_per_s(tier, engine)[1] == 0.0:
                raise ScenarioError(
                    f"{scenario.name}: cluster.tiers.{number}.link_gb_per_s: must be above 0 on the way up: adapters"
                    " come over it"
                )


def _peer(link: described.PeerLink, engines: Sequence[Engine]) -> Peer:
    gb_per_s = PEER_GB_PER_S if link.link_gb_per_s is None else link.link_gb_per_s
    return Peer([gb_per_s * 1e9 * engine.tp for engine in engines], link.latency_s, link.queue)


def _bytes_per_token(scenario: Scenario, engines: Sequence[Engine]) -> int:
    sizes = {engine.kv_bytes_per_token for engine in engines}
    if len(sizes) > 1:
        found = ", ".join(f"{size:,}" for size in sorted(sizes))
        place = "tiers" if scenario.cluster.tiers else "peer_link"
        raise ScenarioError(
            f"{scenario.name}: cluster.{place}: all instances must keep KV in the same format, and a token"
            f" takes {found} bytes"
        )
    return sizes.pop()


def _tier(tier: described.Tier, engines: Sequence[Engine], block_bytes: float, layers: int) -> Tier:
    group = tier.instances_per_host or len(engines)
    rates = [_link_bytes_per_s(tier, engine) for engine in engines]
    from_above = LINK_EFFICIENCY * CXL_GB_PER_S if tier.host_link_gb_per_s is None else tier.host_link_gb_per_s
    return Tier(
        kind=tier.kind,
        blocks=int(tier.capacity_gib * 2**30 // block_bytes),
        pool_of=[i // group for i in range(len(engines))],
        down_bytes_per_s=[down for down, _ in rates],
        up_bytes_per_s=[up for _, up in rates],
        latency_s=tier.latency_s,
        from_above_bytes_per_s=from_above * 1e9,
        queue=tier.queue,
        interrupt_layers=layers if tier.interrupt else 0,
        watermark=tier.watermark,
        batch_share=tier.batch_share,
    )


def _link_bytes_per_s(tier: described.Tier, engine: Engine) -> tuple[float, float]:
    """Bandwidth down and up between an instance, all its GPUs together, and a tier."""
    given = tier.link_gb_per_s
    if isinstance(given, described.LinkRates):
        return given.down * 1e9 * engine.tp, given.up * 1e9 * engine.tp
    if given is not None:
        return given * 1e9 * engine.tp, given * 1e9 * engine.tp
    nominal = CXL_GB_PER_S * 1e9 * engine.tp if tier.kind == "cxl" else engine.host_link_bytes_per_s
    return LINK_EFFICIENCY * nominal, LINK_EFFICIENCY * nominal
