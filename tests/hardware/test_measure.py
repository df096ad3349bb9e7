"""Measuring layers with torch: the code path, on the CPU, with a tiny model."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from agentsim_env.hardware import find_model
from agentsim_env.hardware.calibrate import calibrate
from agentsim_env.hardware.calibrate.tables import read_csv
from agentsim_env.hardware.measure import Grid, measure

CONFIG = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 128,
    "vocab_size": 256,
    "max_position_embeddings": 1024,
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIG))
    return file


def test_tables_of_a_tiny_model_can_be_calibrated(config: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    grid = Grid(max_tokens=32, max_context_tokens=64, max_sequences=2, repeats=2)
    out = measure(find_model(str(config)), tmp_path / "tables", tp=2, device="cpu", grid=grid, report=lines.append)
    dense = read_csv(out / "dense.csv", ("layer", "tokens", "time_us"))
    assert set(dense["tokens"]) == {1, 2, 3, 4, 6, 8, 12, 16, 24, 32}
    assert len(set(dense["layer"])) == 9
    assert (dense["time_us"] > 0).all()
    assert len(read_csv(out / "attention.csv", ("prefill_chunk",))["n_decode"]) == len(list(grid.attention()))
    assert yaml.safe_load((out / "meta.yaml").read_text())["tp"] == 2
    assert lines
    result = calibrate(out, "RTX 4090", str(config), tp=2)
    assert {error.regime for error in result.errors} == {"decode", "prefill", "mixed"}
    assert result.profile.iteration_s([32, 32], [(16, 16)]) > 0


def test_times_that_fall_with_more_tokens_are_noise(config: Path, tmp_path: Path) -> None:
    grid = Grid(max_tokens=32, max_context_tokens=64, max_sequences=2, repeats=1)
    out = measure(find_model(str(config)), tmp_path / "tables", device="cpu", grid=grid, report=lambda _: None)
    table = pd.read_csv(out / "dense.csv")
    table["time_us"] = 100.0 / table["tokens"]
    table.to_csv(out / "dense.csv", index=False)
    profile = calibrate(out, "RTX 4090", str(config)).profile
    assert (profile.dense_s > 0).all()


def test_points_too_large_for_the_memory_are_left_out(config: Path, tmp_path: Path) -> None:
    grid = Grid(max_tokens=16, max_context_tokens=64, max_sequences=4, repeats=1, memory_bytes=40_000)
    out = measure(find_model(str(config)), tmp_path / "tables", device="cpu", grid=grid, report=lambda _: None)
    kept = read_csv(out / "attention.csv", ("n_decode", "kv_decode"))
    assert 0 < len(kept["n_decode"]) < len(list(grid.attention()))
    assert (kept["n_decode"] * (kept["kv_decode"] + 1) * 2 * 16 * 2 * 2 <= 40_000).all()


def test_expert_models_are_refused() -> None:
    with pytest.raises(ValueError, match="Qwen3-30B-A3B: expert layers cannot be measured yet"):
        measure(find_model("Qwen3-30B-A3B"), Path("unused"), device="cpu")
