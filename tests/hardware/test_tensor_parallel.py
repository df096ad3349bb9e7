"""Which tensor parallelism an engine starts with: vLLM's conditions."""

from typing import Any

import pydantic
import pytest

from agentsim_env.assembly import resolve
from agentsim_env.hardware import UnknownHardwareError, find_model, models
from agentsim_env.hardware.tensor_parallel import check_tp
from agentsim_env.scenario import ScenarioError, load_scenario
from agentsim_env.scenario.cluster import Cluster


@pytest.mark.parametrize("tp", [3, 5, 6, 7, 8])
def test_heads_that_are_not_divided_are_refused_with_what_would_work(tp: int) -> None:
    """Qwen2.5-7B: 28 query heads, 4 KV heads."""
    with pytest.raises(UnknownHardwareError, match=rf"tp {tp}: Qwen2\.5-7B has .* tp that would work: 1, 2, 4$"):
        check_tp(find_model("Qwen2.5-7B"), tp)


def cluster(model: str, **instance: Any) -> Cluster:
    return Cluster.model_validate({"model": model, "instances": [{"gpu": "H100", **instance}]})


def unchecked(model: str, **instance: Any) -> Cluster:
    """A cluster that was put together without the checks of a scenario."""
    sound = cluster(model)
    return sound.model_copy(update={"instances": (sound.instances[0].model_copy(update=instance),)})


@pytest.mark.parametrize("tp", [3, 5, 6, 7, 8])
def test_a_scenario_is_refused_as_an_engine_is(tp: int) -> None:
    would = r"has .* tp that would work: 1, 2, 4"
    with pytest.raises(pydantic.ValidationError, match=rf"instances\.0\.tp\n  Qwen2\.5-7B {would}"):
        cluster("Qwen2.5-7B", tp=tp)
    with pytest.raises(UnknownHardwareError, match=rf"cluster\.instances\.0: tp {tp}: Qwen2\.5-7B {would}"):
        resolve(unchecked("Qwen2.5-7B", tp=tp))


@pytest.mark.parametrize(
    ("model", "tp", "problem"),
    [
        ("Qwen2.5-7B", 8, "28 query heads, which 8 does not divide"),
        ("Qwen2.5-7B", 7, "4 KV heads, which 7 neither divides nor is a multiple of"),
        ("Qwen2.5-14B", 16, "40 query heads"),
        ("Qwen3-Next-80B-A3B", 32, "16 heads of a recurrent state, which 32 does not divide"),
        ("gpt-oss-20b", 48, "64 query heads"),
        ("Mistral-Small-3.2-24B", 24, "32 query heads"),
    ],
)
def test_the_error_says_what_is_not_divided(model: str, tp: int, problem: str) -> None:
    with pytest.raises(UnknownHardwareError, match=problem):
        check_tp(find_model(model), tp)


@pytest.mark.parametrize(
    ("model", "works"),
    [
        ("Llama-3.1-70B", (1, 2, 4, 8, 16)),  # 8 KV heads: at 16 each is held twice
        ("Qwen3-30B-A3B", (1, 2, 4, 8)),
        ("DeepSeek-V3.1", (1, 2, 4, 8, 16, 32)),  # a latent has no heads to divide
        ("gpt-oss-120b", (1, 2, 4, 8)),
        ("MiniMax-M2.5", (1, 2, 4, 8)),
        ("Nemotron-3-Nano-30B-A3B", (1, 2, 4, 8)),
    ],
)
def test_what_engines_are_run_with_works(model: str, works: tuple[int, ...]) -> None:
    for tp in works:
        check_tp(find_model(model), tp)


def test_every_model_runs_on_one_gpu_and_on_two() -> None:
    for model in models().values():
        check_tp(model, 1)
        check_tp(model, 2)


def test_a_context_above_the_models_is_refused() -> None:
    (engine,) = resolve(cluster("Llama-3.1-8B", max_model_len_tokens=131_072))
    assert engine.max_model_len_tokens == 131_072
    with pytest.raises(
        pydantic.ValidationError, match=r"max_model_len_tokens\n  must be at most 131072: Llama-3\.1-8B"
    ):
        cluster("Llama-3.1-8B", max_model_len_tokens=131_073)
    with pytest.raises(UnknownHardwareError, match=r"max_model_len_tokens 131073: Llama-3\.1-8B .* at most 131072"):
        resolve(unchecked("Llama-3.1-8B", max_model_len_tokens=131_073))


def test_the_error_of_a_scenario_names_the_field() -> None:
    workload = {"family": "agents", "arrivals": {"process": "poisson", "rate_per_s": 1.0}}
    cluster = {"model": "Qwen2.5-7B", "instances": [{"gpu": "H100", "tp": 3}]}
    with pytest.raises(ScenarioError, match=r"cluster\.instances\.0\.tp.*28 query heads.*would work: 1, 2, 4"):
        load_scenario({"cluster": cluster, "workload": workload})
