import io

from rich.console import Console

from agentsim_env.metrics.report import MOST_ROWS, heading, markdown, print_report, tables
from agentsim_env.scenario.episode import Slo
from tests.metrics.episodes import chains, engine, run


def test_on_the_terminal() -> None:
    records = run(chains(), [engine(), engine(tp=2)], warmup_programs=1)
    out = io.StringIO()
    print_report(records, Slo(ttft_s=2.0, slowdown=3.0), Console(file=out, width=140))
    text = out.getvalue()
    assert text.startswith("test · seed 0")
    for part in ("JCT (s)", "slowdown", "1 H100 x 2", "TTFT ≤ 2 s, slowdown ≤ 3", "without 1 warm-up", "hit rate"):
        assert part in text


def test_fits_on_a_terminal_of_80_columns() -> None:
    records = run(chains(), [engine(), engine(tp=2)], warmup_programs=1)
    for name, value in (("turns", 3_073), ("prefill_tokens", 35_396_315), ("decode_tokens", 995_556)):
        records.instances[name] = value
    records.instances["evicted_blocks"] = 2_248_863
    records.instances["cost_usd"] = 1_159.5
    out = io.StringIO()
    print_report(records, Slo(ttft_s=2.0, tpot_s=0.1, slowdown=3.0), Console(file=out, width=80))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "Service levels: TTFT ≤ 2 s, TPOT ≤ 0.1 s, slowdown ≤ 3\n" in text
    for part in ("3.1 k", "35.4 M", "996 k", "2.2 M", "1,159.50"):
        assert part in text


def test_says_what_the_trace_is_and_why_programs_failed() -> None:
    records = run(chains(n=1, turns=1), [engine()])
    records.metadata.update(trace="mooncake trace: 1 programs", longest_context_tokens=131_072)
    assert "mooncake trace: 1 programs\n\n**Workload" in markdown(records)
    records.programs["state"] = "failed"
    text = markdown(records)
    assert "no instance takes more than 131,072 tokens" in text
    assert "max_context_tokens" in text


def test_small_rates_are_not_zero() -> None:
    records = run(chains(n=1, turns=1), [engine()])
    records.programs["end_s"] = 40_000.0
    assert "| programs done | 1 | 2.5e-05 |" in markdown(records)


def test_markdown_tables_are_whole() -> None:
    text = markdown(run(chains(), [engine()]))
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    assert blocks[-1].startswith("| instance | busy | turns | prefill tokens | decode tokens | hit rate | preempts |")
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_a_large_cluster_is_put_together() -> None:
    engines = [engine()] * MOST_ROWS + [engine(gpu="A100")] * 3
    rows = tables(run(chains(), engines))[-1].rows
    assert [row[0] for row in rows] == ["16 of H100", "3 of A100"]
    assert sum(int(row[2]) for row in rows) == 24


def test_an_episode_in_which_nothing_happened() -> None:
    records = run(chains(), [engine()], time_limit_s=0.001)
    assert "| - |" in markdown(records)


def test_heading_says_what_is_estimated() -> None:
    records = run(chains(n=1), [engine()])
    records.metadata.update(rules={"route_turn": "random"}, agent_kinds=["route_turn"], estimated=True)
    assert heading(records).split(" · ")[2:] == [
        "route_turn: random",
        "answered from outside: route_turn",
        "latency estimated, not measured",
    ]
