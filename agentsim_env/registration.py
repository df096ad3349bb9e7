"""The ids of the environments in Gymnasium's registry."""

import re
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.envs.registration import WrapperSpec, registry

ENVIRONMENTS: dict[str, str] = {
    "AgentSim/Routing-v1": "agentsim_env.envs.routing:RoutingEnv",
    "AgentSim/Admission-v1": "agentsim_env.envs.admission:AdmissionEnv",
    "AgentSim/Scheduling-v1": "agentsim_env.envs.scheduling:SchedulingEnv",
    "AgentSim/Retention-v1": "agentsim_env.envs.retention:RetentionEnv",
    "AgentSim/Eviction-v1": "agentsim_env.envs.eviction:EvictionEnv",
    "AgentSim/Prefetch-v1": "agentsim_env.envs.prefetch:PrefetchEnv",
    "AgentSim/PrefillBudget-v1": "agentsim_env.envs.prefill_budget:PrefillBudgetEnv",
    "AgentSim/Joint-v1": "agentsim_env.envs.joint:JointEnv",
}
"""Id and entry point of every environment."""


def name_of(identifier: str) -> str:
    """Name of an environment on the command line and of its files.

    >>> name_of("AgentSim/PrefillBudget-v1")
    'prefill_budget'
    """
    words = identifier.removeprefix("AgentSim/").partition("-v")[0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", words).lower()


OUTERMOST = WrapperSpec("Outermost", "agentsim_env.envs.outermost:Outermost", {})
"""What `gymnasium.make` puts around each."""


AS_V0: dict[str, Any] = {"reward_scale": 1.0, "split": None}
"""Arguments with which an environment of version 1 is what it was in version 0."""


def previous(identifier: str) -> str:
    """Id of version 0 of an environment."""
    return identifier.replace("-v1", "-v0")


class _OfOne(tuple[WrapperSpec, ...]):
    """Wrappers of single environments, which `gymnasium.make` goes through.

    `gymnasium.make_vec` asks how many there are, and refuses to make a vector environment of its own where there are
    any; a batch needs none.
    """

    def __len__(self) -> int:
        return 0


def _vector_entry_point(entry_point: str) -> str:
    """Of the vector environment of an environment."""
    return f"agentsim_env.envs.batch.vectors:{entry_point.partition(':')[2]}"


def register_environments() -> None:
    """Register every environment, once, and its version 0 beside it.

    They say themselves that a step needs an episode, and the tests run Gymnasium's checker on each: in the place of the
    wrappers that do so in every step stands one that hides nothing.
    """
    for identifier, entry_point in ENVIRONMENTS.items():
        _register(identifier, entry_point, {})
        _register(previous(identifier), entry_point, AS_V0)


def _register(identifier: str, entry_point: str, arguments: dict[str, Any]) -> None:
    if identifier not in registry:
        gymnasium.register(
            identifier,
            entry_point,
            order_enforce=False,
            disable_env_checker=True,
            additional_wrappers=_OfOne([OUTERMOST]),
            vector_entry_point=_vector_entry_point(entry_point),
            kwargs=dict(arguments),
        )


RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
"""Where `benchmarks.learning` leaves what was learned in each environment."""


def page(results: Path = RESULTS) -> str:
    """The documentation page of the environments, from their docstrings and from what was learned in them."""
    import inspect
    from importlib import import_module

    parts = ["# Environments", INTRODUCTION]
    for identifier, entry_point in ENVIRONMENTS.items():
        module, _, name = entry_point.partition(":")
        text = inspect.getdoc(getattr(import_module(module), name)) or ""
        parts += [f"# {identifier}", text]
        learned = results / f"{name_of(identifier)}.md"
        if learned.exists():
            parts += ["## Learned", learned.read_text(encoding="utf-8").strip()]
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
Written by `python -m agentsim_env.registration` from the docstrings of the classes; the tables of what was learned by
`python -m benchmarks.learning`.

An environment puts one kind of decision to the agent; the rules of its scenario answer all others. `Joint-v1` puts
several kinds in turn, and `agentsim_env.envs.multi_agent.env` is its PettingZoo form, with an agent for each kind or
instance.

## In every environment

`import agentsim_env` registers the ids. In worker processes that start anew (`spawn`, `forkserver`) and do not import
it, write the module in front: `gymnasium.make("agentsim_env:AgentSim/Routing-v1")`. This works everywhere; Gymnasium
1.0 no longer looks for the environments of installed packages by itself.

An observation folds into rows, one per answer: `observation.reshape(env.candidate_shape)`, with the columns
`env.feature_names`. What `gymnasium.make` returns has these attributes, `env.action_masks()` and `env.snapshot()`.
Further wrappers hide them, so with those, and in a vector, write:

```python
env.get_wrapper_attr("action_masks")()          # bool [actions]; also info["action_mask"], int8
env.get_wrapper_attr("candidate_shape")         # (actions, features)
env.get_wrapper_attr("feature_names")
vec_env.env_method("action_masks")              # Stable-Baselines3; what sb3_contrib's MaskablePPO calls
agentsim_env.agents.candidates_of(env)          # shape and names, for networks that treat rows alike
```

Actions are whole numbers of Python or NumPy, also as arrays without a dimension. An array with one element, `1.7` and
`"1"` are an `ActionError`.

Every `info` has `time_s`, the simulated time, and `elapsed_s`, the simulated time since the decision before (0 after
`reset`). Decisions are not equally far apart: to discount by time, weigh what comes later by
`exp(-elapsed_s / discount_s)`, as `agentsim train` does where `discount_s` is set.

Where the scenario [draws](scenario.md#scenarios-that-are-drawn) something for each episode, `info["drawn"]` says after
`reset` and at the end what it was. Spaces are those of the largest cluster then; a smaller one fills the first rows.

The last `info` of an episode, whether it is terminated or truncated by `episode.time_limit_s` or `max_episode_steps`,
has the figures of `agentsim_env.envs.episode.episode_metrics` too: those of `Simulator.summary()`, by the same names;
`env.figures()` has them at any time. A figure without a sample is absent, so a `Monitor` is best given counts as its
`info_keywords`. Latencies are of what was served, and an agent that rejects programs improves them; `unserved_share`
and `mean_cost_s` say what that costs.

`env.snapshot()` is the state of the episode at one moment, and `env.restore(snapshot)` goes back to it, any number of
times, in this environment or another one of the same arguments; it returns observation and info. Snapshots can be
pickled. From there the same actions lead to the same bits. Restore the environment, not its `simulator`.

`env.spec.to_json()` holds the scenario whole, and `gymnasium.make(EnvSpec.from_json(text))` makes the same
environment."""


if __name__ == "__main__":
    print(page(), end="")
