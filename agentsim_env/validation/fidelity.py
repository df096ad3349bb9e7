"""Writes the first half of docs/fidelity.md: every validation run, and what was fitted on what.

`python -m agentsim_env.validation.fidelity --data DATA --out docs/fidelity.md`; the second half, which
`agentsim_env.validation.programs` writes, stays as it is.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

from agentsim_env.hardware.calibrate.leave_one_out import leave_one_out
from agentsim_env.hardware.calibrate.shipped import ENGINE_FILE, single_prompts
from agentsim_env.hardware.calibrate.steps import predict_s
from agentsim_env.hardware.catalog import find_gpu, find_model
from agentsim_env.hardware.kv_capacity import kv_blocks
from agentsim_env.hardware.library import PROFILES, find_profile, load
from agentsim_env.prose import wrapped
from agentsim_env.validation.command import Validation
from agentsim_env.validation.fidelity_runs import ReportedRun, errors, misses, reported_runs
from agentsim_env.validation.halves import joined, second_half
from agentsim_env.validation.picture import draw
from agentsim_env.validation.report import (
    LABELS,
    as_markdown,
    points_table,
    runs_table,
    signed,
    size,
    split,
    spreads_table,
)
from agentsim_env.validation.timings import METRICS

HEAD = """\
# How far the simulator is from real engines

Written by `python -m agentsim_env.validation.fidelity --data DATA --out docs/fidelity.md`, where DATA holds `profiles/`
and `validation/`; the second half, [programs](#programs), by `python -m agentsim_env.validation.programs`. Each run
below is replayed through the engine of the simulator: measured arrivals and lengths, or a closed loop of clients, go
in; times of every request come out. `agentsim validate FILE --engine ENGINE.yaml` does the same with any other file
(docs/hardware.md).

Profiles are fitted to kernel tables alone. What a running engine adds to its kernels are the constants of its
generation (`agentsim_env/hardware/engine_profiles.yaml`) and of its description (`agentsim_env/validation/engines`);
each names the runs that it was chosen on, and a run on which a constant was chosen is marked as *chosen here*: its
errors are those of a fit. Errors are (simulated - measured) / measured; over several points, the mean of their sizes.
"""
NOT_REPLAYED = """\
Of `silicon_closed_loop.csv`, the dense models on vLLM are replayed. Mixtures of experts have no kernel tables there,
disaggregated engines are not simulated, and SGLang and TensorRT-LLM schedule otherwise than vLLM. Of
`vllm_isl_sweep.csv`, Qwen3.5 and GLM-5 have linear or latent attention, and points with data-parallel attention are
left out. `agentsim validate` takes such points with an engine description of one's own; we claim nothing for them.
"""
DENSE_BARS = {"ttft_s": 10.0, "tpot_s": 4.0}
"""Per cent asked for over all closed loops of dense models on vLLM."""
# Counts that vLLM printed: GPU, model, tp, share of the memory, sequences, tokens.
CAPACITIES = (
    ("RTX-4090", "Llama-3.1-8B", 1, 0.9, 256, 41_408),
    ("RTX-PRO-6000", "Llama-3.1-8B", 1, 0.92, 128, 574_608),
    ("RTX-PRO-6000", "Qwen3-32B", 2, 0.92, 128, 462_144),
    ("RTX-PRO-6000", "Llama-3.1-70B", 2, 0.9, 128, 114_768),
)


def page(data: Path, picture: Path | None = None) -> str:
    """The whole page.

    Args:
        data: Folder with `profiles/` and `validation/`.
        picture: Where to draw the runs with single requests.
    """
    replayed = [(run, run.replay(data / "validation")) for run in reported_runs()]
    parts = [HEAD, "## Summary", _summary(replayed)]
    if picture is not None:
        draw([o for run, result in replayed if run.bars for o in split(result.outcomes)[0]], picture)
        parts.append(f"![Measured against simulated]({picture.name})")
    parts.append("## Runs")
    parts += [_section(run, result) for run, result in replayed]
    parts += ["## Not replayed", NOT_REPLAYED, "## Profiles", _profiles(), "## Forward passes", _forward_passes()]
    parts += ["## Roofline", _roofline(data / "profiles"), "## KV capacity", _capacity()]
    return wrapped("\n\n".join(part.strip() for part in parts)) + "\n"


def _summary(replayed: list[tuple[ReportedRun, Validation]]) -> str:
    header = ["run", "constants", *(f"{LABELS[metric]} mean" for metric in METRICS), "p99 of the three", "asked for"]
    cells = []
    for run, result in replayed:
        found = errors(result)
        write = signed if len(result.outcomes) == 1 else size
        means = [write(found[metric, "mean"]) if (metric, "mean") in found else "" for metric in METRICS]
        p99 = [write(found[metric, "p99"]) for metric in METRICS if (metric, "p99") in found]
        verdict = ("missed" if misses(run, result) else "met") if run.bars else ""
        chosen = "unseen" if run.unseen else "chosen here"
        points = f" ({len(result.outcomes)} points)" if len(result.outcomes) > 1 else ""
        cells.append([run.title + points, chosen, *means, ", ".join(p99), verdict])
    cells.append(_all_dense([result for run, result in replayed if run.dense_on_vllm]))
    return as_markdown(header, cells)


def _all_dense(results: list[Validation]) -> list[str]:
    """Row of the summary for every closed loop of a dense model on vLLM: mean size of the errors of single points."""
    outcomes = [outcome for result in results for outcome in result.outcomes]
    found = {
        metric: float(
            np.mean([abs(one.error) for outcome in outcomes for one in outcome.differences if one.metric == metric])
        )
        for metric in DENSE_BARS
    }
    means = [size(found[metric]) if metric in found else "" for metric in METRICS]
    met = all(found[metric] <= bar / 100 for metric, bar in DENSE_BARS.items())
    title = f"Every closed loop of a dense model on vLLM ({len(outcomes)} points)"
    return [title, "chosen on 40 of them, one GPU and model", *means, "", "met" if met else "missed"]


def _section(run: ReportedRun, result: Validation) -> str:
    engine = result.engine
    runs, points = split(result.outcomes)
    parts = [f"### {run.title}", run.note.strip()]
    constants, served = engine.constants, engine.served_by
    step = "default" if served.step_s is None else f"{1e3 * served.step_s:g} ms"
    step += "" if constants.chunk_s is None else f" ({1e3 * constants.chunk_s:g} ms more with a prefill chunk)"
    dense = "" if constants.dense_factor == 1.0 else f", dense layers x {constants.dense_factor:g}"
    doubling = (
        f" ({1e3 * constants.eager_doubling_s:g} more for each doubling of tp)" if constants.eager_doubling_s else ""
    )
    dense += f", at least {1e3 * constants.eager_s:g} ms{doubling} without a CUDA graph" if constants.eager_s else ""
    parts.append(
        f"Engine `{run.engine}` ({engine.engine}): a step {step}, a sequence {1e6 * served.sequence_s:g} µs{dense}, "
        f"front end {1e3 * engine.frontend_s:g} ms; chosen on: {constants.chosen_on.strip()}."
    )
    if runs:
        parts.append(as_markdown(*runs_table(runs)))
    if points:
        parts.append(as_markdown(*spreads_table(points)))
        table = as_markdown(*points_table(points))
        parts.append(f"<details><summary>Every point</summary>\n\n{table}\n\n</details>")
    missed = misses(run, result)
    if missed:
        parts.append(f"Missed: {'; '.join(missed)}.")
    return "\n\n".join(parts)


def _profiles() -> str:
    files = [load(file) for file in sorted(PROFILES.glob("*.yaml"))]
    header = ["profile", "error of whole iterations on the tables that it was fitted to: mean/p50/p95"]
    cells = [
        [
            f"{profile.gpu} {profile.model} tp{profile.tp} {profile.dtype}, KV {profile.kv_dtype}",
            profile.error.removeprefix("mean/p50/p95: "),
        ]
        for profile in files
    ]
    table = as_markdown(header, cells)
    text = f"{len(files)} profiles are shipped; asked for: 3 % decode, 3.5 % prefill, 5 % mixed (mean)."
    return f"{text}\n\n<details><summary>Every profile</summary>\n\n{table}\n\n</details>"


def _forward_passes() -> str:
    content = yaml.safe_load(ENGINE_FILE.read_text())
    cells = []
    for curve in content["held_out_ms"]:
        steps = single_prompts({float(tokens): ms for tokens, ms in curve["ms"].items()})
        profile = find_profile(find_gpu(curve["gpu"]), find_model(curve["model"]), curve["tp"])
        error = predict_s(profile, steps) / steps.seconds - 1.0
        each = ", ".join(f"{int(t):,}: {signed(e)}" for t, e in zip(steps.new_tokens, error, strict=True))
        mean = size(float(np.mean(np.abs(error))))
        cells.append([f"{curve['gpu']}, {curve['model']}, tp {curve['tp']}", each, mean])
    text = (
        "Prompts of vLLM 0.19 (AgentServeSim) that no constant was fitted to; the sustained rates come from other "
        "models or other lengths (`calibrate/engine_times.yaml`). Asked for: 6 % mean."
    )
    return f"{text}\n\n{as_markdown(['engine', 'error by tokens', 'mean error'], cells)}"


def _roofline(profiles: Path) -> str:
    cells = [[f"{e.gpu}, {e.model}, tp {e.tp}", size(e.mean)] for e in leave_one_out(profiles)]
    text = "Constants of each GPU fitted without the model that is predicted; asked for: 6 %."
    return f"{text}\n\n{as_markdown(['predicted', 'mean error'], cells)}"


def _capacity() -> str:
    cells = []
    for gpu, model, tp, share, seqs, tokens in CAPACITIES:
        ours = 16 * kv_blocks(find_gpu(gpu), find_model(model), tp, utilisation=share, max_num_seqs=seqs)
        cells.append([f"{gpu}, {model}, tp {tp}", f"{tokens:,}", f"{ours:,}", signed(ours / tokens - 1.0)])
    text = "KV tokens; the reserve of each card was chosen on its Llama-3.1-8B."
    return f"{text}\n\n{as_markdown(['engine', 'vLLM', 'computed', 'error'], cells)}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m agentsim_env.validation.fidelity", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with profiles/ and validation/")
    parser.add_argument("--out", type=Path, default=Path("docs/fidelity.md"))
    asked = parser.parse_args()
    before = asked.out.read_text(encoding="utf-8") if asked.out.is_file() else ""
    first = page(asked.data, asked.out.with_suffix(".png"))
    asked.out.write_text(joined(first, second_half(before)), encoding="utf-8")


if __name__ == "__main__":
    main()
