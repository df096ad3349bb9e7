"""A small trace of each format, as records or as lines, for tests that break them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.workload import Programs

MOST_TOKENS = 2**31 - 1
"""Longest context that an engine counts; a reader takes prompts and outputs of up to 2**30 tokens each."""

MOONCAKE: list[Any] = [
    {"timestamp": 0, "input_length": 1100, "output_length": 20, "hash_ids": [1, 2, 3]},
    {"timestamp": 40_000, "input_length": 1700, "output_length": 0, "hash_ids": [1, 2, 3, 4]},
    {"timestamp": 2_000, "input_length": 600, "output_length": 5, "hash_ids": [1, 9], "request_id": "r"},
]
MOONCAKE_SESSIONS: list[Any] = [
    {"timestamp": 0, "input_length": 600, "output_length": 20, "hash_ids": [1, 2], "session_id": "a"},
    {"session_id": "a", "delay": 1500, "input_length": 700, "output_length": 5, "message_mode": "delta"},
    {"timestamp": 500, "input_length": 900, "output_length": 8, "session_id": "b"},
]
BAILIAN: list[Any] = [
    {"chat_id": 5, "parent_chat_id": -1, "timestamp": 10.0, "input_length": 32, "output_length": 9, "type": "text"},
    {"chat_id": 6, "parent_chat_id": 5, "timestamp": 60.5, "input_length": 80, "output_length": 9, "hash_ids": [1, 2]},
]
LLMSERVINGSIM: list[Any] = [
    {"input_toks": 40, "output_toks": 8, "arrival_time_ns": 2_000_000_000, "input_tok_ids": list(range(40))},
    {
        "session_id": "s",
        "arrival_time_ns": 5,
        "deadline_ns": 9_000_000_005,
        "input_mode": "streaming-deltas",
        "sub_requests": [
            {"input_toks": 16, "output_toks": 8, "input_tok_ids": list(range(16)), "tool": "shell"},
            {"input_toks": 9, "output_toks": 8, "tool_duration_ns": 3_000_000},
        ],
    },
    {
        "arrival_time_ns": 7,
        "nodes": [{"node_id": i, "input_toks": 10, "output_toks": 4} for i in range(3)],
        "edges": [{"src": 0, "dst": 1, "delay_ns": 5}, {"src": 1, "dst": 2}],
    },
]
AISIMULATE: list[Any] = [
    {"schema": "dynamo.agentic_mooncake", "version": 2, "block_size": 64, "hash_id_scope": "local"},
    *(
        {
            "request_id": name,
            "play_id": "p",
            "session_id": "s",
            "input_length": 128 + 64 * at,
            "output_length": 20,
            "hash_ids": [1, 2, *range(3, 3 + at)],
            "not_before_ms": 0.0,
            "dependencies": [{"request_id": "a", "trigger": "completion", "delay_ms": 100}] if at else [],
        }
        for at, name in enumerate("abc")
    ),
]
CLAUDE_CODE: list[Any] = [
    {
        "id": "c",
        "block_size": 64,
        "hash_id_scope": "local",
        "requests": [
            {"t": 0.0, "in": 128, "out": 20, "hash_ids": [1, 2], "api_time": 1.0, "type": "s"},
            {
                "t": 3.0,
                "type": "subagent",
                "duration_ms": 2000,
                "requests": [{"t": 3.5, "in": 64, "out": 9, "hash_ids": [7], "type": "n"}],
            },
            {"t": 9.0, "in": 192, "out": 20, "hash_ids": [1, 2, 3], "think_time": 1.0, "input_types": ["text"]},
        ],
    }
]
AGENTSIM: list[Any] = [
    {
        "format": "agentsim_env.programs",
        "version": 1,
        "block_size": 16,
        "programs": 2,
        "turns": 3,
        "edges": 1,
        "segments": 2,
        "segment_fields": ["id", "parent", "start_block", "n_blocks"],
        "tools": [{"name": "shell", "concurrency": 0, "backoff_s": 0.0}],
        "families": ["chat"],
        "tenants": ["default"],
    },
    {
        "program": 0,
        "arrival_s": 0.5,
        "deadline_s": None,
        "after": None,
        "family": "chat",
        "tenant": "default",
        "turns": [
            {
                "prompt_tokens": 20,
                "new_tokens": 20,
                "output_tokens": 5,
                "segment": 0,
                "next": [{"turn": 1, "gap_s": 1.5, "tool": "shell", "failures": 1}],
            },
            {"prompt_tokens": 30, "new_tokens": 5, "output_tokens": 2, "segment": 0},
        ],
        "segments": [[0, -1, 0, 2]],
    },
    {
        "program": 1,
        "arrival_s": 0.25,
        "deadline_s": 9.0,
        "after": 0,
        "family": "chat",
        "tenant": "default",
        "turns": [{"prompt_tokens": 9, "new_tokens": 9, "output_tokens": 1, "segment": 1}],
        "segments": [[1, -1, 0, 1]],
    },
]
AZURE = [
    "TIMESTAMP,ContextTokens,GeneratedTokens",
    "2023-11-16 18:15:46.6805900,374,44",
    "2024-05-10 02:00:00.009930+02:00,879,0",
    '"2023-11-16 18:15:50",396,109',
]
AZURE_SECONDS = ["t_s,in,out", "0.0,374,44", "4.5,396,109", "2.25,12,0"]
BURSTGPT = [
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
    "10,a,4,ChatGPT,100,20,120,Conversation log",
    "12,,1,ChatGPT,100,0,100,API log",
    "30,a,4,ChatGPT,150,20,170,Conversation log",
]

TRACELAB_ROUNDS: list[Any] = [
    {
        "provider": "claude",
        "session_id": "s",
        "round_index": at,
        "input_tokens_total": prompt,
        "prefix_tokens": prompt // 2,
        "output_tokens": 30,
        "timing_events": [
            {"event_type": first, "timestamp": f"2026-06-01T05:40:{20 * at:02}.151Z"},
            {"event_type": "tool_call", "timestamp": f"2026-06-01T05:40:{20 * at + 9:02}.420Z"},
        ],
        "tools": [{"tool_name": "Bash", "result_at": f"2026-06-01T05:40:{20 * at + 10:02}.5Z"}],
        "first_input_event_type": first,
    }
    for at, (prompt, first) in enumerate([(500, "user_message"), (700, "tool_result")])
]
SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> list[Any]:
    """The objects of a sample, one for each line or for the whole file."""
    text = (SAMPLES / name).read_text()
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else [json.loads(text)]


JSON_TRACES = {
    "mooncake": MOONCAKE,
    "mooncake_sessions": MOONCAKE_SESSIONS,
    "bailian": BAILIAN,
    "llmservingsim": LLMSERVINGSIM,
    "aisimulate": AISIMULATE,
    "claude_code": CLAUDE_CODE,
    "agentsim": AGENTSIM,
    "tracelab": TRACELAB_ROUNDS,
    "vllm_multi_turn": sample("vllm_multi_turn.json")[0],
    "aiperf": sample("aiperf_mooncake_messages.jsonl"),
    "aiperf_sessions": sample("aiperf_multi_turn.jsonl"),
    "aiperf_spawns": sample("aiperf_dag.jsonl"),
    "otel": sample("otel_two_sessions.jsonl"),
    "otel_spans_without_content": sample("otel_two_sessions_no_content.jsonl"),
    "otel_sessions_as_otlp": sample("otel_two_sessions_otlp.json"),
}
CSV_TRACES = {
    "azure": AZURE,
    "azure_seconds": AZURE_SECONDS,
    "burstgpt": BURSTGPT,
    "tracelab_sessions": (SAMPLES / "tracelab_sessions.csv").read_text().splitlines(),
}


def longest_context(programs: Programs) -> int:
    """Tokens of the longest prompt with its output."""
    return int((programs.turn["prompt_tokens"].astype(np.int64) + programs.turn["output_tokens"]).max())
