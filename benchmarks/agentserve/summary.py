"""What is published, one row a figure, and whether the simulation agrees."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.agentserve import reproduction
from benchmarks.agentserve.bars import Bar
from benchmarks.agentserve.cells import FIGURES, Figures
from benchmarks.agentserve.contexts import Contexts
from benchmarks.agentserve.grid import Place
from benchmarks.agentserve.head_to_head import BASELINES, Advantage
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.separation import Step
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
    baselines = [values for name, values in shares.items() if name != "two lanes"]
    least, most = min(values[5] for values in baselines), max(values[5] for values in baselines)
    falls = all(values[3] > values[5] for values in baselines)
    return Bar(
        "Llama-3-8B on the A5000: baselines within the objectives with six agents",
        "below 50 %",
        f"{100 * least:.0f} % to {100 * most:.0f} %",
        falls,
        most < 0.5,
        "b",
    )


def steps_bar(steps: Sequence[Step]) -> Bar:
    """A decode step on a share of the SMs beside a prompt."""
    ours = [step.ours_ms for step in steps]
    return Bar(
        f"decode step on {_listed(f'{100 * step.share:.0f}' for step in steps)} % of the SMs, ms (within 2 %)",
        _listed(f"{step.measured_ms:.1f}" for step in steps),
        _listed(f"{step.ours_ms:.1f}" for step in steps),
        sorted(ours, reverse=True) == ours,
        all(step.agrees for step in steps),
        "c",
    )


def flat_bar(rows: Sequence[reproduction.Row]) -> Bar:
    """TPOT p95 of the separated engine of the reproduction, from three to six agents."""
    ours = [
        row.pairs["no slots"].mean
        for row in rows
        if (row.engine, row.figure, row.cell.model) == ("separated", "tpot_p95_ms", "Qwen2.5-3B")
    ]
    least, most = REPORTED["separated_tpot_p95_ms"]
    return Bar(
        "separated engine, 3B, 3 and 6 agents, both paradigms: TPOT p95, ms",
        f"{least:g} to {most:g}",
        _listed(map(number, ours)),
        None,
        all(least <= value <= most for value in ours),
        "d",
    )


def advantage_bars(found: Mapping[Place, Sequence[Advantage]]) -> list[Bar]:
    """How many times better AgentServe is, over all cells, for each baseline and figure."""
    bars = []
    for at, first in enumerate(next(iter(found.values()))):
        rows = [advantages[at] for advantages in found.values()]
        times = [value for row in rows for value in row.times]
        least, most = REPORTED["paper"][BASELINES[first.baseline]][first.figure]
        bars.append(
            Bar(
                f"times better than {first.baseline}: {FIGURES[first.figure].split(',')[0]}",
                f"{least:g} to {most:g}",
                f"{min(times):.2f} to {max(times):.2f}",
                all(row.direction for row in rows),
                any(row.half for row in rows),
                "e",
            )
        )
    return bars


def ablation_bars(found: Mapping[Place, Mapping[str, Figures]]) -> list[Bar]:
    """What setting SMs apart is worth, with four agents."""
    variance = [ratios["no slots"].tpot_variance_ms2 for ratios in found.values()]
    least, most = REPORTED["ablations"]["no slots"]["tpot_variance_ms2"]
    return [
        Bar(
            "without slots, 4 agents: variance of TPOT",
            f"{least:g} to {most:g} times",
            f"{min(variance):.2f} to {max(variance):.2f} times",
            min(variance) > 1.0,
            any(least <= value <= most for value in variance),
            "f",
        )
    ]


def holds_bar(shares: Mapping[str, Sequence[float]]) -> Bar:
    """What AgentServe keeps of six agents' sessions within their objectives."""
    own = shares["two lanes"][5]
    others = max(values[5] for name, values in shares.items() if name != "two lanes")
    return Bar(
        "Llama-3-8B on the A5000: two lanes within the objectives with six agents",
        "above 80 %",
        f"{100 * own:.0f} %",
        own > others,
        own > 0.8,
        "g",
    )


def _listed(values: Iterable[object]) -> str:
    return " / ".join(map(str, values))
