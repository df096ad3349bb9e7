"""Damaged `config.json` files give a model with sensible numbers or an error of ours, never another exception."""

import json
import math
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, kv_blocks, roofline
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.tensor_parallel import check_tp
from tests.hardware.huggingface.plain import PLAIN

PUBLISHED: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text())
CONFIGS = [entry["config"] for entry in PUBLISHED.values()]
NAMES = sorted({key for config in CONFIGS for key in [*config, *config.get("text_config", {})]})
WORDS = ["full_attention", "mamba", "sliding_attention", "E", "relu2", "auto", "yarn", "fp8", "", "NaN"]
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, -8, 3, 30, 32.5, 4096, 4096.0, 1e308, -0.0, math.nan, math.inf, 2**31, 10**40]),
    st.integers(-10, 10**6),
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(WORDS), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, min_size=1, max_size=2).map(lambda items: items * 64),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=3)), inner, max_size=3),
    ),
    max_leaves=4,
)


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A published config with some fields changed, added or left out, in the language model or around it."""
    config = dict(draw(st.sampled_from(CONFIGS)))
    nested = "text_config" in config and draw(st.booleans())
    inner = dict(config["text_config"]) if nested else config
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from(sorted(inner) + NAMES))
        if draw(st.booleans()) and key in inner:
            del inner[key]
        else:
            inner[key] = draw(JUNK)
    return {**config, "text_config": inner} if nested else inner


def check_numbers(model: Model) -> None:
    """Every number that follows from a model is one that could be."""
    assert 0 < model.active_layer_weights <= model.layer_weights < 1e18 or model.layer_weights == 0
    assert model.layers <= 1024
    assert 0 <= model.kv_bytes_per_token("fp8") <= model.kv_bytes_per_token("bf16") < 1e15
    assert 0 <= model.state_bytes_per_sequence("bf16") < 1e24
    assert 0 < model.weight_bytes(model.checkpoint.dtype, 1) < 1e18
    assert 1 <= model.max_context_tokens <= 2**31
    assert all(alike.experts is None or alike.experts.per_token > 0 for alike in model.layers_alike)


@given(config=damaged())
@settings(max_examples=400, deadline=2000, derandomize=True, suppress_health_check=SLOW)
def test_a_damaged_config_is_read_or_refused(config: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = find_model(str(file))
            check_numbers(model)
            check_tp(model, 2)
            assert kv_blocks(find_gpu("H200"), model, 2) > 0
        except UnknownHardwareError as error:
            assert str(error)
            return
    assert 0 < roofline(find_gpu("H200"), model, 2).iteration_s([1000] * 4, [(512, 1000)]) < 1e9


BYTES = st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode), JUNK.map(json.dumps).map(str.encode))


@given(content=BYTES)
@settings(max_examples=200, deadline=2000, derandomize=True, suppress_health_check=SLOW)
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_numbers(find_model(str(file)))
        except UnknownHardwareError as error:
            assert str(file) in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_mode": "=" * 1_000_000},
        {"quantization_config": {"quant_method": "fp8", "ignore": ["mlp" * 300_000, "mixer" * 200_000]}},
        {"layer_types": ["full_attention"] * 100_000},
    ],
)
def test_long_words_are_read_in_linear_time(changes: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**PLAIN, **changes}))
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        find_model(str(file))
    assert time.perf_counter() - began < 5.0
