"""Where the programs of a scenario come from of which something is drawn for each episode."""

from collections.abc import Callable

from agentsim_env.assembly.source import Load, WorkloadSource
from agentsim_env.assembly.unserved import Unserved
from agentsim_env.scenario.draws import Drawing, Drawn
from agentsim_env.scenario.kept import Kept
from agentsim_env.workload import Programs
from agentsim_env.workload.streams import checked_seed


class DrawnSource:
    """Draws the episodes of such a scenario: for each its scenario first, and then the programs of that.

    Args:
        drawing: Draws the scenarios.
        prepare: Prepares the workload of one that was drawn.
        notes: What has to be known of all of them.

    Attributes:
        load: None: it differs from episode to episode, as do the next two.
        rate_per_s: None.
        unserved: None.
    """

    load: Load | None = None
    rate_per_s: float | None = None
    unserved: Unserved | None = None

    def __init__(
        self, drawing: Drawing, prepare: Callable[[Drawn], WorkloadSource], notes: list[str] | None = None
    ) -> None:
        self.drawing = drawing
        self._prepare, self._notes = prepare, notes or []
        self._kept: Kept[WorkloadSource] = Kept()

    def of(self, seed: int) -> WorkloadSource:
        """The source of the episode of a seed."""
        drawn = self.drawing.of(checked_seed(seed))
        return self._kept.get(drawn.key, lambda: self._prepare(drawn))

    def draw(self, seed: int, window: tuple[float, float] | None = None) -> Programs:
        """The workload of an episode; see `WorkloadSource.draw`."""
        return self.of(seed).draw(seed, window)

    def notes(self) -> list[str]:
        """What has to be known of it."""
        return self._notes


Source = WorkloadSource | DrawnSource
"""What draws the workloads of a scenario, whether something of it is drawn or not."""
