import hashlib
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import agentsim_env.load
from agentsim_env.assembly.recorded import Recorded
from agentsim_env.load import draw, prepare
from agentsim_env.scenario import ScenarioError, load_scenario
from agentsim_env.workload import arrivals, validate
from agentsim_env.workload.streams import Streams
from agentsim_env.workload.traces import TraceError
from tests.workload.sources import entry, source

DIGEST = """
import hashlib
from agentsim_env.scenario import ScenarioError, load_scenario
from agentsim_env.load import prepare
programs = prepare(load_scenario("agent_mix"), rate_per_s=1.0).draw(123)
arrays = [getattr(programs, name).tobytes() for name in ("program", "turn", "edge", "segment")]
print(hashlib.sha256(b"".join(arrays)).hexdigest())
"""


TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:00:{second:02d}.0000000,{100 + second},{second + 1}\n" for second in range(60)
)


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return f"workload.trace={{path: {path}, format: azure}}"


def arrays(programs):
    return {name: getattr(programs, name) for name in ("program", "turn", "edge", "segment")}


def same(one, other, names=("program", "turn", "edge", "segment")):
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


def scenario(*overrides):
    return load_scenario("coding_agents", ["workload.arrivals={process: poisson, rate_per_s: 1.0}", *overrides])


def test_a_seed_gives_one_workload():
    prepared = prepare(scenario())
    assert same(prepared.draw(5), prepared.draw(5))
    assert same(prepared.draw(5), prepare(scenario()).draw(5))
    assert same(prepared.draw(5), draw(scenario(), 5))
    assert not same(prepared.draw(5), prepared.draw(6))


def test_another_process_draws_the_same():
    programs = prepare(load_scenario("agent_mix"), rate_per_s=1.0).draw(123)
    here = hashlib.sha256(b"".join(array.tobytes() for array in arrays(programs).values())).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


@pytest.mark.parametrize(
    "process",
    [
        "{process: poisson, rate_per_s: 9.0}",
        "{process: gamma, cv: 4.0, rate_per_s: 1.0}",
        "{process: diurnal, rates_per_s: [1, 0, 3], window_s: 10}",
        "{process: closed_loop, users: 8, think_time_s: 2.0}",
    ],
)
def test_arrivals_leave_the_programs_alone(process):
    plain, other = prepare(scenario()).draw(5), prepare(scenario(f"workload.arrivals={process}")).draw(5)
    validate(other)
    assert same(plain, other, ("turn", "edge", "segment"))
    assert plain.program["n_turns"].tolist() == other.program["n_turns"].tolist()
    assert not same(plain, other)


def test_a_rate_table_can_be_bursty():
    table = "process: diurnal, rates_per_s: [1, 3], window_s: 100"
    gaps = {}
    for cv in (0.5, 1.0, 3.0):
        settings = [f"workload.arrivals={{{table}, cv: {cv}}}", "episode.programs=20000"]
        arrival_s = prepare(scenario(*settings)).draw(5).program["arrival_s"]
        busy = (arrival_s % 200.0) // 100.0 == 1.0
        assert busy.mean() == pytest.approx(0.75, abs=0.03)
        gaps[cv] = np.diff(arrival_s)[busy[:-1] & busy[1:] & (np.diff(arrival_s) < 50.0)]
    assert all(gap.std() / gap.mean() == pytest.approx(cv, rel=0.1) for cv, gap in gaps.items())
    plain = prepare(scenario(f"workload.arrivals={{{table}}}")).draw(5)
    assert same(plain, prepare(scenario(f"workload.arrivals={{{table}, cv: 1.0}}")).draw(5))


def test_gaps_leave_lengths_and_arrivals_alone():
    plain = source(entry("tool_chat")).draw(5)
    other = source(entry("tool_chat", {"user_gap_s": {"p50": 60, "p95": 600}})).draw(5)
    assert same(plain, other, ("program", "turn", "segment"))
    assert not same(plain, other, ("edge",))


def test_lengths_leave_shapes_and_gaps_alone():
    plain = source(entry("tool_chat")).draw(5)
    other = source(entry("tool_chat", {"output_tokens": 70})).draw(5)
    assert same(plain, other, ("program", "edge"))
    assert not same(plain, other, ("turn",))


def test_failures_leave_everything_else_alone():
    tools = "{test: {concurrency: 4, failure_probability: 0.3, max_retries: 2, backoff_s: 0.5}}"
    plain, failing = prepare(scenario()).draw(5), prepare(scenario(f"workload.tools={tools}")).draw(5)
    assert same(plain, failing, ("program", "turn", "segment"))
    assert plain.edge[["gap_s", "target", "tool"]].tolist() == failing.edge[["gap_s", "target", "tool"]].tolist()
    assert [tuple(tool) for tool in failing.tools][1] == ("test", 4, 0.5)


def test_failures_are_geometric_and_cut():
    tools = "{test: {failure_probability: 0.3, max_retries: 2}, shell: {failure_probability: 0.1, max_retries: 1}}"
    drawn = prepare(scenario(f"workload.tools={tools}", "episode.programs=5000")).draw(0)
    names = [tool.name for tool in drawn.tools]
    by_name = {name: drawn.edge["failures"][drawn.edge["tool"] == i] for i, name in enumerate(names)}
    assert np.bincount(by_name["test"]) / len(by_name["test"]) == pytest.approx([0.7, 0.21, 0.09], abs=0.015)
    assert np.bincount(by_name["shell"]) / len(by_name["shell"]) == pytest.approx([0.9, 0.1], abs=0.01)
    assert by_name["search"].max() == 0


def test_a_server_for_a_tool_that_nobody_calls_is_refused(trace):
    with pytest.raises(ValueError, match=r"workload.tools: no program calls shell; allowed: "):
        prepare(scenario(trace, "workload.tools={shell: {concurrency: 1}}"))


def test_load_is_a_fraction_of_the_capacity(monkeypatch):
    monkeypatch.setattr(agentsim_env.load, "capacity_per_s", lambda scenario: 8.0)
    prepared = prepare(scenario("workload.arrivals={process: poisson, load: 0.5}", "episode.programs=20000"))
    assert prepared.rate_per_s == 4.0
    program = prepared.draw(0).program
    assert len(program) / program["arrival_s"][-1] == pytest.approx(4.0, rel=0.03)


def test_a_rate_of_ones_own():
    assert prepare(scenario(), rate_per_s=3.0).rate_per_s == 3.0
    with pytest.raises(ValueError, match="closed_loop has no rate"):
        prepare(scenario("workload.arrivals={process: closed_loop, users: 1, think_time_s: 0.0}"), rate_per_s=3.0)


@pytest.mark.parametrize("rate_per_s", [1e-300, 1e-8])
def test_a_rate_at_which_the_clock_ends_first_is_refused(rate_per_s):
    with pytest.raises(
        ScenarioError, match=r"workload\.arrivals\.rate_per_s = 1e-.*: must be at least 1\.28e-06: 128 "
    ):
        prepare(scenario(f"workload.arrivals.rate_per_s={rate_per_s}"))


def test_a_load_at_which_the_clock_ends_first_is_refused(monkeypatch):
    monkeypatch.setattr(agentsim_env.load, "capacity_per_s", lambda scenario: 2.0)
    with pytest.raises(
        ScenarioError, match=r"workload\.arrivals\.load = 1e-09: must be at least 6\.4e-07: 128 programs"
    ):
        prepare(scenario("workload.arrivals={process: poisson, load: 1.0e-9}"))


@pytest.mark.parametrize(
    "process",
    [
        "{process: closed_loop, users: 500, think_time_s: 1.0e9}",
        "{process: diurnal, rates_per_s: [0, 1.0e-9], window_s: 1.0e9}",
    ],
)
def test_arrivals_after_the_end_of_the_clock_are_refused(process):
    with pytest.raises(
        ScenarioError, match=r"workload\.arrivals: seed 0 has a program that arrives at .*; the clock ends"
    ):
        prepare(scenario(f"workload.arrivals={process}")).draw(0)


def test_number_of_programs_comes_from_episode_or_from_fixed_times():
    assert len(prepare(scenario("episode.programs=7", "episode.warmup_programs=2")).draw(0).program) == 7
    times = "workload.arrivals={process: fixed, times_s: [1.0, 2.0, 4.0]}"
    drawn = prepare(scenario(times, "episode={programs: null, warmup_programs: 0}")).draw(0)
    assert drawn.program["arrival_s"].tolist() == [1.0, 2.0, 4.0]


def test_a_window_needs_a_trace():
    with pytest.raises(ValueError, match="window"):
        prepare(scenario()).draw(0, window=(0.0, 10.0))


def test_streams_are_independent_and_reproducible():
    one, other = Streams.spawn(7), Streams.spawn(7)
    first = [generator.random() for generator in one]
    assert first == [generator.random() for generator in other]
    assert len(set(first)) == len(first)


def test_closed_loop_workload():
    times = partial(arrivals.closed_loop, users=5, think_time_s=1.0)
    programs = source(entry("chat"), n=40, times=times).draw(0)
    validate(programs)
    assert (programs.program["after"] >= 0).sum() == 35


def test_trace_at_its_own_times(trace):
    prepared = prepare(scenario(trace, "workload.arrivals={process: trace}", "episode.programs=20"))
    programs = prepared.draw(3)
    validate(programs)
    assert np.diff(programs.program["arrival_s"]).tolist() == pytest.approx([1.0] * 19)
    assert same(programs, prepared.draw(3))
    assert not same(programs, prepared.draw(4))
    window = prepared.draw(3, window=(10.0, 30.0))
    assert window.turn["prompt_tokens"].tolist() == list(range(110, 130))


def test_trace_at_other_times(trace):
    prepared = prepare(scenario(trace, "episode.programs=20"))
    programs = prepared.draw(3)
    validate(programs)
    assert (
        programs.program["arrival_s"].tolist()
        == prepare(scenario("episode.programs=20")).draw(3).program["arrival_s"].tolist()
    )
    closed = scenario(
        trace, "episode.programs=20", "workload.arrivals={process: closed_loop, users: 3, think_time_s: 1}"
    )
    looped = prepare(closed).draw(3)
    validate(looped)
    assert same(programs, looped, ("turn", "edge", "segment"))
    assert looped.program["after"].tolist() == [-1] * 3 + list(range(17))


WHOLE = ["workload.arrivals={process: trace}", "episode={programs: null, warmup_programs: 0}"]


def chats(path, lengths):
    """A Mooncake trace of one session: each prompt goes on from the last one; ids stand for 8 tokens."""
    path.write_text(
        "".join(
            json.dumps(
                {
                    "timestamp": 60_000 * i,
                    "input_length": length,
                    "output_length": 4,
                    "hash_ids": list(range(-(-length // 8))),
                    "session_id": "a",
                }
            )
            + "\n"
            for i, length in enumerate(lengths)
        )
    )
    return f"workload.trace.path={path}"


def test_the_size_of_a_trace_block_reaches_the_reader(tmp_path):
    given = chats(tmp_path / "chats.jsonl", [32, 64, 96])
    with pytest.raises(TraceError, match="trace_block_tokens"):
        prepare(scenario(given, *WHOLE))
    programs = prepare(scenario(given, *WHOLE, "workload.trace.trace_block_tokens=8")).draw(0)
    assert programs.turn["new_tokens"].tolist() == [32, 28, 28]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        ("max_turns=2", [32, 64]),
        ("max_turns=9", [32, 64, 96]),
        ("max_context_tokens=68", [32, 64]),
        ("max_context_tokens=67", [32]),
    ],
)
def test_programs_of_a_trace_end_before_what_exceeds_the_limits(tmp_path, limit, kept):
    given = chats(tmp_path / "chats.jsonl", [32, 64, 96])
    settings = [given, *WHOLE, "workload.trace.trace_block_tokens=8"]
    prepared = prepare(scenario(*settings, f"workload.trace.{limit}")).of(0)
    programs = prepared.draw(0)
    validate(programs)
    assert programs.turn["prompt_tokens"].tolist() == kept
    assert isinstance(prepared.work, Recorded)
    assert prepared.work.report.requests == 3
    assert prepared.work.report.cut_turns == 3 - len(kept)
    assert scenario(*settings).content_hash() != scenario(*settings, f"workload.trace.{limit}").content_hash()


def test_all_of_a_trace_faster(trace):
    whole = ["workload.arrivals={process: trace}", "episode={programs: null, warmup_programs: 0}"]
    faster = trace.replace("azure}", "azure, speedup: 4.0}")
    programs = prepare(scenario(faster, *whole)).draw(0)
    assert len(programs.program) == 60
    assert programs.program["arrival_s"][-1] == pytest.approx(59 / 4)
    part = prepare(scenario(trace, *whole), trace_part=(0.5, 1.0)).draw(0)
    assert part.turn["prompt_tokens"].tolist() == list(range(130, 160))
