"""The segment forest against contexts written out token by token."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim_env.workload.programs import Programs
from agentsim_env.workload.traces.build import TraceBuilder
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.validation import validate


@dataclass
class Request:
    prompt: int
    output: int
    ids: list[int] | None
    extends: list[int] = field(default_factory=list)


def build(requests: list[Request], tokens_per_id: int, block_size: int, reuse: bool = True) -> Programs:
    builder = TraceBuilder(ReadOptions(block_size=block_size, reuse_generated=reuse))
    trie = builder.scope(tokens_per_id)
    builder.program(0.0, family="test")
    for turn, request in enumerate(requests):
        ids = None if request.ids is None else np.array(request.ids, dtype=np.int64)
        builder.turn(request.prompt, request.output, ids=ids, trie=trie, extends=request.extends)
        for earlier in request.extends:
            builder.edge(earlier, turn, 0.0, "tool")
    programs = builder.build()
    validate(programs)
    return programs


def written_out(requests: list[Request], tokens_per_id: int, reuse: bool) -> list[list[object]]:
    """Prompt and output of each request as tokens, by the rules of docs/traces.md."""
    n = len(requests)
    full = [None if r.ids is None else tuple(r.ids[: r.prompt // tokens_per_id]) for r in requests]
    absorbed_by, prompt_in = [-1] * n, [-1] * n
    for turn, request in enumerate(requests):
        for earlier in request.extends:
            e = requests[earlier]
            a, b = full[earlier], full[turn]
            known = a is not None and b is not None
            if a is not None and b is not None and b[: len(a)] != a:
                continue
            if reuse and request.prompt >= e.prompt + e.output:
                if absorbed_by[earlier] < 0:
                    absorbed_by[earlier] = turn
            elif not known and request.prompt >= e.prompt and prompt_in[earlier] < 0:
                prompt_in[earlier] = turn
    tokens: dict[int, list[object]] = {}
    twins: dict[tuple[object, ...], int] = {}
    for turn in sorted(range(n), key=lambda i: (-requests[i].prompt, absorbed_by[i] < 0, -i)):
        r, blocks = requests[turn], full[turn]
        ids = r.ids or []
        tail = None
        if blocks is not None and len(ids) > len(blocks):
            tail = (blocks, ids[len(blocks)], r.prompt % tokens_per_id)
        if absorbed_by[turn] >= 0:
            context = tokens[absorbed_by[turn]][: r.prompt + r.output]
        else:
            if tail in twins:
                context = tokens[twins[tail]][: r.prompt]
            elif prompt_in[turn] >= 0:
                context = tokens[prompt_in[turn]][: r.prompt]
            else:
                context = [(block, at) for block in blocks or () for at in range(tokens_per_id)]
            context = context + [("own", turn, at) for at in range(len(context), r.prompt + r.output)]
        if tail is not None:
            twins.setdefault(tail, turn)
        tokens[turn] = context
    return [tokens[turn] for turn in range(n)]


def path(programs: Programs, turn: int) -> list[int]:
    segments, segment = [], int(programs.turn["segment"][turn])
    while segment >= 0:
        segments.append(segment)
        segment = int(programs.segment["parent"][segment])
    return segments[::-1]


def shared_blocks(programs: Programs, a: int, b: int) -> int:
    both = set(path(programs, a)) & set(path(programs, b))
    return sum(int(programs.segment["n_blocks"][segment]) for segment in both)


def check(requests: list[Request], tokens_per_id: int, block_size: int, reuse: bool) -> None:
    programs = build(requests, tokens_per_id, block_size, reuse)
    tokens = written_out(requests, tokens_per_id, reuse)
    for a in range(len(requests)):
        assert len(tokens[a]) == requests[a].prompt + requests[a].output
        best = 0
        for b in range(a):
            same = next((i for i, (x, y) in enumerate(zip(tokens[a], tokens[b], strict=False)) if x != y), None)
            same = min(len(tokens[a]), len(tokens[b])) if same is None else same
            most = min(len(tokens[a]), len(tokens[b])) // block_size
            assert min(shared_blocks(programs, a, b), most) == same // block_size, (a, b)
            best = max(best, min(same, requests[a].prompt))
        new = int(programs.turn["new_tokens"][a])
        assert 0 <= new - max(1, requests[a].prompt - best) <= block_size + 1
    parent = programs.segment["parent"]
    children = np.bincount(parent[parent >= 0], minlength=len(parent))
    assert not (children == 1).any()  # cut only where paths branch
    assert set(parent[parent >= 0]) | set(programs.turn["segment"]) == set(range(len(parent)))  # all of use


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[Request], int, int]:
    tokens_per_id = draw(st.sampled_from([1, 3, 4, 6, 16, 32]))
    block_size = draw(st.sampled_from([1, 4, 16]))
    requests: list[Request] = []
    for _ in range(draw(st.integers(1, 9))):
        ids: list[int] | None = None
        prompt = draw(st.integers(1, 5 * tokens_per_id))
        if draw(st.integers(0, 5)):
            based = [r for r in requests if r.ids]
            ids = draw(st.sampled_from([[], *[r.ids or [] for r in based]]))
            ids = ids[: draw(st.integers(0, len(ids)))]
            ids = ids + draw(st.lists(st.integers(0, 2), max_size=3))
            low = max(1, (len(ids) - 1) * tokens_per_id + 1)
            prompt = draw(st.integers(low, max(low, len(ids) * tokens_per_id + draw(st.sampled_from([0, 0, 7])))))
        extends = draw(st.lists(st.integers(0, len(requests) - 1), max_size=2, unique=True)) if requests else []
        requests.append(Request(prompt, draw(st.integers(1, 20)), ids, extends))
    return requests, tokens_per_id, block_size


@settings(max_examples=400, deadline=None)
@given(traces(), st.booleans())
def test_forest_shares_exactly_the_common_prefixes(trace: tuple[list[Request], int, int], reuse: bool) -> None:
    requests, tokens_per_id, block_size = trace
    check(requests, tokens_per_id, block_size, reuse)


def test_growing_conversation_is_one_segment() -> None:
    requests = [
        Request(40, 10, [1, 2, 91]),
        Request(60, 8, [1, 2, 3, 92], [0]),
        Request(80, 5, [1, 2, 3, 4, 5], [1]),
    ]
    programs = build(requests, 16, 16)
    assert programs.segment.tolist() == [(-1, 0, 6)]
    assert programs.turn["new_tokens"].tolist() == [40, 10, 12]


def test_without_reuse_of_generated_tokens_each_turn_has_a_tail_after_its_full_blocks() -> None:
    requests = [Request(40, 10, [1, 2, 91]), Request(60, 8, [1, 2, 3, 92], [0])]
    programs = build(requests, 16, 16, reuse=False)
    assert programs.segment.tolist() == [(-1, 0, 2), (0, 2, 3), (0, 2, 2)]
    assert programs.turn["segment"].tolist() == [2, 1]
    assert programs.turn["new_tokens"].tolist() == [40, 28]


@pytest.mark.parametrize(("prompt", "shared"), [(35, 2), (38, 2)])
def test_a_partial_block_is_shared_only_at_equal_length(prompt: int, shared: int) -> None:
    requests = [Request(40, 10, [1, 2, 91]), Request(prompt, 10, [1, 2, 91])]
    programs = build(requests, 16, 8)
    assert shared_blocks(programs, 0, 1) == shared * 2
    twins = build([requests[0], requests[0]], 16, 8)
    assert shared_blocks(twins, 0, 1) == 5


def test_compaction_branches_off_where_the_prompts_part() -> None:
    requests = [Request(96, 16, [1, 2, 3, 4, 5, 6]), Request(64, 16, [1, 2, 8, 9], [0])]
    programs = build(requests, 16, 16)
    assert shared_blocks(programs, 0, 1) == 2
    assert programs.turn["new_tokens"].tolist() == [96, 32]


def test_trace_blocks_that_are_no_multiple_of_a_kv_block() -> None:
    requests = [Request(48, 4, [1, 2]), Request(48, 4, [1, 3])]  # 24 shared tokens hold one whole block of 16
    programs = build(requests, 24, 16)
    assert shared_blocks(programs, 0, 1) == 1


def test_lengths_alone_share_along_a_growing_session() -> None:
    requests = [
        Request(40, 10, None),
        Request(45, 10, None, [0]),
        Request(100, 1, None, [1]),
        Request(20, 1, None, [2]),
    ]
    programs = build(requests, 16, 16)
    assert shared_blocks(programs, 0, 1) == 2  # the prompt is kept, its output is not
    assert programs.turn["segment"][1] == programs.turn["segment"][2]
    assert shared_blocks(programs, 2, 3) == 0  # a shorter prompt: a new context
    assert programs.turn["new_tokens"].tolist() == [40, 5, 45, 20]
