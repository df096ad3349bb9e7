"""What the page says of a long run."""

from typing import Any


def long_run(found: dict[str, Any] | None) -> str:
    """Resident memory at each tenth of it."""
    if found is None:
        return "Not measured yet: `python -m benchmarks.memory --steps 10000000 --save`."
    tenths = found["tenths"]
    lines = ["| steps | resident (GiB) | CPU s |", "|---:|---:|---:|"]
    lines += [f"| {made:,} | {gib:.3f} | {cpu_s:,.0f} |" for made, gib, cpu_s in tenths]
    text = (
        f"A run of {tenths[-1][0]:,} steps of a batch of {found['batch']} under random actions, and its resident set at"
        f" each tenth: from the first to the last it grew by {1024.0 * (tenths[-1][1] - tenths[0][1]):.0f} MiB."
    )
    return "\n".join([text, "", *lines])
