"""What the docstrings of the environments have in common, written once; docs/environments.md is made of them."""

import re
import textwrap
from collections.abc import Callable
from math import isnan
from typing import TypeVar

from agentsim_env.envs.decision_env import DecisionEnv
from agentsim_env.envs.feature import Feature, FeatureTable

Environment = TypeVar("Environment", bound=DecisionEnv)

SHARED: dict[str, str] = {
    "forbidden": """\
`action_masks()` and `info["action_mask"]` say which are allowed. A forbidden action is answered by the scenario's own
rule and counted in `info["refused_actions"]`; one outside the space raises `ActionError`.""",
    "reward": """\
By default minus the integral, since the last decision, of the number of programs that are held, wait for or are
served by the cluster, in `reward.unit_s` of the scenario. A program that fails or is rejected is charged
`reward.reject_penalty_s` once. This does not depend on how long an episode is: the return is exactly minus the mean
(JCT - gap time + charges) in that unit, times the counted programs (Little's law; Park, NeurIPS 2019, has the same
reward for its load balancer). With `reward.count_gaps` gap time counts too. Other terms: `envs/rewards.py`.

With `reward_scale=x` the factor is `x` instead of the number of counted programs, and the return with 1 is minus the
mean itself. At the end `-return / info["reward_scale"] * reward.unit_s` is `info["mean_cost_s"]`, if all programs have
ended.""",
    "discount": """\
Time between decisions varies, the discount is per decision: use a gamma near 1, or discount by simulated time
(`discount_s` of `agentsim train`, see docs/training.md).""",
    "seed": """\
`reset(seed=k)` plays workload number `k` of the split, always the same one, and `reset()` draws one of it; it does not
depend on the actions. `split="train"` are the workload seeds from 1,000,000, `"validation"` those from 500,000 and
`"test"` those from 0, the ones that `agentsim evaluate` plays; of a trace they have the first three fifths, the next
fifth and the last. So nothing that is seeded as one likes is trained on test workloads. With `split=None` `k` is the
workload seed itself, and a trace is there whole.""",
    "end": """\
1. Termination: all programs have ended.
2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment.

At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`: `mean_jct_s`, `p95_jct_s`,
`mean_ttft_s`, `hit_rate` and others.""",
    "arguments": """\
| Parameter | Type | Default | Description |
|---|---|---|---|
| `scenario` | str, path, mapping or Scenario | `"DEFAULT_SCENARIO"` | what is simulated |
| `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
| `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |
| `reward_scale` | float or None | `None` | what rewards are multiplied by; None: the counted programs |
| `split` | `"train"`, `"validation"`, `"test"` or None | `"train"` | where workloads are from; None: from all |""",
    "versions": """\
* v1: rewards do not depend on the length of an episode (`reward_scale`), workloads are of the training split (`split`)
* v0: first version; still there, and the same as v1 with `reward_scale=1.0, split=None`""",
    "options": """\
`reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to run
instead of the drawn one.""",
}
"""By name: what stands in the place of a line `{name}`."""


def documented(
    features: FeatureTable, hints: FeatureTable | None = None
) -> Callable[[type[Environment]], type[Environment]]:
    """Completes the docstring of a class of environments, where `help` and docs/environments.md find it.

    Args:
        features: What the line `{features}` stands for: how they are squashed, and a table of them.
        hints: What the line `{hints}` stands for: when they are there, and a table of them.

    Returns:
        A decorator that puts this and the texts of `SHARED` in the place of the lines that name them.

    Raises:
        KeyError: A line names nothing that is there; of the decorator.
    """

    def complete(environment: type[Environment]) -> type[Environment]:
        texts = {**SHARED, "features": f"{SQUASHED}\n\n{_table(features)}\n\n{ADVISED}"}
        if hints is not None:
            texts["hints"] = f"{HINTED}\n\n{_table(hints, len(features))}"
        texts["arguments"] = texts["arguments"].replace("DEFAULT_SCENARIO", environment.default_scenario)
        if environment.__doc__ is not None:  # None under `python -OO`
            environment.__doc__ = re.sub(
                r"^( *)\{(\w+)\}$",
                lambda line: textwrap.indent(texts[line[2]], line[1]),
                environment.__doc__,
                flags=re.MULTILINE,
            )
        return environment

    return complete


SQUASHED = """\
A feature with a scale is an amount without a bound, squashed as `x / (x + scale)`, or as `x / (|x| + scale)` where it
can be negative: at the scale it is 1/2."""


ADVISED = """\
With `decisions.advice` of the scenario one more column, `advised`, stands behind all others: 1 in the row of the answer
that the scenario's own rule would give, else 0. Who gives that answer has exactly the rule's (docs/semantics.md)."""


HINTED = """\
In scenarios whose programs say when they call next (agents of a world, docs/workloads.md) further columns stand behind
these. They show what has been said, which can be wrong, late or missing; what is unknown is 0."""


def _table(features: FeatureTable, first: int = 0) -> str:
    """Features as a table in Markdown, their columns counted from `first`."""
    rows = [_row(column, feature) for column, feature in enumerate(features, first)]
    return "\n".join(["| Num | Feature | Meaning | Scale | Min | Max |", "|---|---|---|---|---|---|", *rows])


def _row(column: int, feature: Feature) -> str:
    scale = "" if isnan(feature.scale) else f"{feature.scale:,g} {feature.unit}".strip()
    return f"| {column} | {feature.name} | {feature.meaning} | {scale} | {feature.low:g} | {feature.high:g} |"
