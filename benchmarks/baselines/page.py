"""The page docs/baselines.md."""

import json
from pathlib import Path

from agentsim_env import load_scenario
from agentsim_env.prose import wrapped
from agentsim_env.scenario.bundle import STOCK, find_bundle
from benchmarks.baselines.results import Results
from benchmarks.baselines.tables import COLUMNS, NEVER, table
from benchmarks.baselines.texts import findings

_INTRODUCTION = """\
# Baselines

<!-- Written by `python -m benchmarks.baselines`. Change that, not this page. -->

{n_policies} policies on {n_scenarios} scenarios, {n_seeds} seeds each, the same programs for every policy.

```sh
python -m benchmarks.baselines            # some minutes on two cores; goes on where it stopped
agentsim simulate --scenario {example} --bundle thunderagent
```

The reference is `{stock}`: least recently used, first come first served, session affinity. A policy in bold is a
[bundle](scenario.md#bundles), the rules of a published system; any other is stock with one rule replaced. Rules named
`oracle_*` see the future.

![Mean JCT of each policy on each scenario over that of stock]({picture})

## What one can read off
"""

_TABLES = """\
## Scenario by scenario

Means over the seeds. Changes are against stock, with 95 % bootstrap intervals of paired differences. *Over bound* is
mean JCT over the mean [ideal JCT](metrics.md#ideal-jct), which no policy can undercut: no contention, unlimited HBM.
*Wasted KV* is what blocks were held for [without being used again](metrics.md#kv-token-seconds). {never}: a rule of the
policy never did what it is for, in any episode ([mechanisms](metrics.md#mechanisms)).
"""


def write_page(results: Results, page: Path, picture: str) -> None:
    """Writes the page; `picture` is the heat map's path from it."""
    parts = [
        _INTRODUCTION.format(
            n_policies=len(results.policies),
            n_scenarios=len(results.scenarios),
            n_seeds=len(results.seeds),
            example=results.scenarios[0],
            stock=STOCK,
            picture=picture,
        ),
        "\n\n".join(findings(results)) + "\n",
        _TABLES.format(never=NEVER),
    ]
    for scenario in results.scenarios:
        loaded = load_scenario(scenario)
        text = f"{' '.join(loaded.description.split())} {' '.join(loaded.knee.split())}"
        parts.append(f"### {scenario}\n\n{text}\n\n{table(results, scenario)}\n")
    names = [policy.name for policy in results.policies if policy.kind == "bundle"]
    parts.append("## Bundles\n")
    parts.append("\n".join(f"* **{name}**: {' '.join(find_bundle(name).description.split())}" for name in names) + "\n")
    page.write_text(wrapped("\n".join(parts)), encoding="utf-8")


def write_numbers(results: Results, path: Path) -> None:
    """The means of the tables and the changes with their intervals, as JSON."""
    content = {
        scenario: {
            policy.name: {
                **{column.metric: results.mean(scenario, policy.name, column.metric) for column in COLUMNS},
                "change": results.change(scenario, policy.name),
                "idle": results.idle(scenario, policy.name),
            }
            for policy in results.policies
        }
        for scenario in results.scenarios
    }
    path.write_text(json.dumps({"seeds": results.seeds, "scenarios": content}, indent=1) + "\n", encoding="utf-8")
