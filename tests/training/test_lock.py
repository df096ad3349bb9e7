import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentsim_env.training.config import create_run, extend
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.lock import locked
from agentsim_env.training.train import run

HOLD = """
import sys, time
from pathlib import Path
from agentsim_env.training.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path], subprocess.Popen]]:
    """Starts another process that holds a folder."""
    started: list[subprocess.Popen] = []

    def start(folder: Path) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_run_is_of_one_process_and_the_message_says_of_which(
    new_run: Callable[..., Path], hold: Callable[[Path], subprocess.Popen]
) -> None:
    folder = new_run()
    holder = hold(folder)
    who = rf"in use by process {holder.pid} on {os.uname().nodename} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    with pytest.raises(TrainingError, match=who):
        run(folder)
    with pytest.raises(TrainingError, match=who):
        extend(folder, 512)


def test_a_folder_in_which_a_run_is_being_made(
    tiny: object, tmp_path: Path, hold: Callable[[Path], subprocess.Popen]
) -> None:
    hold(tmp_path)
    with pytest.raises(TrainingError, match="in use by process"):
        create_run(scenario=tiny, out=tmp_path)
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_process(tmp_path: Path, hold: Callable[[Path], subprocess.Popen], number: int) -> None:
    holder = hold(tmp_path)
    holder.send_signal(number)
    holder.wait()
    with locked(tmp_path):
        pass


def test_it_leaves_nothing_behind_and_can_be_asked_for_again(tmp_path: Path) -> None:
    with locked(tmp_path):
        with locked(tmp_path):
            assert [path.name for path in tmp_path.iterdir()] == [".lock"]
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert not list(tmp_path.iterdir())
    with locked(tmp_path):
        pass
