"""A tier below HBM: what is copied there, what comes back, and what it is worth."""

from typing import Any

import numpy as np
import pytest

from agentsim_env import ScenarioError, Simulator
from agentsim_env.engine.core.state import DRAM
from tests.small import small

TIGHT = {"cluster.instances.0.kv_blocks": 1500}


def run(overrides: dict[str, Any], rules: dict[str, str] | None = None, seed: int = 0) -> Simulator:
    simulator = Simulator(small("tight", overrides), rules=rules)
    simulator.reset(seed)
    simulator.run()
    return simulator


def simulate(seed: int = 0, **tier: Any) -> Simulator:
    """The small scenario whose memory is tight, with a lower tier if one is described."""
    return run(
        {**TIGHT, **({"cluster.tiers": [{"kind": "dram", "capacity_gib": 64.0, **tier}]} if tier else {})}, seed=seed
    )


def mean_jct_s(simulator: Simulator) -> float:
    return float(np.nanmean(simulator.records().programs["jct_s"]))


def test_without_bandwidth_it_is_as_if_there_were_no_tier() -> None:
    assert simulate(link_gb_per_s=0.0).records().content_hash() == simulate().records().content_hash()


def test_two_tiers_without_bandwidth_are_as_good_as_none() -> None:
    still = {"capacity_gib": 64.0, "link_gb_per_s": 0.0, "host_link_gb_per_s": 0.0}
    two = {
        **TIGHT,
        "cluster.tiers": [{"kind": "dram", **still}, {"kind": "cxl", **still}],
        "cluster.peer_link": {"link_gb_per_s": 0.0},
        "cluster.write_policy": "write_back",
    }
    assert run(two).records().content_hash() == simulate().records().content_hash()


def test_kv_in_fp8_moves_half_the_bytes() -> None:
    moved = {}
    for kv_dtype in ("bf16", "fp8"):
        simulator = run(
            {
                "cluster.instances.0.kv_dtype": kv_dtype,
                "cluster.tiers": [{"kind": "dram", "capacity_gib": 64.0, "link_gb_per_s": 50.0}],
                "cluster.instances.0.kv_blocks": 100_000,
            }
        )
        stored = simulator.state.instance["stored_blocks"].sum()
        moved[kv_dtype] = simulator.state.link["bytes"][0::2].sum() / stored
    assert moved["bf16"] == 2 * moved["fp8"] == 16 * 128 * 1024  # Llama-3.1-8B: 128 KiB a token


def test_directions_may_differ() -> None:
    tier = simulate(link_gb_per_s={"down": 10.0, "up": 40.0}).state
    assert tier.link["bytes_per_s"].tolist() == [10e9, 40e9] * 2


def test_a_context_comes_from_the_instance_that_has_it() -> None:
    """Turns are sent around in turn: the cache of the other instance is worth a transfer."""
    rules = {"route_turn": "round_robin"}
    alone = run({}, rules)
    linked = run({"cluster.peer_link": {"link_gb_per_s": 50.0}}, rules)
    migrated = linked.state.instance["migrated_blocks"]
    assert alone.state.instance["migrated_blocks"].sum() == 0 < migrated.sum()
    assert linked.state.link["bytes"] == pytest.approx(migrated * linked.state.link["block_bytes"])
    assert mean_jct_s(linked) < mean_jct_s(alone)


def test_copies_are_free_where_they_overlap_and_cost_their_time_where_they_are_serialized() -> None:
    """One instance with ample memory: everything is copied down, nothing comes back."""
    ample: dict[str, Any] = {"cluster.instances.0.count": 1, "cluster.instances.0.kv_blocks": 100_000}
    ample["cluster.tiers"] = [{"kind": "dram", "capacity_gib": 64.0, "link_gb_per_s": 5.0}]
    without, overlapped = run({**ample, "cluster.write_policy": "none"}), run(ample)
    serialized = run({**ample, "cluster.transfers": "serialized"})
    assert mean_jct_s(overlapped) == mean_jct_s(without) < mean_jct_s(serialized)
    moved = serialized.state.link["bytes"].sum()
    assert serialized.state.link["busy_s"].sum() == pytest.approx(moved / 5e9, rel=0.01)


def test_what_was_evicted_comes_back_and_saves_time() -> None:
    without, with_tier = simulate(), simulate(link_gb_per_s=50.0)
    assert with_tier.state.instance["loaded_blocks"].sum() > 0
    assert with_tier.state.instance["prefill_tokens"].sum() < without.state.instance["prefill_tokens"].sum()
    assert mean_jct_s(with_tier) < mean_jct_s(without)


def test_a_faster_link_is_not_worse() -> None:
    slow, fast = (
        np.mean([mean_jct_s(simulate(seed, link_gb_per_s=rate)) for seed in range(4)]) for rate in (0.5, 50.0)
    )
    assert fast < slow


def test_links_carry_the_bytes_of_what_they_moved() -> None:
    simulator = simulate(link_gb_per_s=50.0)
    state = simulator.state
    block_bytes = state.instance["block_bytes"]
    loaded = state.instance["loaded_blocks"] * block_bytes
    assert state.link["bytes"][1::2] == pytest.approx(loaded)
    assert (state.link["bytes"][0::2] >= state.instance["stored_blocks"] * block_bytes).all()
    seconds = state.link["bytes"] / state.link["bytes_per_s"]
    assert (state.link["busy_s"] >= seconds - 1e-9).all()


def test_hosts_do_not_share_their_memory() -> None:
    simulator = simulate(instances_per_host=1)
    assert len(set(simulator.state.tier["pool"][:2, DRAM].tolist())) == len(simulator.engines)
    assert len(set(simulate(instances_per_host=None, latency_s=0.0).state.tier["pool"][:2, DRAM].tolist())) == 1


def test_formats_of_kv_must_agree() -> None:
    instances = [{"gpu": "L40S", "kv_dtype": "fp8"}, {"gpu": "L40S", "kv_dtype": "bf16"}]
    scenario = small("tight", {"cluster.instances": instances, "cluster.tiers": [{"kind": "cxl", "capacity_gib": 1.0}]})
    with pytest.raises(ScenarioError, match=r"tiers: all instances must keep KV in the same format"):
        Simulator(scenario)
