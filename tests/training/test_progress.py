"""What the progress bar of an episode shows, and where."""

import io

from rich.console import Console

from agentsim_env import Simulator
from tests.small import small
from training.progress import EpisodeProgress


def drawn(terminal: bool) -> str:
    simulator = Simulator(small("equal"))
    simulator.reset(0)
    simulator.state.world["slice_events"] = 50
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with EpisodeProgress(simulator, console) as progress:
        simulator.run(progress)
        progress()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_sees_how_many_programs_have_ended() -> None:
    text = drawn(terminal=True)
    assert "12/12" in text
    assert "simulated time" in text


def test_a_file_sees_nothing() -> None:
    assert drawn(terminal=False).strip() == ""
