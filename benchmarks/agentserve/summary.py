"""What is published, one row a figure, and whether the simulation agrees."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.agentserve.bars import Bar
from benchmarks.agentserve.contexts import Contexts
from benchmarks.consumer_gpu.pairs import WITHIN, number
from benchmarks.consumer_gpu.rows import Row


def mixed_bar(sweep: Sequence[Row]) -> Bar:
    """TPOT p95 of llama.cpp's batches with more and more agents; prompts that each session brings for itself."""
    rows = [row for row in sweep if row.figure == "tpot_p95_ms" and row.pairs["each its own"].measured is not None]
    pairs = [row.pairs["each its own"] for row in rows]
    measured, ours = [pair.measured or 0.0 for pair in pairs], [pair.mean for pair in pairs]
    return Bar(
        f"mixed engine, TPOT p95 with {_listed([row.agents for row in rows])} agents, ms",
        _listed(map(number, measured)),
        _listed(map(number, ours)),
        sorted(ours) == ours,
        all(pair.agrees is True for pair in pairs),
    )


def contexts_bars(rows: Sequence[Contexts]) -> list[Bar]:
    """Two contexts beside one engine, for each figure; the one that the switch is tuned on says so."""
    names = {"tok_per_s": "tokens per second", "tpot_p95_ms": "TPOT p95, ms (tuned)", "ttft_p95_ms": "TTFT p95, ms"}
    bars = []
    for row in rows:
        measured = [row.reported["none set apart"], row.reported["two contexts"]]
        ours = [row.ours["vLLM"].mean, row.ours["two processes, switches"].mean]
        bars.append(
            Bar(
                f"one engine, then two contexts: {names[row.figure]}",
                _listed(map(number, measured)),
                _listed(map(number, ours)),
                (measured[0] < measured[1]) == (ours[0] < ours[1]),
                abs(ours[1] / measured[1] - 1.0) <= WITHIN,
                "a",
            )
        )
    return bars


def collapse_bar(shares: Mapping[str, Sequence[float]]) -> Bar:
    """How many of six agents' sessions the baselines keep within their objectives."""
    least, most = min(values[5] for values in shares.values()), max(values[5] for values in shares.values())
    falls = all(values[3] > values[5] for values in shares.values())
    return Bar(
        "Llama-3-8B on the A5000: baselines within the objectives with six agents",
        "below 50 %",
        f"{100 * least:.0f} % to {100 * most:.0f} %",
        falls,
        most < 0.5,
        "b",
    )


def _listed(values: Iterable[object]) -> str:
    return " / ".join(map(str, values))
