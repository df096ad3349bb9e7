import io

from rich.console import Console

from agentsim_env.metrics.report import MOST_ROWS, heading, markdown, print_report, tables
from agentsim_env.scenario.episode import Slo
from tests.metrics.episodes import chains, engine, run


def test_on_the_terminal() -> None:
    records = run(chains(), [engine(), engine(tp=2)], warmup=1)
    out = io.StringIO()
    print_report(records, Slo(ttft_s=2.0, slowdown=3.0), Console(file=out, width=140))
    text = out.getvalue()
    assert text.startswith("test · seed 0")
    for part in ("JCT (s)", "slowdown", "1 H100 x 2", "TTFT ≤ 2 s, slowdown ≤ 3", "without 1 warm-up", "hit rate"):
        assert part in text


def test_markdown_tables_are_whole() -> None:
    text = markdown(run(chains(), [engine()]))
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
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
