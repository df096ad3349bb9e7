"""What is said of files of no known format."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import FORMATS, TraceError, detect_format, read_trace
from agentsim_env.workload.traces.nearest import advice, listed, written_elsewhere
from agentsim_env.workload.traces.sniff import sniff
from tests.workload.traces.corpus import CSV_TRACES, JSON_TRACES


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"time_stamp": 0, "inputLength": 5, "outputLen": 5},
            "mooncake, which also needs timestamp (here time_st",
        ),
        (
            {"timestamp": 0, "prompt_tokens": 5, "completion_tokens": 5},
            "input_length (here prompt_tokens?)",
        ),
        ({"arrival_time_ns": 0, "input_tokes": 5}, "llmservingsim, which also needs input_toks (here input_tokes?)"),
        ({"chatid": 1, "parent_chat_id": 2, "timestamp": 0, "output_length": 5}, "bailian, which also needs chat_id"),
        (
            {"Timestamp": 0, "Input_Length": 5, "output_length": 5},
            "it is mooncake except for capitals; allowed: timestamp, input_length, output_length",
        ),
        ({"trace_id": "a", "span": []}, "otel, which also needs spans (here span?)"),
        (
            {"session_id": "a", "messages": [], "output_len": 5},
            "aiperf, which also needs output_length (here output_len?)",
        ),
        ({"ID": "a", "messages": []}, "it is vllm_multi_turn except for capitals; allowed: id, messages"),
        (
            "session_id,round,prefix_len,input_len,output_len,tool_wait_after_ms",
            "tracelab, which also needs round_idx (here round?)",
        ),
        ("TIMESTAMP,ContextToken,GeneratedTokens", "azure, which also needs contexttokens (here contexttoken?)"),
        (
            "Timestamp,Model,Prompt tokens,Response tokens",
            "burstgpt, which also needs request tokens (here prompt tokens?)",
        ),
        ("time,input,output", "single requests in any CSV are read as azure once its columns are t_s,in,out"),
        ("t_s|in|out", "separated by '|' where ',' is expected"),
        ("\n \n", "has blank lines only"),
    ],
)
def test_the_nearest_format_and_what_it_lacks(tmp_path: Path, row: Any, said: str) -> None:
    path = tmp_path / "trace"
    path.write_text((row if isinstance(row, str) else json.dumps(row)) + "\n")
    with pytest.raises(TraceError, match="no known trace format; known: ") as caught:
        detect_format(path)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("arrived_at,num_prefill_tokens,num_decode_tokens,x", "is a trace of Vidur: rename its columns"),
        ("num_prefill_tokens,num_decode_tokens", "is lengths of Vidur without arrival times"),
        ([{"id": "a", "conversations": []}], "is conversations as texts"),
        ({"timestamp": 0, "text_input": "hello", "output_length": 5}, "is requests of aiperf as texts"),
    ],
)
def test_files_of_other_tools(tmp_path: Path, row: Any, said: str) -> None:
    path = tmp_path / "trace"
    path.write_text((row if isinstance(row, str) else json.dumps(row)) + "\n")
    with pytest.raises(TraceError) as caught:
        detect_format(path)
    assert str(caught.value).startswith(f"{path}: {said}")


@pytest.mark.parametrize("name", [*JSON_TRACES, *CSV_TRACES])
def test_one_format_takes_a_file_and_no_other(tmp_path: Path, name: str) -> None:
    rows = JSON_TRACES[name] if name in JSON_TRACES else CSV_TRACES[name]
    path = tmp_path / "trace"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    sample = sniff(path)
    assert [entry.name for entry in FORMATS.values() if entry.detect(sample)] == [name.partition("_s")[0]]


def test_fields_inside_others_do_not_make_a_format(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    row = {"timestamp": 0, "input_length": 5, "output_length": 5, "extra": {"chat_id": 1, "schema": "x", "play_id": 2}}
    path.write_text(json.dumps(row) + "\n")
    assert detect_format(path) == "mooncake"
    path.write_text(json.dumps({"extra": row, "note": '{"input_length": 5}'}) + "\n")
    with pytest.raises(TraceError, match="no known trace format"):
        detect_format(path)


def test_a_format_that_is_named_lacks_a_column(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text("TIMESTAMP,prompt_tokens,GeneratedTokens\n2023-11-16 18:15:46,5,5\n")
    with pytest.raises(TraceError, match=r":1: contexttokens: no such column; nearest is prompt_tokens; there are"):
        read_trace(tmp_path / "trace", "azure")


def test_what_is_near_to_nothing() -> None:
    assert advice(["x", "y"], [("a", ("input_length", "output_length"))]) == ""
    assert advice(["x"], []) == ""
    assert advice(["a", "b"], [("f", ("a", "b"))]) == ""
    assert written_elsewhere(["x"]) == ""
    assert listed(f"c{i}" for i in range(40)) == ", ".join(f"c{i}" for i in range(12)) + ", ..."
    assert listed(["x" * 1000]) == "x" * 60
