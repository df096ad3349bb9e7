"""What is published, one row a figure, and whether the simulation agrees."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.agentserve import reproduction
from benchmarks.agentserve.bars import Bar
from benchmarks.agentserve.cells import FIGURES, Figures
from benchmarks.agentserve.contexts import Contexts
from benchmarks.agentserve.grid import Place
from benchmarks.agentserve.head_to_head import Advantage
from benchmarks.agentserve.reported import REPORTED
from benchmarks.agentserve.separation import Step
from benchmarks.agentserve.systems import BASELINES
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
    baselines = [shares[name] for name in BASELINES if name in shares]
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
        "i",
    )


def flat_bar(rows: Sequence[reproduction.Row]) -> Bar:
    """Decode steps of the separated engine of the reproduction, from three to six agents."""
    ours = [
        row.pairs["whole prompts"].mean
        for row in rows
        if (row.engine, row.figure, row.cell.model) == ("separated", "step_p95_ms", "Qwen2.5-3B")
    ]
    least, most = REPORTED["separated_tpot_p95_ms"]
    return Bar(
        "separated engine, 3B, 3 to 6 agents, both paradigms: TPOT p95 without stalls, ms",
        f"{least:g} to {most:g}",
        f"{number(min(ours))} to {number(max(ours))}",
        None,
        all(least <= value <= most for value in ours),
        "i",
    )


WHY = {"call_tpot_p50_ms": "c", "call_tpot_p95_ms": "d", "tpot_p95_ms": "d", "tok_per_s": "h"}
"""Reasons by figure; those of all TTFTs are under "e"."""


def advantage_bars(found: Mapping[Place, Sequence[Advantage]]) -> list[Bar]:
    """How many times better AgentServe is, over all cells, for each baseline and figure."""
    bars = []
    for at, first in enumerate(next(iter(found.values()))):
        rows = [advantages[at] for advantages in found.values()]
        times = [value for row in rows for value in row.times]
        least, most = first.reported
        bars.append(
            Bar(
                f"times better than {first.baseline}: {FIGURES[first.figure].split(',')[0]}",
                f"{least:g} to {most:g}",
                f"{min(times):.2f} to {max(times):.2f}",
                all(row.direction for row in rows),
                any(row.half for row in rows),
                WHY.get(first.figure, "e"),
            )
        )
    return bars


def ablation_bars(found: Mapping[Place, Mapping[str, Figures]]) -> list[Bar]:
    """What the controller and setting SMs apart are worth, with four agents."""
    return [
        _ablation_bar(found, without, figure)
        for without, figures in REPORTED["ablations"].items()
        for figure in figures
    ]


def _ablation_bar(found: Mapping[Place, Mapping[str, Figures]], without: str, figure: str) -> Bar:
    ratios = [getattr(by_name[without], figure) for by_name in found.values()]
    least, most = REPORTED["ablations"][without][figure]
    return Bar(
        f"{without}, 4 agents: {FIGURES[figure].split(',')[0]}",
        f"{least:g} to {most:g} times",
        f"{min(ratios):.2f} to {max(ratios):.2f} times",
        min(ratios) > 1.0,
        any(least <= ratio <= most for ratio in ratios),
        "f",
    )


def holds_bar(shares: Mapping[str, Sequence[float]]) -> Bar:
    """What AgentServe keeps of six agents' sessions within their objectives."""
    own = shares["AgentServe"][5]
    others = max(shares[name][5] for name in BASELINES if name in shares)
    return Bar(
        "Llama-3-8B on the A5000: AgentServe within the objectives with six agents",
        "above 80 %",
        f"{100 * own:.0f} %",
        own > others,
        own > 0.8,
        "g",
    )


def _listed(values: Iterable[object]) -> str:
    return " / ".join(map(str, values))
