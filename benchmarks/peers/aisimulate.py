"""AISimulate (github.com/ai-dynamo/aisimulate) on the trace: a process, and files."""

import time
from pathlib import Path

import yaml

from agentsim_env import Scenario, ScenarioError
from agentsim_env.hardware import Engine
from benchmarks.bounded import CUT_OFF, run_bounded
from benchmarks.files import read_json
from benchmarks.peers.outcome import Outcome

MODELS = {"Llama-3.1-8B": "meta-llama/Meta-Llama-3.1-8B"}
GPUS = {"H100": "h100_sxm", "H200": "h200_sxm", "B200": "b200_sxm", "A100": "a100_sxm"}
"""Names there, by those here."""

MS = 1e-3


def model_of(scenario: Scenario) -> str:
    """The model of a scenario as AISimulate calls it.

    Raises:
        ScenarioError: It is not known what that is.
    """
    return _known(MODELS, scenario.cluster.model, "cluster.model")


def configuration(scenario: Scenario, engines: list[Engine], trace: Path) -> str:
    """A deployment of the same instances: model, GPU, KV blocks, limits of a batch.

    Raises:
        ScenarioError: The instances differ, or something has no name there.
    """
    engine = engines[0]
    if any(other != engine for other in engines):
        raise ScenarioError("cluster.instances differ: AISimulate has equal ones only")
    block = scenario.cluster.block_size_tokens
    content = {
        "traffic": {
            "source": {"type": "trace", "format": "agentic_mooncake", "block_size": block, "paths": [str(trace)]},
            "load": {"type": "trace_timestamps"},
        },
        "engine": {
            "mode": "aggregated",
            "model": model_of(scenario),
            "hardware": _known(GPUS, engine.gpu, "cluster.instances.0.gpu"),
            "backend": "vllm",
            "context_length": engine.max_model_len_tokens,
            "workers": {
                "aggregated": {
                    "parallelism": {"replicas": len(engines), "tensor": engine.tp},
                    "scheduler": {
                        "max_batched_tokens": engine.max_num_batched_tokens,
                        "max_sequences": engine.max_num_seqs,
                    },
                    "kv_cache": {
                        "block_size": block,
                        "prefix_caching": True,
                        "capacity": {"type": "fixed", "blocks": engine.kv_blocks},
                    },
                }
            },
        },
    }
    return yaml.safe_dump(content, sort_keys=False)


def _known(names: dict[str, str], name: str, field: str) -> str:
    if name not in names:
        raise ScenarioError(f"{field} is {name!r}; known by its name in AISimulate: {', '.join(names)}")
    return names[name]


def predict(program: str, folder: Path, limit_s: float, runs: int) -> Outcome:
    """Run `aisimulate predict` on the configuration in a folder; what it prints goes to `aisimulate.log` there.

    Raises:
        RuntimeError: It failed, or took too long.
    """
    rates, command_s, found = [], [], {}
    for _ in range(runs):
        begun_s = time.perf_counter()
        _run(program, folder, limit_s)
        command_s.append(time.perf_counter() - begun_s)
        found = read_json(folder / "prediction" / "prediction.json")
        rates.append(found["num_requests"] / (found["wall_time_ms"] * MS))
    return Outcome(
        turns=found["completed_requests"],
        prompt_tokens=found["total_input_tokens"],
        output_tokens=found["total_output_tokens"],
        turns_per_s=rates,
        command_s=min(command_s),
        mean_jct_s=found["mean_trajectory_e2e_latency_ms"] * MS,
        mean_ttft_s=found["mean_ttft_ms"] * MS,
        mean_tpot_s=found["mean_tpot_ms"] * MS,
        hit_rate=found["first_admission_prefix_cache_reused_ratio"],
    )


def version(program: str) -> str:
    """Version of the package that a program comes with."""
    found = sorted(Path(program).resolve().parent.parent.glob("lib/python*/site-packages/aisimulate-*.dist-info"))
    return found[-1].name.removeprefix("aisimulate-").removesuffix(".dist-info") if found else "unknown"


def _run(program: str, folder: Path, limit_s: float) -> None:
    config, out, log = folder / "aisimulate.yaml", folder / "prediction", folder / "aisimulate.log"
    options = ["--stack", "engine", "--output-dir", str(out), "--overwrite", "--format", "json"]
    with log.open("w", encoding="utf-8") as output:
        status = run_bounded([program, "predict", "--config", str(config), *options], limit_s, output)
    if status != 0:
        how = f"took longer than {limit_s:.0f} s" if status == CUT_OFF else f"ended with status {status}"
        raise RuntimeError(f"{program} predict {how}: see {log}")
