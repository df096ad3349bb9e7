"""Writes a workload as AISimulate's agentic Mooncake, version 2 (see `agentsim_env.workload.traces.aisimulate`)."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agentsim_env.workload import Programs
from agentsim_env.workload.traces.aisimulate import SCHEMA, VERSION


def write_trace(programs: Programs, path: Path, model: str) -> None:
    """Writes programs as plays, a turn a line.

    KV blocks that programs share have the same ids in all of them.

    Args:
        programs: The programs.
        path: The file.
        model: Name of the model that requests ask for.

    Raises:
        ValueError: Something of the workload has no place in the format.
    """
    _refuse(programs)
    with path.open("w", encoding="utf-8") as file:
        for line in _lines(programs, model):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _refuse(programs: Programs) -> None:
    reasons = {
        "programs that wait for others": (programs.program["after"] >= 0).any(),
        "programs that take steps together": (programs.program["society"] >= 0).any(),
        "adapters": (programs.program["adapter"] >= 0).any(),
        "failed tool calls": programs.edge["failures"].any(),
        "tools that run a limited number of calls": any(tool.concurrency for tool in programs.tools),
    }
    found = [name for name, there in reasons.items() if there]
    if found:
        raise ValueError(f"the workload has {', '.join(found)}, which an agentic trace cannot say")


def _lines(programs: Programs, model: str) -> Iterator[dict[str, Any]]:
    """The header, then the turns in the order of their programs."""
    yield {
        "schema": SCHEMA,
        "version": VERSION,
        "block_size": programs.block_size,
        "hash_id_scope": "local",
        "source": {"format": "agentsim-env", "digest": _digest(programs)},
    }
    waits = _waits(programs)
    first_block = np.cumsum(programs.segment["n_blocks"]) - programs.segment["n_blocks"]
    arrival_ms = programs.program["arrival_s"][programs.turn["program"]] * 1e3
    for number, turn in enumerate(programs.turn):
        blocks = -(-int(turn["prompt_tokens"]) // programs.block_size)
        yield {
            "request_id": f"turn-{number}",
            "play_id": f"program-{turn['program']}",
            "session_id": f"program-{turn['program']}",
            "model": model,
            "input_length": int(turn["prompt_tokens"]),
            "output_length": int(turn["output_tokens"]),
            "hash_ids": _path(programs.segment, first_block, int(turn["segment"]))[:blocks].tolist(),
            "not_before_ms": float(arrival_ms[number]),
            "dependencies": waits[number],
        }


def _digest(programs: Programs) -> str:
    arrays = (programs.program, programs.turn, programs.edge, programs.segment)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def _waits(programs: Programs) -> list[list[dict[str, Any]]]:
    """What each turn waits for."""
    waits: list[list[dict[str, Any]]] = [[] for _ in programs.turn]
    for number, turn in enumerate(programs.turn):
        for edge in programs.edge[turn["first_edge"] : turn["first_edge"] + turn["n_edges"]]:
            waits[edge["target"]].append(
                {
                    "request_id": f"turn-{number}",
                    "trigger": "completion",
                    "delay_ms": float(edge["gap_s"]) * 1e3,
                    "relation": "sequence",
                }
            )
    return waits


def _path(segment: np.ndarray, first_block: np.ndarray, leaf: int) -> np.ndarray:
    """Ids of the KV blocks from the root to the end of a segment."""
    parts = []
    while leaf >= 0:
        parts.append(np.arange(first_block[leaf], first_block[leaf] + segment["n_blocks"][leaf]))
        leaf = int(segment["parent"][leaf])
    return np.concatenate(parts[::-1])
