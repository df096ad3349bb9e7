"""Which profiles are shipped, and what each is made from: `python -m agentsim_env.hardware.calibrate ship DATA`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from agentsim_env.hardware.calibrate import llmservingsim
from agentsim_env.hardware.calibrate.engine import fit_engine, same_throttle, with_engine
from agentsim_env.hardware.calibrate.fit import fit_profile, mixed_as
from agentsim_env.hardware.calibrate.kernels import Kernels
from agentsim_env.hardware.calibrate.operators import OperatorTables
from agentsim_env.hardware.calibrate.steps import Steps
from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.efficiencies import efficiencies
from agentsim_env.hardware.library import PROFILES, file_name, save, thinned
from agentsim_env.hardware.profile import Profile

# Models with a measured grid of mixed steps, by query heads for each KV head: that is what their slowdown depends on.
MIXED_GRIDS = {"RTX-PRO-6000": {4: ("Llama-3.1-8B", 1), 8: ("Qwen3-32B", 2)}}
ENGINE_FILE = Path(__file__).parent / "engine_times.yaml"


@dataclass(frozen=True)
class Recipe:
    """One shipped profile.

    Attributes:
        kernels: Reads its kernel tables from a data folder.
    """

    gpu: str
    model: str
    tp: int
    dtype: str
    kv_dtype: str
    kernels: Callable[[Path], Kernels]

    @property
    def file(self) -> str:
        """File name of the profile."""
        return file_name(self.gpu, self.model, self.tp, self.dtype, self.kv_dtype)


def recipes() -> Iterator[Recipe]:
    """Every shipped profile, measured layer tables before operator tables."""
    for gpu, model, tp in (
        ("RTX-4090", "Llama-3.1-8B", 1),
        ("RTX-PRO-6000", "Llama-3.1-8B", 1),
        ("RTX-PRO-6000", "Llama-3.1-8B", 2),
        ("RTX-PRO-6000", "Qwen3-32B", 1),
        ("RTX-PRO-6000", "Qwen3-32B", 2),
        ("RTX-PRO-6000", "Qwen3-30B-A3B", 1),
    ):
        yield Recipe(gpu, model, tp, "bf16", "bf16", _layer_tables(gpu, model, tp))
    for gpu, model, tp, dtype, kv_dtype in _from_operators():
        yield Recipe(gpu, model, tp, dtype, kv_dtype, _operator_tables(gpu, model, tp, dtype, kv_dtype))


def build(recipe: Recipe, folder: Path) -> Profile:
    """The profile of `recipe`, with what a running engine adds where that was measured."""
    kernels = recipe.kernels(folder)
    profile = fit_profile(kernels)
    like = MIXED_GRIDS.get(recipe.gpu, {}).get(kernels.model.layer.attention.queries_per_kv_head)
    if like is not None and "beside a prefill chunk" in profile.assumed:
        profile = mixed_as(profile, _measured(recipe.gpu, *like, folder))
    engine = _engine_of(recipe, kernels, folder)
    if engine is None:
        return profile
    sustained, per_layer_s, text = engine
    return with_engine(profile, kernels, sustained, per_layer_s * kernels.model.layers).replace(
        source=f"{profile.source}; {text}"
    )


def ship(folder: Path, to: Path = PROFILES, only: str = "") -> list[str]:
    """Write every shipped profile whose file name contains `only`; returns one line each."""
    lines: list[str] = []
    for recipe in recipes():
        if only in recipe.file:
            profile = build(recipe, folder)
            save(thinned(profile), to / recipe.file)
            lines.append(f"{recipe.file.removesuffix('.yaml'):46} {profile.error}")
    return lines


def _from_operators() -> Iterator[tuple[str, str, int, str, str]]:
    plain = {
        "H100": ((2, 4), (4, 8)),
        "H200": ((1, 2), (2, 4, 8)),
        "A100": ((2, 4), (4, 8)),
        "B200": ((1, 2), (1, 2, 4, 8)),
        "GB200": ((1, 2), (1, 2, 4)),
        "L40S": ((4,), (4, 8)),
        "RTX-PRO-6000": ((4,), (2, 4, 8)),
    }
    for gpu, (qwen, llama) in plain.items():
        # In these tables, not in an engine, the little KV of a 3B model stays in the large caches of these cards.
        small = [] if gpu in ("L40S", "RTX-PRO-6000") else [("Qwen2.5-3B", 1)]
        small += [] if gpu == "RTX-PRO-6000" else [("Llama-3.1-8B", 1), ("Llama-3.1-8B", 2)]
        rest = [("Qwen3-32B", tp) for tp in qwen] + [("Llama-3.1-70B", tp) for tp in llama]
        for model, tp in (*small, *rest):
            yield gpu, model, tp, "bf16", "bf16"
    for gpu in ("H100", "H200", "B200"):
        for model, tps in (("Llama-3.1-8B", (1,)), ("Qwen3-32B", (1, 2)), ("Llama-3.1-70B", (1, 2, 4, 8))):
            for tp in tps:
                if not (gpu == "H100" and model == "Llama-3.1-70B" and tp == 1):
                    yield gpu, model, tp, "fp8", "bf16"
                    yield gpu, model, tp, "fp8", "fp8"


def _operator_tables(gpu: str, model: str, tp: int, dtype: str, kv_dtype: str) -> Callable[[Path], Kernels]:
    return lambda folder: _tables(folder, gpu).kernels(find_model(model), tp, dtype, kv_dtype)


def _layer_tables(gpu: str, model: str, tp: int) -> Callable[[Path], Kernels]:
    def read(folder: Path) -> Kernels:
        found = llmservingsim.find_flat(folder, find_gpu(gpu), find_model(model), tp)
        if found is None:
            raise ValueError(f"{folder}: no layer tables of {gpu}, {model}, tp {tp}")
        if tp > 1:
            size = 2.0 * found.tokens * found.model.hidden
            reduce_s = 2 * found.model.layers * _tables(folder, gpu).all_reduce_s(size, tp)
            found = replace(found, dense={**found.dense, "all_reduce": reduce_s})
        if found.attention is None:
            calls = _tables(folder, gpu).attention(found.model, tp, "bf16")
            found = replace(
                found,
                attention=calls.timed(found.model.layers * calls.seconds),
                source=f"{found.source}; attention: attn_prefill.csv, attn_decode.csv (aiconfigurator @ 095f58a5)",
                assumed=f"{found.assumed}; decode beside a prefill chunk, attention to a cached prefix",
            )
        return found

    return read


@cache
def _measured(gpu: str, model: str, tp: int, folder: Path) -> Profile:
    return fit_profile(_layer_tables(gpu, model, tp)(folder))


@cache
def _tables(folder: Path, gpu: str) -> OperatorTables:
    return OperatorTables(folder, find_gpu(gpu))


def _engine_of(recipe: Recipe, kernels: Kernels, folder: Path) -> tuple[float, float, str] | None:
    """Sustained share, overhead of prefill steps per layer, and where they come from, for this profile."""
    for entry in yaml.safe_load(ENGINE_FILE.read_text())["uses"]:
        same = entry["gpu"] == recipe.gpu and entry["dtype"] == recipe.dtype
        if same and recipe.model in entry["models"] and recipe.tp in entry["tp"]:
            if "sustained_as" in entry:
                return efficiencies(entry["sustained_as"]).products_in(recipe.dtype).compute, 0.0, entry["text"]
            sustained, per_layer_s = _fitted(entry["fit"], folder)
            if entry["dtype"] != "bf16":
                sustained = same_throttle(sustained, _fitted_kernels(entry["fit"], folder), kernels)
            return sustained, per_layer_s, entry["text"]
    return None


@cache
def _fitted(name: str, folder: Path) -> tuple[float, float]:
    entry = yaml.safe_load(ENGINE_FILE.read_text())["fits"][name]
    kernels = _fitted_kernels(name, folder)
    known = entry.get("overhead_from")
    layers = kernels.model.layers
    overhead_s = _fitted(known, folder)[1] * layers if known else None
    times = {float(tokens): ms for tokens, ms in entry["fitted_on_ms"].items()}
    sustained, overhead = fit_engine(kernels, single_prompts(times), overhead_s)
    return sustained, overhead / layers


def _fitted_kernels(name: str, folder: Path) -> Kernels:
    entry = yaml.safe_load(ENGINE_FILE.read_text())["fits"][name]
    return _tables(folder, entry["gpu"]).kernels(find_model(entry["model"]), entry["tp"])


def single_prompts(milliseconds: dict[float, float]) -> Steps:
    """Steps that prefill one prompt of so many tokens in so many milliseconds."""
    tokens = np.array(list(milliseconds))
    none, one = np.zeros_like(tokens), np.ones_like(tokens)
    return Steps(none, none, one, tokens, none, np.array(list(milliseconds.values())) * 1e-3)
