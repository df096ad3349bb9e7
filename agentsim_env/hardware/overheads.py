"""What an engine adds to its kernels: the same few constants for every profile (`overheads.yaml`)."""

from functools import cache
from typing import Any

from agentsim_env.files import read_yaml
from agentsim_env.hardware.catalog import FOLDER


@cache
def _read() -> dict[str, float]:
    content = read_yaml(FOLDER / "overheads.yaml")
    return {name: float(value) for name, value in content.items()}


def engine_overheads() -> dict[str, Any]:
    """`overhead_s`, `cpu_s`, `cpu_per_seq_s` and `cpu_per_token_s` of a profile, seconds."""
    return dict(_read())
