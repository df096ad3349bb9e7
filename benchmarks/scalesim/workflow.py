"""KVFlow's rows: one workflow of ten agents, one after the other, on a slow link."""

from collections.abc import Mapping
from typing import Any

from benchmarks.scalesim.classes import speedup
from benchmarks.scalesim.runs import Figures, figures
from benchmarks.scalesim.systems import over_link

AGENTS = 10

LINK_GB_PER_S = 2.0
"""As the paper states it."""

OUTPUT_TOKENS = (32, 128, 512)

COMPARED = ("SGLang", "HiCache", "LRU beside", "KVFlow", "ScaleSim")


def workflow(seeds: range) -> dict[int, dict[str, Figures]]:
    """Figures by tokens out and system."""
    return {
        tokens: {system: figures(over_link(system, LINK_GB_PER_S), _changes(tokens), seeds) for system in COMPARED}
        for tokens in OUTPUT_TOKENS
    }


def _changes(output_tokens: int) -> dict[str, Any]:
    """The catalogue has no A10G: the RTX A5000 has its memory and a quarter more bandwidth."""
    params = {"steps": 60, "output_tokens": {"value": output_tokens}}
    return {
        "cluster.model": "Llama-3.1-8B",
        "cluster.instances": [{"gpu": "RTX-A5000"}],
        "workload.mix": [{"family": "workflow", "params": params}],
        "workload.arrivals.users": AGENTS,
        "episode": {"programs": AGENTS, "warmup_programs": 0},
    }


def workflow_lines(rows: Mapping[int, Mapping[str, Figures]]) -> list[str]:
    """The table, in Markdown."""
    titles = [f"{system}, s" for system in COMPARED]
    lines = [
        f"| tokens out | {' | '.join(titles)} | KVFlow over SGLang | over HiCache |",
        "|---:|" + "---:|" * (len(titles) + 2),
    ]
    for tokens, cell in rows.items():
        cells = [f"{values.step_s:.2f}" for values in cell.values()]
        gains = [f"{speedup(cell, over, 'KVFlow'):.2f}" for over in ("SGLang", "HiCache")]
        lines.append(f"| {tokens} | {' | '.join((*cells, *gains))} |")
    return lines
