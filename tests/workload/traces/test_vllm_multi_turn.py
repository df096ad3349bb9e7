"""vLLM's multi-turn conversations."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import sample
from tests.workload.traces.graphs import Turn, turns_of

Write = Callable[..., Path]


def test_conversations(samples: Path) -> None:
    programs, report = read_trace(samples / "vllm_multi_turn.json")
    validate(programs)
    assert (report.format, report.sessions, report.requests, report.span_s) == ("vllm_multi_turn", 2, 3, None)
    assert programs.program["arrival_s"].tolist() == [0.0, 0.0]
    assert turns_of(programs, 0) == [  # 17, 18, 13 and 5 characters
        Turn(5, 5, 5, {}),
        Turn(5 + 5 + 4, 2, 4, {0: (0.0, "user")}),
    ]
    assert turns_of(programs, 1) == [Turn(4, 9, 4, {})]
    assert report.doubts == ("lengths of 3 prompts are characters / 4, since the trace holds texts",)


def test_one_a_line_is_the_same(samples: Path, jsonl: Write) -> None:
    (both,) = sample("vllm_multi_turn.json")
    lines = read_trace(jsonl(both)).programs
    array = read_trace(samples / "vllm_multi_turn.json").programs
    assert [turns_of(lines, at) for at in (0, 1)] == [turns_of(array, at) for at in (0, 1)]


def test_a_system_prompt_is_shared_and_a_last_question_answered(jsonl: Write) -> None:
    system = {"role": "system", "content": "s" * 256}
    rows = [{"id": at, "messages": [system, {"role": "user", "content": f"{at}" * 64}]} for at in (1, 2)]
    programs, report = read_trace(jsonl(rows))
    assert programs.turn["prompt_tokens"].tolist() == [80, 80]
    assert programs.turn["output_tokens"].tolist() == [128, 128]
    assert report.prefix_reuse == 64 / 160
    assert "2 turns do not say their output; taken as 128 tokens" in report.doubts


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "b", "messages": []}, ":3: messages: is empty"),
        ({"id": "a", "messages": [{"role": "user", "content": "q"}]}, ":3: id: 'a' was used before"),
        (
            {"id": "b", "messages": [{"role": "assistant", "content": "q"}]},
            r":3: messages\[0\].role: is 'assistant' after",
        ),
        ({"id": "b", "messages": ["q"]}, r":3: messages\[0\]: is 'q'; allowed: an object with role"),
        ({"id": "b"}, ":3: messages: is missing"),
    ],
)
def test_a_broken_conversation_names_line_and_field(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    good = {"id": "a", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]}
    path = tmp_path / "conversations.json"
    path.write_text(f"[\n{json.dumps(good)},\n{json.dumps(row)}\n]\n")
    with pytest.raises(TraceError, match=said):
        read_trace(path)
    assert read_trace(path, skip_bad_lines=True).report.requests == 1


def test_an_array_that_is_cut_off_names_its_line(samples: Path, tmp_path: Path) -> None:
    text = (samples / "vllm_multi_turn.json").read_text()
    (tmp_path / "cut.json").write_text(text[:-30])
    with pytest.raises(TraceError, match=r"cut\.json:3\d: an object is not JSON"):
        read_trace(tmp_path / "cut.json")


def test_a_long_array_is_read_in_parts(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "x" * 20_000}, {"role": "assistant", "content": "y"}]
    path = tmp_path / "long.json"
    path.write_text(json.dumps([{"id": at, "messages": said} for at in range(800)]))
    tracemalloc.start()
    assert read_trace(path).report.sessions == 800
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 16e6
    assert peak < 12e6


def test_what_stands_behind_the_list_is_told(tmp_path: Path) -> None:
    whole = (Path(__file__).parent / "samples" / "vllm_multi_turn.json").read_text()
    file = tmp_path / "trace.json"
    file.write_text(f"{whole.rstrip()}\nnonsense\n")
    with pytest.raises(TraceError, match="holds 'n' behind the end of its list"):
        read_trace(file)
    assert len(read_trace(file, skip_bad_lines=True).report.bad_lines) == 1
