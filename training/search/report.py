"""What a search leaves: the combination as a bundle, and a table on held-out seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agentsim_env import Scenario
from agentsim_env.files import write_text
from agentsim_env.prose import wrapped
from agentsim_env.training.files import write_json, write_yaml
from agentsim_env.training.manifest import command, describe_machine
from agentsim_env.training.search.combination import Combination, of_rules
from agentsim_env.training.search.episodes import Episodes, Played
from agentsim_env.training.search.halving import RUNGS, Found, Standing
from agentsim_env.training.statistics import Interval, bootstrap, change

BUNDLE = "rules.yaml"
"""Name of the file with the combination that was found."""


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: What it is.
        combination: Its rules.
        training_cost_s: Mean cost on the training seeds that it has played; None if it has played none.
        cost_s: Mean cost on the held-out seeds.
        change: The same against stock rules, paired by seed.
        jct_s: Mean JCT there.
        unserved_share: Programs that failed or were rejected there.
    """

    name: str
    combination: Combination
    training_cost_s: float | None
    cost_s: float
    change: Interval
    jct_s: float
    unserved_share: float


def table(found: Found, scenario: Scenario, episodes: Episodes, seeds: Sequence[int]) -> list[Row]:
    """Plays what was found beside stock rules, the scenario's, and the best by themselves, on held-out seeds."""
    lines: list[tuple[str, Combination, Standing | None]] = [("stock", Combination(), None)]
    own = of_rules(scenario.rules)
    if own != Combination():
        lines.append(("the scenario's own", own, None))
    lines += [(f"best {kind}", one.combination, one) for kind, one in found.single.items()]
    if found.bundle is not None:
        lines.append(("best bundle", found.bundle.combination, found.bundle))
    lines.append(("**found**", found.best.combination, found.best))
    episodes.play([(combination, seed) for _, combination, _ in lines for seed in seeds])
    stock = _costs(_played(episodes, Combination(), seeds))
    return [_row(name, one, standing, _played(episodes, one, seeds), stock) for name, one, standing in lines]


def _played(episodes: Episodes, combination: Combination, seeds: Sequence[int]) -> list[Played]:
    played = [episodes.played(combination, seed) for seed in seeds]
    return [one for one in played if one is not None]


def _costs(played: Sequence[Played]) -> np.ndarray:
    return np.array([one.cost_s for one in played])


def _row(
    name: str, combination: Combination, standing: Standing | None, played: Sequence[Played], stock: np.ndarray
) -> Row:
    costs = _costs(played)
    return Row(
        name=name,
        combination=combination,
        training_cost_s=None if standing is None else standing.cost_s,
        cost_s=float(costs.mean()),
        change=bootstrap(change, costs, stock) if np.isfinite(costs).all() else Interval(np.nan, np.nan, np.nan),
        jct_s=float(np.mean([one.jct_s for one in played])),
        unserved_share=float(np.mean([one.unserved_share for one in played])),
    )


def save(folder: Path, scenario: Scenario, found: Found, rows: Sequence[Row], seeds: Sequence[int]) -> None:
    """Writes the bundle, the table and the numbers."""
    best = found.best
    about = (
        f"Found by agentsim search-rules for {scenario.name}, in {found.episodes:,} episodes: mean cost"
        f" {best.cost_s:.1f} s on {best.episodes} training seeds."
    )
    write_yaml(folder / BUNDLE, {"description": about, "rules": best.combination.as_data()})
    write_text(folder / "results.md", markdown(scenario, found, rows, seeds))
    numbers = [
        {"name": row.name, "rules": row.combination.as_data(), "cost_s": row.cost_s, "change": list(row.change)}
        | {"mean_jct_s": row.jct_s, "unserved_share": row.unserved_share, "training_cost_s": row.training_cost_s}
        for row in rows
    ]
    content = {"scenario": scenario.name, "scenario_hash": scenario.content_hash(), "episodes": found.episodes}
    about_run = {"command": command(), "machine": describe_machine()}
    write_json(folder / "results.json", content | {"seeds": list(seeds), "rows": numbers} | about_run)


def markdown(scenario: Scenario, found: Found, rows: Sequence[Row], seeds: Sequence[int]) -> str:
    """The table as a page."""
    lines = [
        f"# Rules for {scenario.name}",
        "",
        f"Searched in {found.episodes:,} episodes on training seeds, {RUNGS[-1]} at most for a combination. The figures"
        f" are of {len(seeds)} held-out seeds, the same programs for all; brackets: 95 % bootstrap intervals of paired"
        " differences. The cost is the time that programs wait and are served, and the charges for those that are not"
        " served. A kind that is not named is answered as in stock rules. Use it by `--bundle` and the path of"
        f" `{BUNDLE}`.",
        "",
        "| rules | cost (s) | against stock | mean JCT (s) | not served | cost in training (s) | which |",
        "|---|---:|---:|---:|---:|---:|---|",
        *(_line(row) for row in rows),
    ]
    return wrapped("\n".join(lines)) + "\n"


def _line(row: Row) -> str:
    trained = "" if row.training_cost_s is None else f"{row.training_cost_s:.1f}"
    served = f"{100 * row.unserved_share:.1f} %"
    cells = [row.name, f"{row.cost_s:.1f}", percent(row), f"{row.jct_s:.1f}", served, trained]
    return f"| {' | '.join(cells)} | `{row.combination.describe()}` |"


def percent(row: Row) -> str:
    """The change against stock rules with its interval."""
    if row.combination == Combination():
        return ""
    estimate, low, high = row.change
    interval = "" if np.isnan(low) else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{100 * estimate:+.1f} %{interval}"
