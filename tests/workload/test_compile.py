"""Segments against the token sequences that they stand for."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim_env.workload.arrivals import ArrivalTimes
from agentsim_env.workload.compile import Labels, compile_programs, share
from agentsim_env.workload.contexts import Contexts, grow
from agentsim_env.workload.families import FAMILIES
from agentsim_env.workload.programs import Tool
from agentsim_env.workload.shapes import Forest, Shapes, merge
from agentsim_env.workload.validation import validate
from tests.workload.sources import defaults, entry, source

LABELS = Labels(0, 0, (Tool("tool"),), ("made",), ("default",))


@dataclass
class Case:
    """Programs as lists of contexts, each a node and a list of (new tokens, output tokens)."""

    forest: Forest
    programs: list[list[tuple[int, list[tuple[int, int]]]]]


@st.composite
def cases(draw):
    system = draw(st.integers(0, 40))
    ends = draw(st.lists(st.integers(system, 90), min_size=1, max_size=3))
    forest = Forest((-1,) + (0,) * len(ends), (system, *ends))
    turn = st.tuples(st.integers(1, 60), st.integers(1, 40))
    context = st.tuples(st.integers(0, len(ends)), st.lists(turn, min_size=1, max_size=4))
    return Case(forest, draw(st.lists(st.lists(context, min_size=1, max_size=3), min_size=1, max_size=4)))


def shapes_of(case):
    contexts = [context for program in case.programs for context in program]
    n_turns = np.array([sum(len(turns) for _, turns in program) for program in case.programs])
    lengths = [len(turns) for _, turns in contexts]
    of = np.repeat(np.arange(len(contexts)), lengths)
    new = np.array([new for _, turns in contexts for new, _ in turns])
    output = np.array([output for _, turns in contexts for _, output in turns])
    node = np.array([node for node, _ in contexts])
    first = np.flatnonzero(np.diff(of, prepend=-1))
    prompt = grow(first, of, np.array(case.forest.end_tokens)[node], new, output)
    source = np.setdiff1d(np.arange(len(of)), np.cumsum(n_turns) - 1)
    new[first] = prompt[first]
    zeros = np.zeros(len(source))
    return Shapes(n_turns, prompt, new, output, of, node, source, source + 1, zeros.astype(int), zeros)


def token_lists(case, reuse_generated):
    """What each turn has in its cache in the end: a list of names of tokens, equal where content is."""
    for p, program in enumerate(case.programs):
        for c, (node, turns) in enumerate(program):
            path, at = [], node
            while at >= 0:
                start = case.forest.end_tokens[case.forest.parents[at]] if case.forest.parents[at] >= 0 else 0
                path = [(at, i) for i in range(start, case.forest.end_tokens[at])] + path
                at = case.forest.parents[at]
            for t, (new, output) in enumerate(turns):
                path = path + [("new", p, c, t, i) for i in range(new)]
                generated = [("generated", p, c, t, i) for i in range(output)]
                yield path + generated
                path = path + (generated if reuse_generated else [("again", p, c, t, i) for i in range(output)])


def common_blocks(one, other, size):
    blocks = min(len(one), len(other)) // size
    for b in range(blocks):
        if one[b * size : (b + 1) * size] != other[b * size : (b + 1) * size]:
            return b
    return blocks


def shared_blocks(programs, one, other):
    def path(segment):
        while segment >= 0:
            yield segment
            segment = programs.segment["parent"][segment]

    common = set(path(programs.turn["segment"][one])) & set(path(programs.turn["segment"][other]))
    return int(programs.segment["n_blocks"][list(common)].sum())


@given(cases(), st.booleans(), st.sampled_from([1, 4, 16]))
@settings(max_examples=150, deadline=None)
def test_turns_share_segments_where_their_tokens_are_equal(case, reuse_generated, block_size):
    shapes = shapes_of(case)
    times = ArrivalTimes(np.zeros(len(case.programs)), np.full(len(case.programs), -1))
    programs = compile_programs(shapes, share([case.forest], block_size), LABELS, times, block_size, reuse_generated)
    validate(programs)
    tokens = list(token_lists(case, reuse_generated))
    full = [len(sequence) // block_size for sequence in tokens]
    assert programs.turn["prompt_tokens"].tolist() == [
        len(sequence) - output for sequence, output in zip(tokens, shapes.output_tokens, strict=True)
    ]
    for one in range(len(tokens)):
        for other in range(one):
            by_segments = min(shared_blocks(programs, one, other), full[one], full[other])
            assert by_segments == common_blocks(tokens[one], tokens[other], block_size)


def chain(reuse_generated):
    case = Case(Forest((-1, 0), (40, 100)), [[(1, [(20, 30), (5, 7), (40, 3)])]])
    times = ArrivalTimes(np.zeros(1), np.array([-1]))
    return compile_programs(shapes_of(case), share([case.forest], 16), LABELS, times, 16, reuse_generated)


def test_chain_by_hand():
    programs = chain(reuse_generated=True)
    # 40 tokens hold 2 blocks, 100 hold 6; 205 tokens in the end need 13.
    assert programs.segment.tolist() == [(-1, 0, 2), (0, 2, 4), (1, 6, 7)]
    assert programs.turn["segment"].tolist() == [2, 2, 2]
    assert programs.turn["prompt_tokens"].tolist() == [120, 155, 202]
    assert programs.turn["new_tokens"].tolist() == [120, 5, 40]
    assert programs.turn[["first_edge", "n_edges", "n_parents"]].tolist() == [(0, 1, 0), (1, 1, 1), (2, 0, 1)]
    assert programs.edge["target"].tolist() == [1, 2]


def test_chain_that_does_not_reuse_what_it_generates_by_hand():
    programs = chain(reuse_generated=False)
    # Prompts of 120, 155 and 202 tokens leave the trunk at blocks 7 and 9; the last turn stays on it.
    assert programs.segment.tolist() == [
        (-1, 0, 2),
        (0, 2, 4),
        (1, 6, 1),  # trunk up to 7
        (2, 7, 3),  # tail of 150 tokens
        (2, 7, 2),  # trunk up to 9
        (4, 9, 2),  # tail of 162 tokens
        (4, 9, 4),  # trunk of the last turn, 205 tokens
    ]
    assert programs.turn["segment"].tolist() == [3, 5, 6]


def test_shared_part_below_a_block_has_no_segment():
    shared = share([Forest((-1, 0, 1), (10, 15, 40))], 16)
    assert shared.segment.tolist() == [(-1, 0, 2)]
    assert shared.leaf.tolist() == [-1, -1, 0]
    assert shared.end_block.tolist() == [0, 0, 2]


def test_forests_do_not_touch():
    shared = share([Forest((-1, 0), (32, 64)), Forest((-1,), (48,))], 16)
    assert shared.segment.tolist() == [(-1, 0, 2), (0, 2, 2), (-1, 0, 3)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("reuse_generated", [True, False])
def test_every_family_is_valid(family, reuse_generated):
    for seed in range(3):
        validate(source(entry(family), n=200, reuse_generated=reuse_generated).draw(seed))


@pytest.mark.parametrize("family", FAMILIES)
def test_one_program_is_valid(family):
    for seed in range(20):
        validate(source(entry(family), n=1).draw(seed))


@pytest.mark.parametrize("family", FAMILIES)
def test_contexts_stay_within_the_limit(family):
    params = defaults(family)
    limit = max(params.forest.end_tokens) + 4_000
    programs = source(entry(family, {"context_limit_tokens": limit}), n=100).draw(0)
    validate(programs)
    assert (programs.turn["prompt_tokens"] + programs.turn["output_tokens"]).max() <= limit


@pytest.mark.parametrize("family", ["coding_agent", "subagents", "tool_chat"])
def test_compactions_and_rewrites_add_contexts(family):
    params = {"compaction_probability": 0.1, "rewrite_probability": 0.1}
    plain = source(entry(family), n=500).draw(3)
    programs = source(entry(family, params), n=500).draw(3)
    validate(programs)
    validate(source(entry(family, params), n=50, reuse_generated=False).draw(3))
    added = len(programs.segment) - len(plain.segment)
    contexts = len(plain.segment) - len(defaults(family).forest.parents)
    assert added / (len(programs.turn) - contexts) == pytest.approx(1 - 0.9**2, rel=0.08)


def test_a_context_cut_by_hand():
    contexts = Contexts(np.array([0, 2]), np.array([0, 0, 1, 1, 1]), np.array([7, 9]))
    cut = contexts.cut(np.array([3]))
    assert cut.first.tolist() == [0, 2, 3]
    assert cut.of.tolist() == [0, 0, 1, 2, 2]
    assert cut.node.tolist() == [7, 9, 9]


def test_merge_keeps_each_program_as_it_is():
    one = shapes_of(Case(Forest((-1,), (0,)), [[(0, [(5, 1), (6, 2)])], [(0, [(7, 3)])]]))
    other = shapes_of(Case(Forest((-1,), (0,)), [[(0, [(8, 4), (9, 5), (10, 6)])]]))
    merged = merge([one, other], np.array([0, 1, 0]))
    assert merged.n_turns.tolist() == [2, 3, 1]
    assert merged.output_tokens.tolist() == [1, 2, 4, 5, 6, 3]
    assert merged.context.tolist() == [0, 0, 2, 2, 2, 1]
    assert merged.edge_source.tolist() == [0, 2, 3]
    assert merged.edge_target.tolist() == [1, 3, 4]


def test_mix_of_all_families_is_valid():
    entries = [entry(family, tenant=f"t{i % 3}") for i, family in enumerate(FAMILIES)]
    programs = source(*entries, entry("chat", tenant="other"), n=400).draw(1)
    validate(programs)
    assert programs.families == tuple(FAMILIES)
    assert programs.tenants == ("t0", "t1", "t2", "other")
    assert len(np.unique(programs.program["family"])) == len(FAMILIES)


def test_mix_follows_its_weights():
    programs = source(entry("chat", weight=3.0), entry("tool_chat", weight=1.0), n=20_000).draw(1)
    assert (programs.program["family"] == 0).mean() == pytest.approx(0.75, abs=0.01)
