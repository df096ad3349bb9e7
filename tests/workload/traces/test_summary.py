"""What `agentsim traces` says of a trace."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.traces.opening import TraceFile, watched
from agentsim_env.workload.traces.summary import Spread, summarize
from agentsim_env.workload.traces.summary.printed import read_and_print

Write = Callable[..., Path]


def printed(path: Path, picture: Path | None = None) -> str:
    console = Console(file=io.StringIO(), width=100)
    read_and_print(path, console, picture)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_numbers(samples: Path) -> None:
    summary = summarize(read_trace(samples / "otel_two_sessions.jsonl").programs)
    assert (summary.programs, summary.turns, summary.branching) == (2, 7, 1)
    assert (summary.most_started, summary.most_joined) == (2, 2)
    assert summary.families == {"otel": 2}
    assert summary.quantities["turns per program"] == pytest.approx(Spread(3.5, 3.05, 3.5, 3.95, 4))
    assert summary.quantities["prompt tokens"].mean == pytest.approx(8710 / 7)
    assert summary.quantities["longest context"].most == 1480 + 200
    new = 900 + 520 + 35 + 880 + (1200 - 512) + (1210 - 1024) + 570
    assert summary.own_reuse == pytest.approx(1 - new / 8710)


def test_waits_have_a_distribution_for_each_tool(samples: Path) -> None:
    waits = summarize(read_trace(samples / "otel_two_sessions.jsonl").programs).waits
    assert [(wait.tool, wait.n_waits) for wait in waits] == [("restart_belt", 1), ("user", 4), ("read_log", 1)]
    assert [wait.total_s for wait in waits] == pytest.approx([8.1, 0.5 + 0.6 + 1.4 + 1.4, 2.6])
    assert waits[0].gap_s == pytest.approx(Spread(8.1, 8.1, 8.1, 8.1, 8.1))


def test_what_is_printed(samples: Path) -> None:
    said = printed(samples / "agentx_weka_sample.jsonl")
    assert said.startswith("claude_code trace: 1 programs, 4 requests without recorded times (2 of sub-agents)\n")
    assert "sub-agents: 2 requests, 1,280 prompt and 150 output tokens" in said
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    assert rows["agent"] == ["2", "51.6%", "0.8", "0.53", "0.8", "1.07", "1.1"]
    assert rows["tool"][:3] == ["1", "48.4%", "1.5"]
    assert "graphs" not in said  # one after another
    assert "graphs: 1 programs have turns side by side" in printed(samples / "aiperf_dag.jsonl")


def test_single_requests_have_no_waits(jsonl: Write) -> None:
    said = printed(jsonl([{"timestamp": 0, "input_length": 64, "output_length": 5}]))
    assert "waits" not in said
    assert "reuse: 0.0% of the prompt tokens" in said


@pytest.mark.parametrize("name", ["otel_two_sessions.jsonl", "aiperf_dag.jsonl", "tracelab_sessions.csv"])
def test_a_picture(samples: Path, tmp_path: Path, name: str) -> None:
    picture = tmp_path / "trace.png"
    assert printed(samples / name, picture).replace("\n", "").endswith(f"Picture written to {picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_file_that_is_no_trace_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(TraceError, match="no known trace format"):
        printed(tmp_path / "notes.txt")


@pytest.mark.parametrize("name", ["trace.jsonl", "trace.jsonl.gz"])
def test_reading_tells_how_far_it_is(tmp_path: Path, name: str) -> None:
    content = b"".join(b"%d\n" % (at * 7919) for at in range(300_000))
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    steps: list[int] = []
    with watched(steps.append):
        assert sum(1 for _ in TraceFile(tmp_path / name).lines()) == 300_000
    assert sum(steps) == (tmp_path / name).stat().st_size
    assert len(steps) > 1
    told = len(steps)
    list(TraceFile(tmp_path / name).lines())
    assert len(steps) == told
