"""The public traces, in the formats that users have, through the whole simulator.

The data are not part of the repository: `AGENTSIM_SHARED` names the folder that has them, by default `../shared`. Of
the Claude Code trace, `AGENTSIM_CONVERSATIONS` conversations are replayed, 40 unless it says otherwise (692 are all).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.envs.routing import RoutingEnv
from agentsim_env.workload.traces import read_trace

SHARED = Path(os.environ.get("AGENTSIM_SHARED") or Path(__file__).resolve().parents[1].parent / "shared")
SCRIPT = SHARED / "data" / "expand_traces.py"
CONVERSATIONS = int(os.environ.get("AGENTSIM_CONVERSATIONS") or 40)
ALL_CONVERSATIONS = 692

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists(),
    reason=f"no trace data: {SCRIPT} does not exist; set AGENTSIM_SHARED to the folder that has data/",
)

LLAMA_3_1_8B = {
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
}


@pytest.fixture(scope="module")
def expanded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the traces in their public formats."""
    folder = tmp_path_factory.mktemp("traces")
    subprocess.run([sys.executable, str(SCRIPT), str(folder), "--conversations", str(CONVERSATIONS)], check=True)
    return folder


def scenario_of(path: Path, arrivals: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "cluster": {"model": "Llama-3.1-8B", "instances": [{"gpu": "H100", "count": 8, **cluster}]},
        "workload": {"trace": {"path": str(path)}, "arrivals": arrivals},
        "rules": {"route_turn": "session_affinity"},
    }


def mooncake(expanded: Path) -> dict[str, Any]:
    return scenario_of(expanded / "mooncake_conversation.jsonl", {"process": "trace"})


def claude_code(expanded: Path) -> dict[str, Any]:
    """Contexts of up to 900 k tokens: a Llama-3.1-8B that is made for them, on instances that hold them."""
    values = scenario_of(expanded / "claude_code_weka", {"process": "poisson", "rate_per_s": 0.02}, kv_blocks=131_072)
    model = expanded / "long_context.json"
    model.write_text(json.dumps(LLAMA_3_1_8B | {"max_position_embeddings": 1_048_576}))
    values["cluster"]["model"] = str(model)
    return values


def replay(values: dict[str, Any]) -> Simulator:
    simulator = Simulator(load_scenario(values))
    simulator.reset(seed=0)
    simulator.run()
    return simulator


def totals(turns: np.ndarray) -> tuple[int, int, int]:
    """Requests, prompt tokens and output tokens."""
    return len(turns), int(turns["prompt_tokens"].sum(dtype=np.int64)), int(turns["output_tokens"].sum(dtype=np.int64))


def check_books(simulator: Simulator) -> None:
    """Every program is done, and every token was computed or found."""
    records = simulator.records()
    turns, instances = records.turns, records.instances
    assert (records.programs["state"] == "done").all()
    assert not np.isnan(turns["end_s"]).any()
    calm = turns[turns["preemptions"] == 0]
    assert len(calm) > 0.9 * len(turns)
    assert (calm["hit_tokens"] + calm["computed_tokens"] == calm["prompt_tokens"]).all()
    assert instances["decode_tokens"].sum() == turns["output_tokens"].sum(dtype=np.int64)
    assert instances["turns"].sum() == len(turns)


def test_the_whole_mooncake_trace(expanded: Path) -> None:
    """All requests and tokens of the file; the counts and means are those that the data folder's README states."""
    path = expanded / "mooncake_conversation.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    prompt, output = (sum(line[name] for line in lines) for name in ("input_length", "output_length"))
    report = read_trace(path).report
    assert (report.format, report.requests, report.bad_lines) == ("mooncake", 12_031, ())
    assert (report.prompt_tokens, report.output_tokens) == (prompt, output)
    assert round(prompt / 12_031) == 12_035
    assert round(output / 12_031) == 343

    simulator = replay(mooncake(expanded))
    records = simulator.records()
    assert totals(records.turns) == (12_031, prompt, output + report.raised_outputs)
    assert len(records.programs) == report.sessions
    check_books(simulator)
    assert 0.1 < simulator.summary()["hit_rate"] < report.prefix_reuse
    last_s = lines[-1]["timestamp"] / 1e3
    assert last_s == pytest.approx(3537, abs=3)
    assert last_s < simulator.now < 1.5 * last_s


@pytest.mark.parametrize("reuse_generated", [False, True])
def test_an_instance_that_forgets_nothing_hits_what_an_unbounded_cache_would(
    expanded: Path, reuse_generated: bool
) -> None:
    """The README of the data says 37.4 % of Mooncake's prompt tokens, generated ones not reused."""
    values = mooncake(expanded)
    values["cluster"]["instances"] = [{"gpu": "B200", "tp": 2, "kv_blocks": 10_000_000}]
    values["workload"]["reuse_generated"] = reuse_generated
    simulator = replay(values)
    assert not simulator.records().instances["evicted_blocks"].any()
    report = read_trace(expanded / "mooncake_conversation.jsonl", reuse_generated=reuse_generated).report
    assert simulator.summary()["hit_rate"] == pytest.approx(report.prefix_reuse, abs=0.005)
    if not reuse_generated:
        assert report.prefix_reuse == pytest.approx(0.374, abs=0.002)


def test_claude_code_sessions(expanded: Path) -> None:
    """All requests and tokens of the files, sub-agents included."""
    requests, tokens, subagents = 0, np.zeros(2, np.int64), 0
    for path in sorted((expanded / "claude_code_weka").glob("*.json")):
        for entry in json.loads(path.read_text())["requests"]:
            rows = entry["requests"] if entry["type"] == "subagent" else [entry]
            subagents += len(rows) if entry["type"] == "subagent" else 0
            requests += len(rows)
            tokens += [sum(row["in"] for row in rows), sum(row["out"] for row in rows)]
    report = read_trace(expanded / "claude_code_weka").report
    assert (report.format, report.sessions, report.files) == ("claude_code", CONVERSATIONS, CONVERSATIONS)
    assert (report.requests, report.subagent_requests) == (requests, subagents)
    assert (report.prompt_tokens, report.output_tokens) == tuple(tokens)
    if CONVERSATIONS == ALL_CONVERSATIONS:
        assert (report.main_requests, report.subagent_requests) == (45_542, 676)

    simulator = replay(claude_code(expanded))
    assert totals(simulator.records().turns) == (requests, int(tokens[0]), int(tokens[1]) + report.raised_outputs)
    check_books(simulator)
    assert simulator.summary()["hit_rate"] > 0.8


def test_episodes_are_drawn_from_a_trace(expanded: Path) -> None:
    """Environments learn on windows of the trace: the same for a seed, others for another."""
    values = mooncake(expanded)
    values["workload"]["arrivals"] = {"process": "poisson", "rate_per_s": 4.0}
    env = RoutingEnv(load_scenario({**values, "episode": {"programs": 40}}))
    arrivals, prompts = [], []
    for seed in (0, 1, 0):
        env.reset(seed=seed)
        arrivals.append(env.simulator.programs.program["arrival_s"].tolist())
        prompts.append(env.simulator.programs.turn["prompt_tokens"].tolist())
    assert len(arrivals[0]) == 40
    assert arrivals[0] == arrivals[2] != arrivals[1]
    assert prompts[0] == prompts[2] != prompts[1]


def test_an_episode_can_be_a_window_of_a_trace(expanded: Path) -> None:
    env = RoutingEnv(load_scenario(mooncake(expanded)))
    _, info = env.reset(seed=0, options={"window": (600.0, 660.0)})
    programs = env.simulator.programs
    assert 100 < len(programs.program) < 400
    assert programs.program["arrival_s"][0] == 0.0
    assert programs.program["arrival_s"][-1] < 60.0
    over = False
    while not over:
        _, _, terminated, truncated, info = env.step(0)
        over = terminated or truncated
    assert info["programs_ended"] == len(programs.program)
