"""Which tensor parallelism an engine starts with: vLLM's conditions."""

import pytest

from agentsim_env.hardware import UnknownHardwareError, find_model, models, resolve
from agentsim_env.hardware.tensor_parallel import check_tp
from agentsim_env.scenario.cluster import Cluster


@pytest.mark.parametrize("tp", [3, 5, 6, 7, 8])
def test_heads_that_are_not_divided_are_refused_with_what_would_work(tp: int) -> None:
    """Qwen2.5-7B: 28 query heads, 4 KV heads."""
    with pytest.raises(UnknownHardwareError, match=rf"tp {tp}: Qwen2\.5-7B has .* tp that would work: 1, 2, 4$"):
        check_tp(find_model("Qwen2.5-7B"), tp)
    cluster = Cluster.model_validate({"model": "Qwen2.5-7B", "instances": [{"gpu": "H100", "tp": tp}]})
    with pytest.raises(UnknownHardwareError, match=rf"cluster\.instances\.0: tp {tp}: Qwen2\.5-7B"):
        resolve(cluster)


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
    def cluster(tokens: int) -> Cluster:
        instance = {"gpu": "H100", "max_model_len_tokens": tokens}
        return Cluster.model_validate({"model": "Llama-3.1-8B", "instances": [instance]})

    (engine,) = resolve(cluster(131_072))
    assert engine.max_model_len_tokens == 131_072
    with pytest.raises(
        UnknownHardwareError, match=r"max_model_len_tokens 131073: Llama-3\.1-8B .* at most 131072 tokens"
    ):
        resolve(cluster(131_073))
