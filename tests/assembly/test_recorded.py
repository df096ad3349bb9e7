"""Episodes out of traces: exported workloads replay as they were, and reports say where arrivals come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Simulator, load_scenario
from agentsim_env.assembly.recorded import described, read_source
from agentsim_env.load import prepare
from agentsim_env.scenario import ScenarioError
from agentsim_env.scenario.loader import library
from agentsim_env.training.simulate import simulate
from agentsim_env.workload import Programs
from agentsim_env.workload.traces.export import SUFFIXES, write_programs

CLOSED = {"process": "closed_loop", "users": 3, "think_time_s": 1.0}
FAILING = {"workload.tools": {"bash": {"failure_probability": 0.3, "max_retries": 2, "backoff_s": 0.1}}}
TWELVE = {"episode": {"programs": 12, "warmup_programs": 0}}


def drawn(name: str, arrivals: dict[str, Any] | None = None) -> tuple[Any, Programs]:
    """A scenario of the library with twelve programs, and the programs of an episode."""
    changes = TWELVE if arrivals is None else TWELVE | {"workload.arrivals": arrivals}
    scenario = load_scenario(name, changes)
    has_rate = hasattr(scenario.workload.arrivals, "load")
    return scenario, prepare(scenario, rate_per_s=0.3 if has_rate else None).draw(3)


def replayed(scenario: Any, path: Path) -> Any:
    """The same scenario, with an exported workload at its own times."""
    return load_scenario(
        scenario,
        {
            "workload.trace": {"path": str(path)},
            "workload.arrivals": {"process": "trace"},
            "episode.programs": None,
        },
    )


def assert_same(a: Programs, b: Programs) -> None:
    for x, y in zip(a, b, strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize("arrivals", [None, CLOSED], ids=["own", "closed_loop"])
@pytest.mark.parametrize("name", sorted(library()))
def test_what_is_exported_is_replayed(tmp_path: Path, name: str, arrivals: dict[str, Any] | None) -> None:
    scenario, programs = drawn(name, arrivals)
    for suffix in SUFFIXES:
        path = tmp_path / f"programs{suffix}"
        write_programs(programs, path)
        assert_same(prepare(replayed(scenario, path)).draw(3), programs)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "arrivals", [{"process": "poisson", "rate_per_s": 0.5}, CLOSED], ids=["poisson", "closed_loop"]
)
def test_export_and_replay_give_the_same_figures(tmp_path: Path, suffix: str, arrivals: dict[str, Any]) -> None:
    simulator = Simulator(load_scenario("tool_chat", TWELVE | {"workload.arrivals": arrivals}))
    simulator.reset(seed=5)
    path = tmp_path / f"programs{suffix}"
    write_programs(simulator.programs, path)
    simulator.run()
    records = simulate("tool_chat", ["episode.warmup_programs=0"], trace=path, seed=5)
    again = Simulator(replayed(simulator.scenario, path))
    again.reset(seed=5)
    again.run()
    assert again.summary() == simulator.summary()
    assert records.turns.tobytes() == simulator.records().turns.tobytes()


def test_each_replay_has_arrays_of_its_own(tmp_path: Path) -> None:
    scenario, programs = drawn("tool_chat")
    write_programs(programs, tmp_path / "programs.parquet")
    source = prepare(replayed(scenario, tmp_path / "programs.parquet"))
    first = source.draw(0)
    first.turn["output_tokens"] = 1
    first.program["arrival_s"] = 0.0
    assert_same(source.draw(0), programs)


@pytest.mark.parametrize(
    "changes",
    [
        {"episode.programs": 5},
        {"workload.arrivals": {"process": "poisson", "rate_per_s": 1.0}},
        {"workload.arrivals": CLOSED},
    ],
)
def test_programs_that_wait_for_others_are_only_replayed_whole(tmp_path: Path, changes: dict[str, Any]) -> None:
    scenario, programs = drawn("tool_chat", CLOSED)
    write_programs(programs, tmp_path / "programs.jsonl")
    whole = replayed(scenario, tmp_path / "programs.jsonl")
    other = load_scenario(whole, changes)
    with pytest.raises(ScenarioError, match=r"wait for the ends of others .* it is only replayed whole"):
        prepare(other).draw(0)
    with pytest.raises(ScenarioError, match="only replayed whole"):
        prepare(whole, trace_part=(0.0, 0.5))
    assert_same(prepare(load_scenario(whole, {"episode.programs": 12})).draw(0), programs)


@pytest.fixture
def trace(tmp_path: Path) -> Callable[..., Any]:
    """A scenario whose programs are rows of `t_s,in,out`, or conversations without times."""

    def scenario(times: tuple[float, ...] | None, arrivals: dict[str, Any], **source: Any) -> Any:
        path = tmp_path / "trace"
        if times is None:
            request = '{"t": 0, "in": 128, "out": 9, "hash_ids": [1, 2]}'
            path.write_text(f'{{"id": "c", "block_size": 64, "requests": [{request}]}}'.replace("\n", ""))
        else:
            path.write_text("t_s,in,out\n" + "".join(f"{time},{100 + at},9\n" for at, time in enumerate(times)))
        return load_scenario(
            "tool_chat",
            {
                "workload.trace": {"path": str(path)} | source,
                "workload.arrivals": arrivals,
                "episode": {"programs": None, "warmup_programs": 0},
            },
        )

    return scenario


AT_TRACE_TIMES = {"process": "trace"}
POISSON = {"process": "poisson", "rate_per_s": 2.0}


@pytest.mark.parametrize(
    ("times", "arrivals", "source", "said"),
    [
        ((0.0, 4.0, 10.0), AT_TRACE_TIMES, {}, "in 10 s; arrivals: the trace's own times"),
        ((0.0, 4.0, 10.0), AT_TRACE_TIMES, {"speedup": 4.0}, "arrivals: the trace's own times, divided by 4"),
        ((7.0, 7.0, 7.0), AT_TRACE_TIMES, {}, "in 0 s; arrivals: the trace's own times, all the same"),
        ((0.0, 4.0), POISSON, {}, "in 4 s; arrivals: made up (poisson), the trace's own times are not used"),
        (None, POISSON, {}, "without recorded times; arrivals: made up (poisson), since the trace records none"),
        (None, AT_TRACE_TIMES, {}, "without recorded times; arrivals: all at 0 s, since the trace records none"),
    ],
)
def test_the_report_says_where_arrivals_come_from(
    trace: Callable[..., Any], times: tuple[float, ...] | None, arrivals: Any, source: dict[str, Any], said: str
) -> None:
    scenario = trace(times, arrivals, **source)
    workload = scenario.workload
    report = read_source(workload.trace, scenario.cluster.block_size_tokens, workload.reuse_generated).report
    assert described(workload, report).splitlines()[0].endswith(said)
    assert Simulator(scenario).metadata()["trace"] == described(workload, report)


def test_equal_times_are_times_and_keep_the_order_of_the_file(trace: Callable[..., Any], tmp_path: Path) -> None:
    programs = prepare(trace((3.0,) * 40, AT_TRACE_TIMES)).draw(0)
    assert not programs.program["arrival_s"].any()
    assert programs.turn["prompt_tokens"].tolist() == [*range(100, 140)]
    records = simulate("tool_chat", trace=tmp_path / "trace")
    assert not np.asarray(records.programs["arrival_s"]).any()
    assert "arrivals: the trace's own times, all the same" in records.metadata["trace"]


def test_a_folder_that_holds_more_than_a_trace_is_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_text("{}")
    monkeypatch.setattr("agentsim_env.scenario.trace_digest.MOST_FILES", 2)
    scenario = load_scenario("coding_agents", {"workload.trace": {"path": str(tmp_path)}, "workload.arrivals": CLOSED})
    with pytest.raises(ScenarioError, match="is a folder with more than 2 files"):
        prepare(scenario)
