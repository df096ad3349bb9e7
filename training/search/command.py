"""`agentsim search-rules`: from a scenario to the best combination of rules that a budget of episodes finds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agentsim_env import Simulator
from agentsim_env.load import with_rate
from agentsim_env.scenario.errors import suggestion
from agentsim_env.training import environments
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.lock import locked
from agentsim_env.training.search.episodes import Episodes
from agentsim_env.training.search.halving import Found, Search, Standing
from agentsim_env.training.search.proposals import open_kinds
from agentsim_env.training.search.report import BUNDLE, Row, percent, save, table
from agentsim_env.training.splits import TEST

FILE = "episodes.jsonl"
"""Name of the file with the episodes that were played."""


def search_rules(
    scenario: Any = None,
    overrides: Sequence[str] = (),
    trace: Path | None = None,
    *,
    kinds: Sequence[str] = (),
    budget: int = 2000,
    seed: int = 0,
    seeds: int = 20,
    jobs: int = 1,
    out: Path,
    console: Console | None = None,
) -> tuple[Found, list[Row]]:
    """Searches, plays what was found on held-out seeds, and writes it all.

    Args:
        scenario: Name, path or scenario; None for the default.
        overrides: `path=value` strings laid over the scenario.
        trace: Trace whose programs take the place of the scenario's.
        kinds: Kinds that may be answered otherwise than in stock rules; none: all that have more than one answer.
        budget: Episodes of the search.
        seed: Of what is drawn.
        seeds: Held-out seeds of the table.
        jobs: Processes.
        out: Folder for the results. The same search there goes on where it was stopped.
        console: Where to say how far it is; None for nowhere.

    Raises:
        TrainingError: There is no such kind, it has one answer only, or the budget is too small.
    """
    # Stock rules would have another capacity: a load stands for the rate that it has under the scenario's own.
    loaded = with_rate(environments.load(scenario, overrides, trace))
    chosen = _chosen(kinds, open_kinds(Simulator(loaded)))
    held_out = TEST.first(seeds)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        episodes = Episodes(loaded, jobs, out / FILE)
        if console is not None and len(episodes):
            console.print(f"{len(episodes):,} episodes are there already", highlight=False)
        try:
            found = Search(episodes, chosen, budget, seed, _teller(console, budget)).run()
            rows = table(found, loaded, episodes, held_out)
        finally:
            episodes.close()
    save(out, loaded, found, rows, held_out)
    return found, rows


def _chosen(kinds: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in there:
            raise TrainingError(f"no choice in this scenario for kind {kind!r}{suggestion(kind, there)}")
    return tuple(kind for kind in there if not kinds or kind in kinds)


def _teller(console: Console | None, budget: int) -> Any:
    def tell(spent: int, best: Standing) -> None:
        if console is not None:
            found = f"{best.cost_s:.1f} s on {best.episodes} seeds: {best.combination.describe()}"
            console.print(
                f"{spent:,} of {budget:,} episodes; best {found}", markup=False, highlight=False, soft_wrap=True
            )

    return tell


def print_rows(rows: Sequence[Row], out: Path, console: Console) -> None:
    """Prints the table of held-out seeds."""
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("rules")
    for heading in ("cost (s)", "against stock", "mean JCT (s)", "not served"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        name, served = row.name.strip("*"), f"{100 * row.unserved_share:.1f} %"
        shown.add_row(name, f"{row.cost_s:.1f}", percent(row).replace("[", r"\["), f"{row.jct_s:.1f}", served)
    console.print(shown)
    console.print(f"Found: {rows[-1].combination.describe()}", markup=False, highlight=False, soft_wrap=True)
    bundle = out / BUNDLE
    console.print(f"Written to {out}; use it with --bundle {bundle}", markup=False, highlight=False, soft_wrap=True)
