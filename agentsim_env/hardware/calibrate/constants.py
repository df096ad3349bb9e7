"""Write `efficiencies.yaml`: the roofline's constants of every GPU, from the tables in our layout."""

from dataclasses import asdict, replace
from pathlib import Path

import yaml

from agentsim_env.hardware.calibrate import llmservingsim, vidur
from agentsim_env.hardware.calibrate.efficiencies import fit_efficiencies, fit_products
from agentsim_env.hardware.calibrate.fit import fit_profile
from agentsim_env.hardware.calibrate.operators import OperatorTables
from agentsim_env.hardware.catalog import FOLDER, find_gpu, find_model
from agentsim_env.hardware.efficiencies import Efficiencies, efficiencies

HEADER = """\
# Constants of the roofline (roofline.py), one set per GPU: use a set as a whole, since its members trade off against
# each other. Written by `python -m agentsim_env.hardware.calibrate constants DATA`; sustained, mixed_decode,
# serial_tile, measured_mixed and the sources are kept from the file.
"""
FROM_OPERATORS = ("H100", "H200", "A100", "B200", "GB200", "L40S", "RTX-PRO-6000")
VIDUR_MODELS = ("CodeLlama-34b-Instruct-hf", "Llama-2-70b-hf", "Llama-2-7b-hf", "Qwen-72B")
LONG_DECODES = (8.0, 128.0)  # decodes whose time per KV token stands for the GPU: enough to fill it


def fit_constants(folder: Path) -> dict[str, Efficiencies]:
    """Constants of every GPU that the tables in `folder` measure, by entry of `efficiencies.yaml`."""
    found: dict[str, Efficiencies] = {}
    for name in FROM_OPERATORS:
        dtypes = ("bf16", "fp8") if find_gpu(name).fp8_tflops else ("bf16",)
        found[name] = fit_efficiencies(OperatorTables(folder, find_gpu(name)), efficiencies(name), dtypes=dtypes)
    found["RTX-4090"] = _rtx_4090(folder)
    found["A40"] = _a40(folder, found["A100"])
    return found


def write_constants(folder: Path, file: Path = FOLDER / "efficiencies.yaml") -> None:
    """Fit and write them."""
    entries = {name: asdict(constants) for name, constants in fit_constants(folder).items()}
    file.write_text(HEADER + yaml.safe_dump(entries, sort_keys=False, width=120))


def _rtx_4090(folder: Path) -> Efficiencies:
    gpu, model = find_gpu("RTX-4090"), find_model("Llama-3.1-8B")
    kernels = llmservingsim.find_flat(folder, gpu, model, 1)
    if kernels is None:
        raise ValueError(f"{folder}: no layer tables of {gpu.name}")
    profile = fit_profile(kernels)
    prior = efficiencies("RTX-4090")
    kv_rate = model.kv_bytes_per_token("bf16") / gpu.hbm_bytes_per_s
    full = (profile.dec_n >= LONG_DECODES[0]) & (profile.dec_n <= LONG_DECODES[1])
    pairs = profile.pre_c[-1]
    attention = model.layer.attention
    operations = 4.0 * model.layers * attention.heads * attention.head_dim
    return replace(
        prior,
        products={"bf16": fit_products(llmservingsim.products(folder, gpu, [(model, 1)]))},
        decode=round(float(kv_rate / profile.pure_b_s[full].min()), 4),
        prefill=round(float(operations * pairs / profile.pre_b_s[-1] / gpu.flop_per_s()), 4),
        prefill_bytes=1.5,
    )


def _a40(folder: Path, a100: Efficiencies) -> Efficiencies:
    gpu = find_gpu("A40")
    shapes = {f"{name}/{tp}": (find_model(name), tp) for name in VIDUR_MODELS for tp in (1, 2, 4, 8)}
    products = {"bf16": fit_products(vidur.products(folder / "vidur_layer_ops.csv", gpu, shapes))}
    prior = efficiencies("A40")
    return replace(
        a100,
        products=products,
        mixed_decode=prior.mixed_decode,
        serial_tile=prior.serial_tile,
        source=prior.source,
        mixed_source=prior.mixed_source,
    )
