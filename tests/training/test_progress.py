"""What the progress bar of an episode shows, and where."""

import io

from rich.console import Console

from agentsim_env import Simulator
from agentsim_env.training.progress import EpisodeProgress, TrainingProgress
from agentsim_env.training.validation import Validation
from tests.small import small


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


def test_a_training_fits_into_a_terminal_of_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80)
    with TrainingProgress(800_000, 0, "least_loaded", 51.0, console) as progress:
        progress.advance(800_000)
        progress.show(Validation(0.0, {"mean_cost_s": 30.46}))
    assert isinstance(console.file, io.StringIO)
    line = console.file.getvalue().splitlines()[-1]
    assert "800000/800000" in line
    assert "cost: 30.5 s (-40.3 %), least_loaded 51.0 s" in line
