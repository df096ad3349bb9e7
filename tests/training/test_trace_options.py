"""How a trace is read can be said on the command line, wherever a trace can be named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.training.errors import TrainingError
from agentsim_env.training.trace_options import with_trace_options
from tests.training.test_cli import call

Write = Callable[[list[dict[str, Any]]], Path]


@pytest.fixture
def trace(tmp_path: Path) -> Write:
    def write(rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / "trace.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def test_options_come_before_the_overrides() -> None:
    given = with_trace_options(["workload.trace.format=azure"], Path("t"), format="mooncake", time_unit=None)
    assert given == ["workload.trace.format=mooncake", "workload.trace.format=azure"]
    assert with_trace_options(None, None, format=None) is None
    assert with_trace_options(["a=1"], Path("t"), format=None) == ["a=1"]
    with pytest.raises(TrainingError, match=r"--message-mode goes with --trace; in a scenario it is workload\.trace\."):
        with_trace_options([], None, message_mode="delta")


@pytest.mark.parametrize("command", [["simulate"], ["train", "routing"], ["evaluate", "--agents", "random"]])
@pytest.mark.parametrize("option", ["--format", "--sessions", "--message-mode", "--time-unit"])
def test_options_without_a_trace_or_with_a_wrong_value(trace: Write, command: list[str], option: str) -> None:
    code, _, err = call(*command, option, "wrong")
    assert code == 2
    assert f"{option} goes with --trace" in err
    path = trace([{"timestamp": 0, "input_length": 5, "output_length": 5}])
    code, _, err = call(*command, "--trace", path, option, "wrong")
    assert code == 2
    assert f"workload.trace.{option[2:].replace('-', '_')} = 'wrong'" in err


def test_seconds(trace: Write) -> None:
    path = trace([{"timestamp": t, "input_length": 600, "output_length": 5} for t in (0.0, 12.5, 30.0)])
    code, _, err = call("simulate", "-s", "tool_chat", "--trace", path)
    assert code == 2
    assert "say time_unit: s (they cover 30 s) or time_unit: ms (0.03 s)" in err
    code, out, _ = call("simulate", "-s", "tool_chat", "--trace", path, "--time-unit", "s")
    assert code == 0
    assert "mooncake trace: 3 programs, 3 requests in 30 s; arrivals: the trace's own times" in out


def test_deltas(trace: Write) -> None:
    rows = [
        {"timestamp": 0, "input_length": 400, "output_length": 59, "session_id": "s"},
        {"delay": 500, "input_length": 59, "output_length": 16, "session_id": "s"},
    ]
    arguments = ["simulate", "-s", "tool_chat", "--trace", trace(rows)]
    assert "in doubt: 1 of 1 follow-ups have shorter prompts" in call(*arguments)[1]
    assert "prompts put together from deltas: 1" in call(*arguments, "--message-mode", "delta")[1]


def test_requests_behind_one_prompt(trace: Write) -> None:
    rows = [
        {"timestamp": 2000 * at, "input_length": 1100 + at, "output_length": 20, "hash_ids": [1, 2, 100 + at]}
        for at in range(20)
    ]
    arguments = ["simulate", "-s", "tool_chat", "--trace", trace(rows)]
    assert "mooncake trace: 1 programs, 20 requests in 38 s" in call(*arguments)[1]
    assert "mooncake trace: 20 programs, 20 requests in 38 s" in call(*arguments, "--sessions", "named")[1]


def test_a_named_format_is_not_sought(trace: Write) -> None:
    path = trace([{"timestamp": 0, "input_length": 1024, "output_length": 10, "play_id": "a"}] * 2)
    assert call("simulate", "-s", "tool_chat", "--trace", path)[0] == 2
    assert call("simulate", "-s", "tool_chat", "--trace", path, "--format", "mooncake")[0] == 0


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00\x00", b"PAR1", b"", b"\x28\xb5\x2f\xfd"])
def test_a_file_that_ends_too_soon_aborts_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace"
    path.write_bytes(content)
    code, _, err = call("simulate", "--trace", path)
    assert code == 2
    assert err.startswith(f"agentsim: {path}: ")
    assert "Aborted" not in err
