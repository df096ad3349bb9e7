"""A small suite played: the same programs for all, the same bits however it is played, and what is left out."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentsim_env.agents.errors import AgentError
from agentsim_env.training.benchmark.outcome import Outcome, compact, read_outcome, write_outcome
from agentsim_env.training.benchmark.protocol import benchmark, unfinished
from agentsim_env.training.benchmark.suite import Suite
from agentsim_env.training.benchmark.tables import markdown
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evaluate import EvaluationStopped
from agentsim_env.training.journal import Journal
from agentsim_env.training.rollouts import Rollout
from tests.training.benchmark.conftest import tiny_suite


def same(outcome: Outcome) -> dict:
    """All that must not depend on when and where it was played."""
    return outcome.model_dump(exclude={"made"})


def test_every_case_and_agent_is_there_with_its_seeds(outcome: Outcome) -> None:
    assert [case.case for case in outcome.played] == ["slow", "fast"]
    assert outcome.names == ("stock", "best", "random", "uniform")
    for case in outcome.played:
        assert set(case.episodes) == set(outcome.names)
        assert len(set(case.workloads)) == len(case.seeds) == 2
        assert case.episodes["stock"].records_hash != case.episodes["random"].records_hash
        assert case.episodes["uniform"].decisions[0] > 0


def test_the_file_holds_all_of_it(outcome: Outcome, tmp_path: Path) -> None:
    write_outcome(outcome, tmp_path / "a.json")
    assert read_outcome(tmp_path / "a.json") == outcome
    machine = outcome.made["machine"]
    assert machine["packages"]["numpy"] and machine["cpu"] and machine["python"]


def test_tables_name_cases_agents_and_why(outcome: Outcome) -> None:
    text = markdown(outcome)
    assert text.count("It is small. Best: `session_affinity`.") == 2
    assert "| random |" in text


def test_seeds_that_come_from_other_processes_in_any_order_give_the_same_bits(
    outcome: Outcome, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = []

    def play_backwards(
        make: Callable[[Any], Callable[[int], Any]], description: Any, seeds: Sequence[int], jobs: int
    ) -> Iterator[tuple[int, Any]]:
        pools.append(jobs)
        play = make(description)
        yield from ((seed, play(seed)) for seed in reversed(seeds))

    monkeypatch.setattr("agentsim_env.training.evaluate.run_in_processes", play_backwards)
    assert same(benchmark("tiny", suite, ["random", "uniform"], tmp_path / "b.json", jobs=2)) == same(outcome)
    assert pools == [2, 2]


def test_what_is_stopped_goes_on_where_it_was(
    outcome: Outcome, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "c.json"
    added: list[int] = []
    add = Journal.add

    def stop_at_the_third(journal: Journal, seed: int, rollouts: Sequence[Rollout]) -> None:
        add(journal, seed, rollouts)
        added.append(seed)
        if len(added) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", stop_at_the_third)
        with pytest.raises(EvaluationStopped):
            benchmark("tiny", suite, ["random", "uniform"], out)
    assert not out.exists()
    kept = shutil.copytree(unfinished(out), tmp_path / "kept")
    assert sorted(path.name for path in kept.iterdir()) == ["fast.jsonl", "slow.jsonl"]

    def count(journal: Journal, seed: int, rollouts: Sequence[Rollout]) -> None:
        add(journal, seed, rollouts)
        added.append(seed)

    monkeypatch.setattr(Journal, "add", count)
    assert same(benchmark("tiny", suite, ["random", "uniform"], out)) == same(outcome)
    assert len(added) == 4, "three before, one after"
    assert not unfinished(out).exists()


def test_a_case_without_its_trace_is_left_out_with_the_reason(mooncake: Path, tmp_path: Path) -> None:
    cases = tiny_suite().model_dump(mode="json")["cases"]
    replayed = {
        **cases[1],
        "trace": mooncake.name,
        "set": {**cases[1]["set"], "episode": {"programs": 3, "warmup_programs": 1}},
    }
    suite = tiny_suite(cases=[cases[0], replayed])
    without = benchmark("tiny", suite.shortened(1), [], tmp_path / "d.json")
    assert without.skipped == {"fast": f"needs the trace {mooncake.name}, and no folder of traces was given (--traces)"}
    assert "## fast" in markdown(without)
    found = benchmark("tiny", suite.shortened(1), [], tmp_path / "d.json", traces=mooncake.parent)
    assert [case.case for case in found.played] == ["slow", "fast"]
    with pytest.raises(TrainingError, match=r"no case can be played here: fast needs the trace .*it is not in"):
        benchmark("tiny", tiny_suite(cases=[replayed]), [], tmp_path / "e.json", traces=tmp_path / "elsewhere")


class Picky:
    name = "picky"

    def bind(self, env) -> None:
        raise AgentError("only four instances")

    def reset(self, seed: int) -> None: ...

    def act(self, observation, info) -> int:
        return 0


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("best=random", "an agent is named 'best'; allowed: any name without = but stock and best"),
        ("randm", "did you mean random"),
        ("tests.training.benchmark.test_protocol:Picky", "picky cannot act in case slow: only four instances"),
        ("bundle:thunderagnt", "did you mean thunderagent"),
    ],
)
def test_agents_that_do_not_do_are_refused_before_anything_is_played(
    suite: Suite, tmp_path: Path, agent: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentsim_env.training.benchmark.protocol.evaluate", lambda *_, **__: pytest.fail("played"))
    with pytest.raises(ValueError, match=message):
        benchmark("tiny", suite, [agent], tmp_path / "f.json")


def test_a_file_that_says_too_little_is_refused(outcome: Outcome, tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    content = outcome.model_dump(mode="json")
    content["played"][0]["episodes"]["random"]["cost"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=r"g\.json: played: slow: must have a value for each of its 2 seeds"):
        read_outcome(path)
    path.write_text("{")
    with pytest.raises(TrainingError, match=r"g\.json: is not JSON"):
        read_outcome(path)
    path.write_text(json.dumps({**content, "format": "other"}))
    with pytest.raises(TrainingError, match=r"g\.json: format = 'other': Input should be 'agentsim-benchmark-1'"):
        read_outcome(path)


def test_lists_of_values_take_one_line() -> None:
    text = compact({"a": [1.5, None, "x, [y]"], "b": [{"c": [1, 2]}]})
    assert json.loads(text) == {"a": [1.5, None, "x, [y]"], "b": [{"c": [1, 2]}]}
    assert '"c": [ 1, 2 ]' in text
