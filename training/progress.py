"""The progress bars of a training and of an episode."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from agentsim_env import Simulator
from agentsim_env.assembly.stuck import programs_left
from agentsim_env.training.validation import Validation


class _Bar:
    """A bar that is drawn as long as a block lasts."""

    _bar: Progress

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class TrainingProgress(_Bar):
    """Shows decisions made, the time left, and how the last validation compares with the scenario's rule.

    At the end the time that it took stands in the place of the time left.

    Args:
        steps: Decisions in all.
        done: Decisions made before.
        rule: Name of the rule to compare with.
        rule_cost_s: Its mean cost on the validation episodes, in seconds; see docs/metrics.md.
        console: Where to draw; None draws nothing.
    """

    def __init__(self, steps: int, done: int, rule: str, rule_cost_s: float, console: Console | None) -> None:
        self._reference = f"{rule} {rule_cost_s:.1f} s"
        self._rule_cost_s = rule_cost_s
        whole = Column(no_wrap=True)  # where there is little room the bar alone gets shorter
        self._bar = Progress(
            TextColumn("[bold]train[/]"),
            BarColumn(),
            MofNCompleteColumn(table_column=whole),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True, table_column=whole),
            TextColumn("{task.description}"),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task(f"cost: {self._reference}", total=steps, completed=done)

    def advance(self, decisions: int) -> None:
        """Shows how far the training is."""
        self._bar.update(self._task, completed=decisions)

    def show(self, validation: Validation) -> None:
        """Shows a validation."""
        cost_s = validation.metrics["mean_cost_s"]
        change = 100.0 * (cost_s / self._rule_cost_s - 1.0)
        self._bar.update(self._task, description=f"cost: {cost_s:.1f} s ({change:+.1f} %), {self._reference}")


class EpisodeProgress(_Bar):
    """Shows how many programs of an episode have ended, while `Simulator.run` calls it between two slices of time.

    Args:
        simulator: After its `reset`.
        console: Where to draw; nothing is drawn where that is no terminal, and nothing of it stays.
    """

    def __init__(self, simulator: Simulator, console: Console) -> None:
        self._simulator = simulator
        self._bar = Progress(
            TextColumn("[bold]simulate[/]"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("programs"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=len(simulator.programs.program))

    def __call__(self) -> None:
        """Shows how far the episode is."""
        ended = len(self._simulator.programs.program) - programs_left(self._simulator.state)
        self._bar.update(self._task, completed=ended, description=f"simulated time {self._simulator.now:,.0f} s")
