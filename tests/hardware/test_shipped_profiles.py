"""The shipped profiles against the tables that they come from, and against engines that they have not seen."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from agentsim_env.hardware import Profile, find_gpu, find_model, find_profile, load, save
from agentsim_env.hardware.calibrate.errors import RegimeError, regime_errors
from agentsim_env.hardware.calibrate.fit import fit_profile, without_overheads
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.llmservingsim import find_flat
from agentsim_env.hardware.calibrate.shipped import ENGINE_FILE, Recipe, recipes
from agentsim_env.hardware.library import PROFILES, shipped_profiles

LIMITS = {"decode": 0.03, "prefill": 0.035, "mixed": 0.05}
ENGINE_TIMES = yaml.safe_load(ENGINE_FILE.read_text())
GRIDS = [("RTX-4090", "Llama-3.1-8B", 1), ("RTX-PRO-6000", "Llama-3.1-8B", 1), ("RTX-PRO-6000", "Qwen3-32B", 2)]


def measured(name: str, model: str, tp: int, tables: Path) -> Kernels:
    kernels = find_flat(tables, find_gpu(name), find_model(model), tp)
    assert kernels is not None
    return kernels


def check(errors: tuple[RegimeError, ...], what: str) -> None:
    for error in errors:
        assert error.mean <= LIMITS[error.regime], f"{what}: {error.regime} {100 * error.mean:.1f} %"


def test_recipes_and_files_are_the_same() -> None:
    assert {recipe.file for recipe in recipes()} == set(shipped_profiles())


@pytest.mark.parametrize("file", sorted(shipped_profiles()))
def test_file_loads_and_says_where_it_comes_from(file: str) -> None:
    profile = load(PROFILES / file)
    assert profile.source
    assert profile.error.startswith("mean/p50/p95")
    assert not profile.estimated
    assert file.startswith(f"{profile.gpu}_{profile.model}_tp{profile.tp}_{profile.dtype}")
    # Products of neighbouring sizes differ by tuning noise: a few more decodes may cost a few per cent less.
    times = [profile.iteration_s([1000] * n, [(256, 1000)]) for n in (1, 8, 64, 256)]
    assert all(later > 0.98 * earlier > 0 for earlier, later in pairwise(times))
    assert times[3] > 1.05 * times[0]


@pytest.mark.parametrize("recipe", list(recipes()), ids=lambda recipe: recipe.file.removesuffix(".yaml"))
def test_shipped_profile_reproduces_whole_iterations(recipe: Recipe, tables: Path) -> None:
    profile, kernels = load(PROFILES / recipe.file), recipe.kernels(tables)
    # A sustained rate is fitted to engines on purpose: undo it to compare with kernels timed in bursts.
    others = np.interp(kernels.tokens, profile.dense_tokens, profile.dense_s - profile.parts["gemm"])
    burst = profile.replace(dense_tokens=kernels.tokens, dense_s=others + kernels.dense["gemm"], parts={})
    check(regime_errors(without_overheads(burst), kernels.whole_steps()), recipe.file)


@pytest.mark.parametrize(("name", "model", "tp"), GRIDS)
def test_mixed_grids_hold_beyond_the_memory_of_the_card(name: str, model: str, tp: int, tables: Path) -> None:
    kernels = measured(name, model, tp, tables)
    profile = without_overheads(fit_profile(kernels))
    check(regime_errors(profile, kernels.whole_steps(reachable=False)), f"{name} {model}")


def test_steps_that_were_not_fitted_are_predicted_as_well(tables: Path) -> None:
    kernels = measured(*GRIDS[0], tables)
    assert kernels.attention is not None
    # Every axis doubles, so leaving out a context leaves a gap of a factor of four.
    out = np.isin(kernels.attention.context_tokens, (65.0, 257.0, 1025.0)) | np.isin(
        kernels.attention.cached_tokens, (64.0, 256.0, 1024.0)
    )
    profile = without_overheads(fit_profile(replace(kernels, attention=kernels.attention.where(~out))))
    check(regime_errors(profile, replace(kernels, attention=kernels.attention.where(out)).whole_steps()), "held out")


@pytest.mark.parametrize("curve", ENGINE_TIMES["held_out_ms"], ids=lambda curve: f"{curve['gpu']}-{curve['model']}")
def test_forward_passes_of_engines_that_were_not_fitted(curve: dict[str, object]) -> None:
    # policies.md part D row 29.
    profile = find_profile(find_gpu(str(curve["gpu"])), find_model(str(curve["model"])), int(str(curve["tp"])))
    times = curve["ms"]
    assert isinstance(times, dict)
    errors = [abs(1e3 * profile.iteration_s(chunks=[(tokens, 0)]) / ms - 1) for tokens, ms in times.items()]
    assert np.mean(errors) <= 0.06


def test_a_saved_profile_reads_back(tmp_path: Path) -> None:
    original = load(PROFILES / "B200_Llama-3.1-8B_tp1_bf16.yaml")
    save(original, tmp_path / "copy.yaml")
    copy = load(tmp_path / "copy.yaml")
    assert isinstance(copy, Profile)
    for step in ([1000] * 30, []), ([], [(2048, 512)]), ([500] * 3, [(100, 0)]):
        assert copy.iteration_s(*step) == pytest.approx(original.iteration_s(*step), rel=1e-3)


def test_a_broken_profile_names_file_and_field(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    content = yaml.safe_load((PROFILES / "H100_Llama-3.1-8B_tp1_bf16.yaml").read_text())
    content["speed"] = content.pop("prefill")
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=r"broken\.yaml: missing prefill; unknown speed"):
        load(file)
