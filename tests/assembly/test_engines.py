"""From a scenario's cluster to engines."""

import subprocess
import sys

import pytest

from agentsim_env.assembly import resolve
from agentsim_env.errors import AgentSimWarning
from agentsim_env.hardware import UnknownHardwareError, find_model
from agentsim_env.scenario.cluster import Cluster


def cluster(*instances: dict[str, object], model: str = "Llama-3.1-8B") -> Cluster:
    return Cluster.model_validate({"model": model, "instances": instances})


def test_one_engine_per_instance_in_order() -> None:
    failures = [{"at_s": 5.0, "down_s": 2.0}]
    engines = resolve(cluster({"gpu": "H100", "count": 2}, {"gpu": "a100", "start_s": 3.0, "failures": failures}))
    assert [engine.gpu for engine in engines] == ["H100", "H100", "A100"]
    assert engines[2].start_s == 3.0
    assert engines[2].failures == ((5.0, 2.0),)
    assert engines[0].profile is engines[1].profile
    assert engines[0].kv_bytes_per_token == 131_072
    assert engines[0].max_model_len_tokens == 131_072
    assert not engines[0].estimated


def test_price_is_per_gpu_and_blocks_can_be_set() -> None:
    (engine,) = resolve(cluster({"gpu": "H100", "tp": 4, "price_per_hour": 2.0, "kv_blocks": 1234}, model="Qwen3-32B"))
    assert engine.price_per_hour == 8.0
    assert engine.kv_blocks == 1234
    assert engine.kv_bytes_per_token == 262_144


def test_adapters_take_memory_from_kv() -> None:
    """100 LoRAs of rank 64 on Qwen2.5-7B are 32.3 GB; a block of 16 tokens has 917,504 bytes."""
    given: dict[str, object] = {"model": "Qwen2.5-7B", "tiers": [{"kind": "dram", "capacity_gib": 80.0}]}
    sizes = ({}, {"adapters": {"slots": 100}}, {"adapters": {"slots": 10, "bytes": 1e9}})
    plain, ranked, sized = (
        resolve(Cluster.model_validate({**given, "instances": [{"gpu": "H100", **size}]}))[0] for size in sizes
    )
    assert (ranked.adapter_slots, ranked.adapter_bytes) == (100, 322_961_408)
    assert plain.kv_blocks - ranked.kv_blocks == pytest.approx(100 * 322_961_408 / 917_504, abs=1)
    assert plain.kv_blocks - sized.kv_blocks == pytest.approx(1e10 / 917_504, abs=1)
    assert (plain.adapter_slots, plain.adapter_bytes) == (0, 0.0)


def test_instances_that_share_a_gpu_pay_for_it_once_and_have_their_parts_of_its_memory() -> None:
    half: dict[str, object] = {"gpu": "RTX-3090", "gpu_memory_utilization": 0.45, "shares_gpu": "card"}
    alone, first, second = resolve(cluster({"gpu": "RTX-3090"}, half, half, model="Qwen2.5-3B"))
    assert first.price_per_hour == second.price_per_hour == alone.price_per_hour / 2
    # The weights, the activations and what each process reserves are there twice.
    twice = find_model("Qwen2.5-3B").weight_bytes("bf16", 1) / (16 * alone.kv_bytes_per_token)
    assert first.kv_blocks == second.kv_blocks < (alone.kv_blocks - twice) / 2


def test_an_unmeasured_pair_is_marked_estimated() -> None:
    (engine,) = resolve(cluster({"gpu": "RTX-3090"}, model="Qwen2.5-3B"))
    assert engine.estimated
    assert engine.profile.estimated


def test_an_engine_says_what_a_step_costs_and_whether_it_is_formed_ahead() -> None:
    served: dict[str, object] = {"gpu": "H100", "engine": "vllm-0.15"}
    plain, ahead, asked = resolve(cluster({"gpu": "H100"}, served, {**served, "async_scheduling": False}))
    assert [engine.async_scheduling for engine in (plain, ahead, asked)] == [False, True, False]
    # Llama-3.1's settings cut the vocabulary by top-p: vLLM 0.15 sorts it.
    assert ahead.profile.iteration_s([1000] * 100) > plain.profile.iteration_s([1000] * 100) + 3e-3
    (greedy,) = resolve(cluster({**served, "sampling": "whole"}))
    assert greedy.profile.iteration_s([1000]) == pytest.approx(plain.profile.iteration_s([1000]) - 0.7e-3 + 9e-6)


def test_a_link_is_an_input_and_pcie_asks_for_it() -> None:
    two: dict[str, object] = {"gpu": "RTX-PRO-6000", "tp": 2}
    with pytest.warns(AgentSimWarning, match=r"cluster\.instances\.0: tp 2 over PCIe"):
        (usual,) = resolve(cluster(two))
    direct, slow, twice = resolve(
        cluster(
            {**two, "interconnect": "pcie-5"},
            {**two, "interconnect": "pcie-5-acs"},
            {**two, "all_reduce_factor": 2.0},
        )
    )
    step = [1000] * 64
    assert direct.profile.iteration_s(step) == pytest.approx(usual.profile.iteration_s(step), rel=1e-3)
    assert slow.profile.iteration_s(step) > twice.profile.iteration_s(step) > direct.profile.iteration_s(step)


def test_errors_name_the_instance() -> None:
    # The schema checks names too; a cluster that was put together without it must fail as clearly.
    sound = cluster({"gpu": "H100"}, {"gpu": "H100"})
    wrong = sound.instances[1].model_copy(update={"gpu": "H1000"})
    unchecked = sound.model_copy(update={"instances": (sound.instances[0], wrong)})
    with pytest.raises(UnknownHardwareError, match=r"cluster\.instances\.1: unknown GPU 'H1000'; did you mean 'H100'"):
        resolve(unchecked)
    with pytest.raises(ValueError, match=r"cluster\.instances\.0: .*does not fit L40S"):
        resolve(cluster({"gpu": "L40S"}, model="Llama-3.1-70B"))


def test_importing_hardware_loads_no_heavy_package() -> None:
    heavy = "{'torch', 'matplotlib', 'pandas', 'scipy', 'stable_baselines3'}"
    code = f"import sys, agentsim_env.hardware; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
