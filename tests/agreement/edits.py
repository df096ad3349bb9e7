"""Small changes to a scenario: something less, or something plainer. What there is nothing to do about is returned."""

from dataclasses import replace

import numpy as np

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.subset import take_reports
from tests.agreement.scenario import Scenario
from tests.reference.description import InstanceSpec, TierSpec


def without_program(programs: Programs, number: int) -> Programs:
    """Without a program; those that wait for it wait for what it waited for."""
    if len(programs.program) == 1:
        return programs
    rows = programs.program.copy()
    followers = rows["after"] == number
    rows["after"][followers] = rows["after"][number]
    if rows["after"][number] < 0:
        # Those of an open loop are in order of arrival.
        rows["arrival_s"][followers] += rows["arrival_s"][number]
    rows["after"] -= rows["after"] > number
    turns = programs.turn["program"] == number
    return _without_turns(programs._replace(program=_in_order(rows)), turns, np.arange(len(rows)) == number)


def without_turn(programs: Programs, number: int) -> Programs:
    """Without a turn and the edges to and from it; with its program, if it is the only one."""
    owner = int(programs.turn["program"][number])
    if programs.program["n_turns"][owner] == 1:
        return without_program(programs, owner)
    return _without_turns(programs, np.arange(len(programs.turn)) == number, np.zeros(len(programs.program), bool))


def without_edge(programs: Programs, number: int) -> Programs:
    turn = programs.turn.copy()
    turn["n_parents"][programs.edge["target"][number]] -= 1
    turn["n_edges"][(turn["first_edge"] <= number) & (number < turn["first_edge"] + turn["n_edges"])] -= 1
    return programs._replace(turn=_edges_in_a_row(turn), edge=np.delete(programs.edge, number))


def _without_turns(programs: Programs, turns: np.ndarray, owners: np.ndarray) -> Programs:
    """Without these turns and their edges, and without these programs, which have no others."""
    source = np.repeat(np.arange(len(turns)), programs.turn["n_edges"])
    edges = turns[source] | turns[programs.edge["target"]]
    turn, edge, program = programs.turn.copy(), programs.edge[~edges], programs.program[~owners]
    turn["n_edges"] = np.bincount(source[~edges], minlength=len(turns))
    turn["n_parents"] = np.bincount(edge["target"], minlength=len(turns))
    turn["program"] -= np.cumsum(owners)[turn["program"]].astype("i4")
    turn = turn[~turns]
    edge["target"] -= np.cumsum(turns)[edge["target"]].astype("i4")
    program["n_turns"] = np.bincount(turn["program"], minlength=len(program))
    program["first_turn"] = np.cumsum(program["n_turns"]) - program["n_turns"]
    report = take_reports(programs.report, _places(~owners), _places(~turns))
    return programs._replace(program=program, turn=_edges_in_a_row(turn), edge=edge, report=report)


def _places(kept: np.ndarray) -> np.ndarray:
    """New number of each entry, -1 for those that are not kept."""
    return np.where(kept, np.cumsum(kept) - 1, -1)


def without_report(programs: Programs, number: int) -> Programs:
    return programs._replace(report=np.delete(programs.report, number))


def out_of_step(programs: Programs, number: int) -> Programs:
    """A turn that stands in no step."""
    if programs.turn["step"][number] < 0:
        return programs
    turn = programs.turn.copy()
    turn["step"][number] = -1
    return programs._replace(turn=turn)


def _edges_in_a_row(turn: np.ndarray) -> np.ndarray:
    turn["first_edge"] = np.cumsum(turn["n_edges"]) - turn["n_edges"]
    return turn


def _in_order(program: np.ndarray) -> np.ndarray:
    """No program of an open loop arrives before one with a smaller number."""
    is_open = program["after"] < 0
    program["arrival_s"][is_open] = np.maximum.accumulate(program["arrival_s"][is_open])
    return program


def without_segment(programs: Programs, number: int) -> Programs:
    """Without a segment that nothing stands on or ends in."""
    used = (programs.segment["parent"] == number).any() or (programs.turn["segment"] == number).any()
    if used:
        return programs
    segment, turn = np.delete(programs.segment, number), programs.turn.copy()
    segment["parent"] -= segment["parent"] > number
    turn["segment"] -= turn["segment"] > number
    return programs._replace(segment=segment, turn=turn)


def shorter_output(programs: Programs, number: int) -> Programs:
    return _shorter(programs, number, "output_tokens")


def shorter_prompt(programs: Programs, number: int) -> Programs:
    return _shorter(programs, number, "prompt_tokens")


def _shorter(programs: Programs, number: int, name: str) -> Programs:
    """A turn with half the tokens."""
    tokens = int(programs.turn[name][number])
    if tokens == 1:
        return programs
    turn = programs.turn.copy()
    turn[name][number] = tokens // 2
    turn["new_tokens"] = np.minimum(turn["new_tokens"], turn["prompt_tokens"])
    return programs._replace(turn=turn)


def shorter_gap(programs: Programs, number: int) -> Programs:
    """A tool call at once, or of a time with fewer digits; without failures; of the first tool."""
    edge = programs.edge.copy()
    row = edge[number]
    plain = {"failures": 0, "tool": 0, "gap_s": 0.0 if row["gap_s"] < 2.0**-7 else round(row["gap_s"] * 64) / 64}
    name = next((name for name, value in plain.items() if row[name] != value), None)
    if name is None:
        return programs
    edge[name][number] = plain[name]
    return programs._replace(edge=edge)


def plainer_tool(programs: Programs, number: int) -> Programs:
    """A tool without a queue, or one that retries at once."""
    tool = programs.tools[number]
    plainer = tool._replace(backoff_s=0.0) if tool.backoff_s else tool._replace(concurrency=0)
    if plainer == tool:
        return programs
    return programs._replace(tools=(*programs.tools[:number], plainer, *programs.tools[number + 1 :]))


def earlier(programs: Programs, number: int) -> Programs:
    """A program that arrives when the one before it does, without a deadline, of the first tenant."""
    program = programs.program.copy()
    is_open = program["after"] < 0
    before = program["arrival_s"][:number][is_open[:number]]
    program["arrival_s"][number] = before[-1] if is_open[number] and len(before) else 0.0
    program["deadline_s"][number] = np.inf
    program["tenant"][number] = 0
    return programs if (program == programs.program).all() else programs._replace(program=program)


def without_instance(scenario: Scenario, number: int) -> Scenario:
    """Without an instance; its pools too, if they were of no other."""
    if len(scenario.specs) == 1:
        return scenario
    memory = scenario.memory
    if memory is not None:
        peer = _without_pool(memory.peer, number) if memory.peer is not None else None
        memory = replace(memory, tiers=tuple(_without_pool(tier, number) for tier in memory.tiers), peer=peer)
    specs = both_pools(scenario.specs[:number] + scenario.specs[number + 1 :])
    return replace(scenario, specs=specs, memory=memory)


def both_pools(specs: list[InstanceSpec]) -> list[InstanceSpec]:
    """Where there are no instances that prefill only, or none that decode only, the others of the pair are `mixed`."""
    pair = {"prefill", "decode"}
    if pair <= {spec.mode for spec in specs}:
        return specs
    return [replace(spec, mode="mixed") if spec.mode in pair else spec for spec in specs]


def _without_pool(tier: TierSpec, number: int) -> TierSpec:
    pools = np.delete(tier.pool_of, number)
    return replace(tier, pool_of=tuple(np.unique(pools, return_inverse=True)[1].tolist()))


def without_outages(scenario: Scenario, number: int) -> Scenario:
    """Without one outage, counted over all instances."""
    specs = list(scenario.specs)
    for i, spec in enumerate(specs):
        if number < len(spec.failures):
            specs[i] = replace(spec, failures=spec.failures[:number] + spec.failures[number + 1 :])
            break
        number -= len(spec.failures)
    return replace(scenario, specs=specs)
