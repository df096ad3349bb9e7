"""The section of SWE-agent trajectories."""

from collections.abc import Sequence

from agentsim_env.validation.programs.swe_agent_cells import Cell
from agentsim_env.validation.report import as_markdown, signed

GPU_BAR = 0.02
"""Largest difference of the share that the GPU had."""
TIER_BAR = 0.05
"""Largest difference of the share that the tier had of the rest."""
E2E_BAR = 0.10
"""Largest relative error of the median end to end."""

TEXT = """\
Trajectories of SWE-agent, sent by slots to vLLM 0.23 with Qwen3-8B on four H200 (`h200_swe_agent_lmcache.csv`,
`swe_agent_cohorts.jsonl`): every prompt, every time and every capacity is known. *capped12*: twelve steps of 8, 24 or
48 trajectories. *full158*: whole trajectories, 14 at a time. Below the 20 GiB of KV lies memory of the host that
LMCache keeps: *eager* stores what a turn leaves as it ends (`write_through`), *lazy* what the GPU is about to give up
(`write_back`), and above 80 % of its memory it drops a fifth of it (`watermark`, `batch_share`).

*GPU*: tokens found on the GPU over prompt tokens; *tier*: tokens found in the tier over those that the GPU lacked;
*all*: both over prompt tokens. Measured → simulated. One constant was chosen on one cell (marked): the time of template
and tokenizer for each token of a prompt. How long a look-up (8 ms) and a retrieval (8.5 ms and 147 GB/s) take is from
the server's log.
"""

WHERE_IT_IS_OFF = """\
* **Lazy stores beyond what GPU and tier hold together** (48 trajectories, and 20 GiB) are not write-back. What its
policy stores it pins on the GPU and then releases to the recent end of vLLM's free queue, so that other blocks go
first; it stores whole prefixes, and where one is evicted before its turn comes, all that follows is lost, too. A least
recently used tier of this size has 0.34 of the 48 trajectories and 0.58 at 20 GiB, whatever is stored ahead of
eviction; a simulation of LMCache's queue on the same prompts, block by block, 0.33 and 0.41.
* **Eager stores of whole trajectories** at 40 GiB: another run of that cell had 0.658 (the report, section 4). LMCache
looks at its memory once a second, so that it holds more than 80 % for a while.
* **The GPU's share** in cells with a tier follows from two rounded numbers.
* **End to end** of 24 trajectories with eager stores: a decode step took 17 % less than in any other cell.
"""


def section(cells: Sequence[Cell]) -> str:
    """The whole section."""
    parts = ["### SWE-agent trajectories, with and without a CPU tier", TEXT.strip(), _shares(cells), _times(cells)]
    parts += [_verdict(cells), WHERE_IT_IS_OFF.strip()]
    return "\n\n".join(parts)


def _label(cell: Cell) -> list[str]:
    tier = "" if cell.variant == "off" else f"{cell.tier_gib:g} GiB"
    return [f"{cell.cohort}, {cell.slots} slots" + (" (chosen here)" if cell.chosen else ""), cell.variant, tier]


def _shares(cells: Sequence[Cell]) -> str:
    rows = [
        [*_label(cell), *(_pair(cell, name, ".3f") for name in ("gpu", "tier_hit", "coverage"))]
        for cell in cells
        if "gpu" in cell.measured
    ]
    return as_markdown(["run", "store", "tier", "GPU", "tier", "all"], rows)


def _times(cells: Sequence[Cell]) -> str:
    names = ("ttft_p50", "ttft_p90", "decode", "e2e_p50", "e2e_p90")
    rows = [[*_label(cell), *(_with_error(cell, name) for name in names)] for cell in cells]
    header = ["run", "store", "tier", "TTFT p50 (ms)", "TTFT p90", "decode", "end to end p50", "end to end p90"]
    return as_markdown(header, rows)


def _pair(cell: Cell, name: str, form: str) -> str:
    return f"{cell.measured[name]:{form}} → {cell.simulated[name]:{form}}"


def _with_error(cell: Cell, name: str) -> str:
    if name not in cell.measured:
        return ""
    return f"{_pair(cell, name, '.0f')} ({signed(cell.error(name))})"


def _verdict(cells: Sequence[Cell]) -> str:
    known = [cell for cell in cells if "gpu" in cell.measured]
    tiered = [cell for cell in known if cell.variant != "off"]
    on_gpu = sum(abs(cell.apart("gpu")) <= GPU_BAR for cell in known)
    in_tier = sum(abs(cell.apart("tier_hit")) <= TIER_BAR for cell in tiered)
    to_end = sum(abs(cell.error("e2e_p50")) <= E2E_BAR for cell in cells)
    return (
        f"GPU within {GPU_BAR:g} in {on_gpu} of {len(known)} cells, tier within {TIER_BAR:g} in {in_tier} of "
        f"{len(tiered)}, median end to end within {100 * E2E_BAR:.0f} % in {to_end} of {len(cells)}."
    )
