"""What is remembered of gaps and of programs that have ended, against numbers computed by hand and by the twin."""

import math

import numpy as np
import pytest

from agentsim_env.engine.blueprint import LAST_GAPS, Blueprint, new_state
from agentsim_env.engine.core.decisions import ENDED
from agentsim_env.engine.core.state import NONE, State
from agentsim_env.engine.entry import Core
from agentsim_env.engine.programs import history
from agentsim_env.workload.programs import Tool
from tests.engine.hand_made import bound, called, engine, state
from tests.reference.building import WorkloadBuilder
from tests.reference.programs.history import Gaps, History

note = bound(history._note)
note_length = bound(history.note_length)
memoryfulness = bound(history.memoryfulness)
share_within = bound(history.share_within)
mean_gap_s = bound(history.mean_gap_s)
tool_of = bound(history.tool_of)
source_of = bound(history.source_of)
mean_wait_s = bound(history.mean_wait_s)


def noted(*gaps_s: float) -> State:
    """A state that remembers these gaps of tool 0."""
    made = state()
    for gap_s in gaps_s:
        note(made, 0, gap_s, called(history._log, gap_s))
    return made


def test_the_averages_of_three_gaps() -> None:
    gap = noted(1.0, 2.0, 4.0).gap[0]
    assert (gap["n"], gap["sum_s"]) == (3, 7.0)
    assert gap["ema_s"] == pytest.approx(0.8 * (0.8 * 1 + 0.2 * 2) + 0.2 * 4)  # 1.76
    assert gap["fast_ema_s"] == 0.5 * (0.5 * 1 + 0.5 * 2) + 0.5 * 4  # 2.75
    # In units of log 2 the gaps are 0, 1, 2: the means 0, 0.2, 0.56 and the variances 0, 0.16, 0.8 (0.16 + 0.648).
    assert gap["log_mean"] == pytest.approx(0.56 * math.log(2))
    assert gap["log_variance"] == pytest.approx(0.6464 * math.log(2) ** 2)


def test_a_gap_of_no_length_counts_a_millisecond_in_logarithms() -> None:
    gap = noted(0.0).gap[0]
    assert gap["log_mean"] == pytest.approx(math.log(0.001))
    assert gap["ema_s"] == 0.0


def test_the_distribution_is_that_of_the_last_hundred_gaps() -> None:
    made = noted(*[5.0] * 30, *np.arange(1.0, 101.0))
    assert LAST_GAPS == 100
    assert share_within(made, 0, 4.5) == 0.04  # 1, 2, 3, 4; what came before is forgotten
    assert share_within(made, 0, 100.0) == 1.0
    assert share_within(noted(1.0, 3.0), 0, 1.0) == 0.5
    assert share_within(state(), 0, 1.0) == 0.0


def test_many_gaps_agree_with_the_twin() -> None:
    rng = np.random.default_rng(1)
    gaps_s = rng.lognormal(0.0, 2.0, 250).tolist()
    gap, twin = noted(*gaps_s).gap[0], Gaps(gaps_s)
    mean, variance = twin.log_normal()
    assert gap["ema_s"] == pytest.approx(twin.average(0.2))
    assert gap["fast_ema_s"] == pytest.approx(twin.average(0.5))
    assert (gap["log_mean"], gap["log_variance"]) == pytest.approx((mean, variance))
    assert share_within(noted(*gaps_s), 0, 2.0) == twin.share_within(2.0)


def test_a_new_tool_is_taken_for_the_mean_of_all() -> None:
    made = state()
    assert mean_gap_s(made, 0) == -1.0
    note(made, bound(history.everything)(made), 3.0, math.log(3.0))
    assert mean_gap_s(made, 0) == 3.0
    note(made, 0, 1.0, 0.0)
    assert mean_gap_s(made, 0) == 1.0


# Programs.


@pytest.mark.parametrize(
    ("lengths", "eta"),
    [
        ((), 1.0),
        ((1, 1), 1.0),  # no turn had another one behind it
        ((2, 2), 1.0),
        ((5, 5, 5), 1.0),
        # Pairs (1, 1); (1, 2), (2, 1): mean 4/3, variance 2 - 16/9, covariance 5/3 - 16/9.
        ((2, 3), 0.5),
        # Pairs (1, 1) thrice and (1, 5) .. (5, 1): heavy-tailed.
        ((2, 2, 2, 6), None),
    ],
)
def test_memoryfulness(lengths: tuple[int, ...], eta: float | None) -> None:
    made, twin = state(), History(lengths=list(lengths))
    for turns in lengths:
        note_length(made, turns)
    assert memoryfulness(made) == pytest.approx(twin.memoryfulness if eta is None else eta)
    assert twin.memoryfulness == pytest.approx(memoryfulness(made))


def test_memoryfulness_of_geometric_lengths_is_none() -> None:
    made = state()
    for turns in np.random.default_rng(0).geometric(0.2, 20_000):
        note_length(made, int(turns))
    assert memoryfulness(made) == pytest.approx(0.0, abs=0.02)


# In the simulation.


def test_what_a_fan_out_leaves() -> None:
    """A turn calls two tools; a server with one place keeps the second call of one of them waiting."""
    work = WorkloadBuilder((Tool("free"), Tool("served", 1), Tool("never")))
    work.program(0.0)
    leaf = work.segment(20)
    root = work.turn(leaf, 100, 10)  # ten iterations of 10 ms
    ends = [work.turn(work.segment(10), 50, 10) for _ in range(3)]
    work.edge(root, ends[0], 0.5, tool=0)
    work.edge(root, ends[1], 1.0, tool=1)
    work.edge(root, ends[2], 1.0, tool=1)
    core = Core(new_state(Blueprint([engine()]), work.build()))
    assert core.advance() == ENDED
    made = core.state
    assert made.gap["n"].tolist() == [1, 2, 0, 3]
    assert made.gap["sum_s"].tolist() == pytest.approx([0.5, 3.0, 0.0, 3.5])  # 1 s and 2 s with the wait
    assert made.last_gaps_s[1, :2].tolist() == pytest.approx([1.0, 2.0])
    assert [source_of(made, e) for e in range(3)] == [root] * 3
    assert tool_of(made, root) == 0  # 0.5 s on average, before 1.5 s
    assert tool_of(made, ends[0]) == NONE
    assert made.world["pairs"][0] == 3
    assert mean_wait_s(made) == pytest.approx(float(made.world["ended_wait_s"][0]) / 4)


def test_the_source_of_an_edge_among_turns_without_edges() -> None:
    work = WorkloadBuilder()
    work.program(0.0)
    turns = [work.turn(work.segment(10), 50, 10) for _ in range(7)]
    for source, target in ((0, 4), (0, 5), (2, 5), (4, 6)):
        work.edge(turns[source], turns[target])
    made = new_state(Blueprint([engine()]), work.build())
    assert [source_of(made, e) for e in range(4)] == [0, 0, 2, 4]
