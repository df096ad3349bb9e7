"""How a profile is found: by what a model does, not by what it is called."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentsim_env.assembly import resolve
from agentsim_env.hardware import ModelWarning, find_gpu, find_model, find_profile
from agentsim_env.hardware.library import PROFILES, load, measured_on, same_shape
from agentsim_env.scenario.cluster import Cluster
from tests.llama import LLAMA_3_1_8B

LLAMA: dict[str, Any] = {"model_type": "llama", **LLAMA_3_1_8B}


def written(folder: Path, name: str, **changes: Any) -> str:
    (folder / name).mkdir()
    (folder / name / "config.json").write_text(json.dumps(LLAMA | changes))
    return str(folder / name / "config.json")


def test_a_copy_under_another_name_finds_the_measured_profile(tmp_path: Path) -> None:
    h100 = find_gpu("H100")
    copy = find_model(written(tmp_path, "my-finetune", max_position_embeddings=32768))
    assert copy.name == "my-finetune"
    assert same_shape(copy) == ("Llama-3.1-8B",)
    assert find_profile(h100, copy) is find_profile(h100, find_model("Llama-3.1-8B"))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 16},
        {"num_key_value_heads": 4},
        {"intermediate_size": 14848},
        {"vocab_size": 128257},
        {"tie_word_embeddings": True},
        {"sliding_window": 4096, "sliding_window_pattern": 4},
    ],
)
@pytest.mark.filterwarnings("ignore::agentsim_env.hardware.ModelWarning")
def test_a_changed_model_of_the_same_name_does_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    changed = find_model(written(tmp_path, "Llama-3.1-8B", **changes))
    assert changed.name == "Llama-3.1-8B"
    assert find_profile(find_gpu("H100"), changed).estimated


def test_half_the_layers_take_half_the_time(tmp_path: Path) -> None:
    """The pruned model of the name of a measured one: 4.8 ms a token, not 9.0."""
    path = written(tmp_path, "pruned", num_hidden_layers=16, _name_or_path="Llama-3.1-8B")
    cluster = Cluster.model_validate({"model": "Llama-3.1-8B", "instances": [{"gpu": "H100"}]})
    (whole,) = resolve(cluster)
    with pytest.warns(ModelWarning, match=r"Llama-3\.1-8B says 8B, the fields give 4\.54 billion parameters"):
        (half,) = resolve(cluster.model_copy(update={"model": path}))
    assert (whole.estimated, half.estimated) == (False, True)
    assert half.kv_bytes_per_token == whole.kv_bytes_per_token / 2
    assert half.profile.iteration_s([4096] * 8) == pytest.approx(whole.profile.iteration_s([4096] * 8) / 2, rel=0.15)


def test_a_measured_shape_serves_every_model_of_it() -> None:
    assert (
        measured_on(find_model("Qwen3-Coder-30B-A3B")) == measured_on(find_model("Qwen3-30B-A3B")) == ("RTX-PRO-6000",)
    )
    assert measured_on(find_model("gpt-oss-120b")) == ()


def test_a_quantised_checkpoint_is_served_as_it_is() -> None:
    def engine(model: str, **instance: Any) -> Any:
        cluster = Cluster.model_validate({"model": model, "instances": [{"gpu": "B200", "tp": 8, **instance}]})
        return resolve(cluster)[0]

    assert engine("gpt-oss-120b").dtype == engine("gpt-oss-120b", dtype="fp8").dtype == "mxfp4"
    assert engine("DeepSeek-V3.1").dtype == "fp8"
    assert engine("DeepSeek-V3.1", dtype="fp4").dtype == "fp4"
    assert engine("GLM-4.6").dtype == "bf16"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("gpu", [1], r"gpu is \[1\]; must be of type str"),
        ("tp", True, "tp is True; must be of type int"),
        ("estimated", "no", "estimated is 'no'; must be of type bool"),
        ("chunk_overhead_s", None, "chunk_overhead_s is None; must be a finite number of at least 0"),
        ("serial_mixed_s", -1.0, "serial_mixed_s is -1.0; must be"),
        ("overhead_s", float("nan"), "overhead_s is nan; must be"),
        ("dense.tokens", float("nan"), "dense.tokens: must be finite numbers of at least 0"),
        ("dense.gemm_s", -1.0, "gemm: must be finite numbers of at least 0"),
        ("decode.pure_b_s", -1.0, "pure_b_s: must be finite numbers of at least 0"),
        ("prefill.new_tokens", float("inf"), "pre_c: must be finite numbers of at least 0"),
    ],
)
def test_a_profile_of_impossible_numbers_is_refused(tmp_path: Path, place: str, value: Any, message: str) -> None:
    content = yaml.safe_load((PROFILES / "H100_Llama-3.1-8B_tp1_bf16.yaml").read_text())
    outer, _, inner = place.partition(".")
    if inner:
        content[outer][inner] = [value] * len(content[outer][inner])
    else:
        content[outer] = value
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=message):
        load(file)
