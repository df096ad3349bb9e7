"""How a model's published settings draw tokens."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, find_profile
from agentsim_env.hardware.sampling import known_sampling, of_settings
from tests.llama import LLAMA_3_1_8B


@pytest.mark.parametrize(
    ("settings", "sampling"),
    [
        ({}, "whole"),
        ({"do_sample": False, "top_p": None, "top_k": None}, "whole"),
        ({"temperature": 0.15}, "whole"),
        ({"top_p": 1.0, "top_k": 0}, "whole"),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.9}, "top_p"),
        ({"temperature": 0.6, "top_k": 20, "top_p": 0.95}, "top_k"),
        ({"repetition_penalty": 1.05, "top_k": 20, "top_p": 0.8}, "penalised"),
        ({"repetition_penalty": 1.0, "top_p": 0.8}, "top_p"),
    ],
)
def test_settings_of_generation_configs(settings: dict[str, Any], sampling: str) -> None:
    assert of_settings(settings) == sampling


def test_a_model_by_path_brings_its_settings(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **LLAMA_3_1_8B}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"top_k": 20}))
    model = find_model(str(tmp_path))
    assert model.sampling == "top_k"
    # How tokens are drawn is no part of its shape.
    assert find_profile(find_gpu("H100"), model) is find_profile(find_gpu("H100"), find_model("Llama-3.1-8B"))


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_settings_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **LLAMA_3_1_8B}))
    (tmp_path / "generation_config.json").write_text(text)
    assert find_model(str(tmp_path)).sampling == "whole"


def test_an_unknown_way_lists_those_that_there_are() -> None:
    with pytest.raises(
        UnknownHardwareError, match="unknown sampling 'beam'; known: model, whole, top_p, top_k, penalised"
    ):
        known_sampling("beam")
