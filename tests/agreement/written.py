"""A scenario as Python source that a test can be made of."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from agentsim_env.workload.programs import Programs
from tests.agreement.scenario import Scenario
from tests.reference.description import Profile, constant_profile

IMPORTS = """\
from math import inf

from agentsim_env.workload.programs import Tool
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, LanesSpec, MemorySpec, Profile, TierSpec, constant_profile
"""
"""What the names in the source of a scenario stand for."""


def written(scenario: Scenario) -> str:
    """Statements that make `scenario`; they need `IMPORTS`."""
    given = [("programs", "work.build()"), ("specs", f"[\n{''.join(specs(scenario))}    ]")]
    given += [
        (field.name, source(getattr(scenario, field.name)))
        for field in dataclasses.fields(scenario)[2:]
        if getattr(scenario, field.name) != default(field)
    ]
    arguments = "".join(f"    {name}={value},\n" for name, value in given)
    return "\n".join([*workload(scenario.programs), f"scenario = Scenario(\n{arguments})\n"])


def specs(scenario: Scenario) -> Iterator[str]:
    return (f"        {source(spec)},\n" for spec in scenario.specs)


def workload(programs: Programs) -> Iterator[str]:
    """Calls of a `WorkloadBuilder`, one a line."""
    tools = ", ".join(f"Tool{tuple(tool)!r}" for tool in programs.tools)
    yield f"work = WorkloadBuilder(({tools},), {programs.block_size}, {programs.tenants!r})"
    for parent, _, n_blocks in programs.segment.tolist():
        yield call("segment", n_blocks, parent if parent >= 0 else None)
    for step_s in programs.step_s:
        yield call("society", step_s)
    edges: list[str] = []
    for row in programs.program.tolist():
        arrival_s, deadline_s, after, first_turn, n_turns, _, tenant, *beside = row
        given = (arrival_s, after) if math.isinf(deadline_s) and tenant == 0 else (arrival_s, after, deadline_s, tenant)
        yield call("program", *(given if beside == [-1, -1] else (arrival_s, after, deadline_s, tenant, *beside)))
        for number in range(first_turn, first_turn + n_turns):
            turn = programs.turn[number]
            yield call(
                "turn",
                *(int(turn[name]) for name in ("segment", "prompt_tokens", "output_tokens", "new_tokens")),
                *([int(turn["step"])] if turn["step"] >= 0 else []),
            )
            for edge in range(int(turn["first_edge"]), int(turn["first_edge"] + turn["n_edges"])):
                gap_s, target, tool, failures = programs.edge[edge].item()
                edges.append(call("edge", number, target, gap_s, tool, failures))
    yield from edges
    for announced, program, step, turn in programs.report.tolist():
        yield call("report", announced, step, turn, program)


def call(method: str, *arguments: float | None) -> str:
    return f"work.{method}({', '.join(repr(value) for value in arguments if value is not None)})"


def default(field: dataclasses.Field[Any]) -> object:
    return field.default_factory() if callable(field.default_factory) else field.default


def source(value: Any) -> str:
    """An expression that makes a description, without what is as it would be anyway."""
    if isinstance(value, Profile):
        flat = {name: getattr(value, name) for name in ("overhead_s", "chunk_overhead_s")}
        if value == constant_profile(**flat):
            return f"constant_profile({', '.join(f'{name}={number!r}' for name, number in flat.items() if number)})"
    if dataclasses.is_dataclass(value):
        given = [(field.name, getattr(value, field.name), default(field)) for field in dataclasses.fields(value)]
        parts = (f"{name}={source(item)}" for name, item, usual in given if item != usual)
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, (list, tuple, np.ndarray)):
        items = ", ".join(source(item) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items},)" if items else "()"
    return repr(value.item() if isinstance(value, np.generic) else value)
