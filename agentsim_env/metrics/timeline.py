"""The timeline of an episode as Chrome trace events, for ui.perfetto.dev or chrome://tracing.

An instance is a process; its turns lie on as few lanes as hold them without overlap, each as the slices queue, prefill
and decode. Arrows (flows) lead from turn to turn of a program.
"""

import gzip
import heapq
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from agentsim_env.files import replacing

if TYPE_CHECKING:
    from agentsim_env.metrics.records import Records

PHASES = (
    ("queue", "ready_s", "scheduled_s", "grey"),
    ("prefill", "scheduled_s", "first_token_s", "thread_state_iowait"),
    ("decode", "first_token_s", "end_s", "thread_state_running"),
)
"""Slices of a turn: name, columns of start and end, colour name of the trace viewer."""

Event = dict[str, Any]


def save_timeline(records: "Records", path: str | Path) -> None:
    """Write the timeline, compressed if `path` ends in `.gz`; a file of that name is replaced at once."""
    path = Path(path)
    with replacing(path) as draft, draft.open("wb") as file:
        if path.suffix == ".gz":
            # The time stamp of the archive is left out: the same episode gives the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                _write(records, packed)
        else:
            _write(records, file)


def _write(records: "Records", file: IO[bytes] | gzip.GzipFile) -> None:
    file.write(b'{"displayTimeUnit": "ms", "traceEvents": [\n')
    for number, event in enumerate(trace_events(records)):
        line = json.dumps(event, separators=(",", ":"), allow_nan=False)
        file.write(f"{',' if number else ''}{line}\n".encode())
    file.write(b"]}\n")


def trace_events(records: "Records") -> Iterator[Event]:
    """Events of the trace, times in microseconds; turns that no instance has taken have none."""
    lanes = _lanes(records)
    for i, row in enumerate(records.instances):
        name = f"instance {i}: {row['model']} on {row['gpu']}" + (f" x {row['tp']}" if row["tp"] > 1 else "")
        yield {"ph": "M", "name": "process_name", "pid": i, "tid": 0, "args": {"name": name}}
        yield {"ph": "M", "name": "process_sort_index", "pid": i, "tid": 0, "args": {"sort_index": i}}
    for i, lane in sorted(
        {(int(i), int(lane)) for i, lane in zip(records.turns["instance"], lanes, strict=True) if i >= 0}
    ):
        yield {"ph": "M", "name": "thread_name", "pid": i, "tid": lane, "args": {"name": f"lane {lane}"}}
    drawn = np.flatnonzero((records.turns["instance"] >= 0) & ~np.isnan(records.turns["ready_s"]))
    for t in drawn:
        yield from _slices(records, cast(np.void, records.turns[t]), int(lanes[t]))
    yield from _flows(records, lanes, drawn)


def _lanes(records: "Records") -> np.ndarray:
    """Lane of each turn: the lowest one of its instance that is free when it becomes ready, shape (turns,)."""
    turns = records.turns
    lanes = np.zeros(len(turns), np.int64)
    busy: dict[int, list[tuple[float, int]]] = {}
    free: dict[int, list[int]] = {}
    for t in np.argsort(turns["ready_s"], kind="stable"):
        i, ready_s = int(turns["instance"][t]), float(turns["ready_s"][t])
        if i < 0 or np.isnan(ready_s):
            continue
        ends, idle = busy.setdefault(i, []), free.setdefault(i, [])
        while ends and ends[0][0] <= ready_s:
            heapq.heappush(idle, heapq.heappop(ends)[1])
        lanes[t] = heapq.heappop(idle) if idle else len(ends)
        heapq.heappush(ends, (_last_s(records, cast(np.void, turns[t])), int(lanes[t])))
    return lanes


def _last_s(records: "Records", turn: np.void) -> float:
    end_s = float(turn["end_s"])
    return records.now_s if np.isnan(end_s) else end_s


def _slices(records: "Records", turn: np.void, lane: int) -> Iterator[Event]:
    """The phases of a turn that have begun; the one it is in lasts until now."""
    args = {
        name: int(turn[name])
        for name in (
            "prompt_tokens",
            "hit_tokens",
            "readmission_hit_tokens",
            "computed_tokens",
            "output_tokens",
            "preemptions",
        )
    }
    for phase, start, end, colour in PHASES:
        start_s, end_s = float(turn[start]), float(turn[end])
        if np.isnan(start_s):
            return
        end_s = records.now_s if np.isnan(end_s) else end_s
        if end_s > start_s:
            yield {
                "ph": "X",
                "name": f"{phase} {turn['program']}.{turn['turn_index']}",
                "cat": phase,
                "cname": colour,
                "pid": int(turn["instance"]),
                "tid": lane,
                "ts": _us(start_s),
                "dur": round(_us(end_s) - _us(start_s), 3),
                "args": {"program": int(turn["program"]), "turn": int(turn["turn_index"]), **args},
            }


def _flows(records: "Records", lanes: np.ndarray, drawn: np.ndarray) -> Iterator[Event]:
    """Arrows through the turns of each program, in the order in which they became ready."""
    turns = records.turns
    order = drawn[np.lexsort((turns["ready_s"][drawn], turns["program"][drawn]))]
    program = turns["program"][order]
    for i, t in enumerate(order):
        first = i == 0 or program[i - 1] != program[i]
        last = i == len(order) - 1 or program[i + 1] != program[i]
        if first and last:
            continue
        event = {
            "ph": "s" if first else "f" if last else "t",
            "name": f"program {program[i]}",
            "cat": "program",
            "id": int(program[i]),
            "pid": int(turns["instance"][t]),
            "tid": int(lanes[t]),
            # Inside the turn's first slice, so that the viewer can tie the arrow to it.
            "ts": _us(float(turns["ready_s"][t])) + 0.001,
        }
        yield event | ({"bp": "e"} if last else {})


def _us(time_s: float) -> float:
    """Microseconds, to the nanosecond."""
    return round(time_s * 1e6, 3)
