"""Evaluations that are stopped, or lose a process: what is done is kept, nothing goes on alone, tables are the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from agentsim_env import Scenario
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evaluate import EvaluationStopped, evaluate
from agentsim_env.training.journal import FILE, Journal
from agentsim_env.training.report import save
from agentsim_env.training.rollouts import Rollout
from agentsim_env.training.workers import run_in_processes
from tests.interrupts import hear_interrupts
from tests.training.conftest import TINY
from tests.training.slow_agent import killed

SEEDS = 8
ROOT = Path(__file__).parents[2]
TABLES = ("results.md", "results.csv", "episodes.csv", "scenario.yaml")


class Evaluation:
    """An evaluation on the command line, with an agent that says who plays what."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.log = folder / "log"
        self.log.touch()
        self._started: list[subprocess.Popen] = []

    def start(self, jobs: int, seed_s: float = 0.4) -> subprocess.Popen:
        settings = [argument for change in TINY for argument in ("--set", change)]
        command = ["evaluate", "-a", "least_loaded,tests.training.slow_agent:Slow", "-s", "tool_chat", *settings]
        command += ["--seeds", str(SEEDS), "-j", str(jobs), "--out", str(self.out)]
        environment = os.environ | {"SLOW_AGENT_LOG": str(self.log), "SLOW_AGENT_S": str(seed_s)}
        process = subprocess.Popen(
            [sys.executable, "-m", "agentsim_env.training.cli", *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )
        self._started.append(process)
        return process

    def played(self) -> list[tuple[int, int]]:
        """Process and seed of each episode that was begun."""
        lines = self.log.read_text().splitlines()
        return [(int(process), int(seed)) for process, seed in map(str.split, lines)]

    def kept(self) -> int:
        """Seeds in the journal."""
        path = self.out / FILE
        return len(path.read_text().splitlines()) - 1 if path.exists() else 0

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def evaluation(tmp_path: Path) -> Iterator[Evaluation]:
    made = Evaluation(tmp_path)
    yield made
    made.end()


@pytest.fixture
def expected(tiny: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Compares a folder with that of an evaluation that nobody stopped."""
    monkeypatch.setenv("SLOW_AGENT_LOG", str(tmp_path / "other"))
    agents = ["least_loaded", "tests.training.slow_agent:Slow"]
    whole = save(evaluate(agents, scenario=tiny, seeds=SEEDS), tmp_path / "whole", agents)

    def compare(folder: Path) -> None:
        for name in TABLES:
            assert (folder / name).read_text() == (whole / name).read_text(), name
        assert not (folder / FILE).exists()

    return compare


def wait_for(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 1)])
def test_what_is_done_is_kept_and_the_same_command_goes_on(
    evaluation: Evaluation, expected: Callable[[Path], None], number: int, jobs: int
) -> None:
    process = evaluation.start(jobs)
    wait_for(lambda: evaluation.kept() >= 2, "two seeds")
    if number == signal.SIGKILL:
        process.send_signal(number)
        process.wait()
    else:
        os.killpg(process.pid, number)  # as a terminal does, workers included
        _, error = process.communicate()
        kept = evaluation.kept()
        assert process.returncode == 130
        assert f"agentsim: stopped: after {kept} of {SEEDS} seeds" in error
        assert "the same command goes on from there" in error
        assert "Traceback" not in error
        assert len((evaluation.out / "episodes.csv").read_text().splitlines()) == 1 + 2 * kept
    kept = evaluation.kept()
    begun = len(evaluation.played())
    again = evaluation.start(1, 0.0)
    out, _ = again.communicate()
    assert again.returncode == 0
    assert f"{kept} seeds are there already" in " ".join(out.split())
    assert len(evaluation.played()) == begun + SEEDS - kept
    expected(evaluation.out)


def test_a_worker_that_is_killed_costs_no_result(evaluation: Evaluation, expected: Callable[[Path], None]) -> None:
    process = evaluation.start(2)
    wait_for(lambda: any(by != process.pid for by, _ in evaluation.played()), "a worker")
    os.kill(next(by for by, _ in evaluation.played() if by != process.pid), signal.SIGKILL)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert error.count("A worker process was lost: its seeds are played again.") == 1
    assert "Traceback" not in error
    expected(evaluation.out)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(evaluation: Evaluation, number: int) -> None:
    process = evaluation.start(2, 1.0)
    wait_for(lambda: len({by for by, _ in evaluation.played()} - {process.pid}) >= 1, "a worker")
    workers = {by for by, _ in evaluation.played()} - {process.pid}
    process.send_signal(number)
    process.wait()
    wait_for(lambda: not any(map(is_alive, workers)), "workers to end")


def test_stopped_from_python(tiny: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = tmp_path / FILE
    add = Journal.add

    def stop_at_the_third(journal: Journal, seed: int, rollouts: Sequence[Rollout]) -> None:
        add(journal, seed, rollouts)
        if seed == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", stop_at_the_third)
        with pytest.raises(EvaluationStopped) as stopped:
            evaluate(["least_loaded"], scenario=tiny, seeds=5, keep=keep)
    assert stopped.value.results is not None
    assert (stopped.value.results.seeds, stopped.value.seeds) == ((0, 1, 2), 5)
    again = evaluate(["least_loaded"], scenario=tiny, seeds=5, keep=keep)
    assert again.episodes() == evaluate(["least_loaded"], scenario=tiny, seeds=5).episodes()


def test_a_journal_of_something_else_or_cut_is_not_believed(tiny: Scenario, tmp_path: Path) -> None:
    keep = tmp_path / FILE
    expected = evaluate(["random"], scenario=tiny, seeds=3).episodes()
    evaluate(["least_loaded"], scenario=tiny, seeds=3, keep=keep)
    assert evaluate(["random"], scenario=tiny, seeds=3, keep=keep).episodes() == expected
    whole = keep.read_text()
    for content in (whole[:-40], whole.splitlines()[0], "", "garbage\n"):
        keep.write_text(content)
        assert evaluate(["random"], scenario=tiny, seeds=3, keep=keep).episodes() == expected
        assert keep.read_text() == whole


def test_processes_that_are_always_killed_are_given_up(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(TrainingError, match="4 times a worker process was killed, perhaps for want of memory"):
        list(run_in_processes(killed, None, [0, 1], 2))
    assert capsys.readouterr().err.count("its seeds are played again") == 3
