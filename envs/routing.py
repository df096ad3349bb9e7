"""AgentSim/Routing-v0: which instance takes the next turn."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from agentsim_env.engine.decisions import ENDED, STUCK, TRUNCATED
from agentsim_env.engine.entry import Core
from agentsim_env.engine.jit import COMPILED, compiled, entry
from agentsim_env.engine.loop import advance
from agentsim_env.engine.pointer import bind
from agentsim_env.engine.router import asked_rule
from agentsim_env.engine.state import NONE
from agentsim_env.scenario import Scenario, load_scenario
from agentsim_env.simulator import SimulationError, Simulator, stuck_message
from agentsim_env.workload import Programs
from envs import rewards
from envs.episode import episode_metrics
from envs.rendering import ansi, rgb_array
from envs.routing_features import FEATURES, observe

LEAST_DRAWN_SEED = 1 << 20
"""Workload seeds that the environment draws itself start here, so that small seeds stay free for evaluation."""


class RoutingEnv(gymnasium.Env[np.ndarray, np.integer]):
    """Which instance takes the next turn.

    ## Description

    Programs (LLM agents) arrive at a cluster of serving instances. Each time one of their turns is ready, the router
    sends it to an instance. An instance that served the program's earlier turns may still hold their KV cache, and
    then computes only what is new; but it may also be the busiest. The simulation runs on until the next turn is to
    be routed and more than one instance can take it.

    ## Observation Space

    A flat `Box(-1, 1, (instances * features,), float32)`; `candidate_shape` is `(instances, features)`, one row an
    instance. Tokens, turns and times are squashed as `x / (x + scale)`; differences to the best instance as `x / (|x|
    + scale)`.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the instance can take the turn | 0 | 1 |
    | 1 | is_home | it served the program's last turn | 0 | 1 |
    | 2 | hit_share | share of the prompt that its KV cache holds | 0 | 1 |
    | 3 | uncached_tokens | prompt tokens that it would have to compute (4,000) | 0 | 1 |
    | 4 | prefill_s | time to compute them alone (0.3 s) | 0 | 1 |
    | 5 | waiting | turns in its queue (4) | 0 | 1 |
    | 6 | running | turns in its batch (16) | 0 | 1 |
    | 7 | pending_tokens | prefill tokens that its turns still need, as expected (8,000) | 0 | 1 |
    | 8 | pending_s | time to compute them (0.6 s) | 0 | 1 |
    | 9 | context_tokens | context of its waiting and running turns (400,000) | 0 | 1 |
    | 10 | locked_share | share of its KV blocks that are in use | 0 | 1 |
    | 11 | cached_share | share of its KV blocks that hold idle cache | 0 | 1 |
    | 12 | decode_step_s | time of a decode iteration with this turn in the batch (0.02 s) | 0 | 1 |
    | 13 | first_token_s | pending_s + prefill_s (0.6 s) | 0 | 1 |
    | 14 | first_token_rank | the same above the best allowed instance (0.3 s) | -1 | 1 |
    | 15 | turns_rank | waiting + running above the least loaded allowed instance (4) | -1 | 1 |
    | 16 | prompt_tokens | prompt of the turn (30,000) | 0 | 1 |
    | 17 | new_tokens | its tokens that no earlier turn brought (2,000) | 0 | 1 |
    | 18 | turns_done | number of the turn in its program (10) | 0 | 1 |
    | 19 | age_s | time since the program arrived (60 s) | 0 | 1 |
    | 20 | has_home | the program had a turn before | 0 | 1 |
    | 21 | cluster_turns | waiting and running turns per instance (16) | 0 | 1 |
    | 22 | cluster_locked_share | mean locked_share | 0 | 1 |

    With `cluster.view_delay_s` above 0, instance metrics are as old as that, and hits are what the router remembers
    having sent.

    ## Action Space

    `Discrete(instances)`: the instance. `action_masks()` and `info["action_mask"]` say which are allowed. A forbidden
    action is answered by the scenario's own rule and counted in `info["refused_actions"]`; one outside the space
    raises `ValueError`.

    | Num | Action |
    |---|---|
    | i | send the turn to instance i |

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that wait for or are served by
    the cluster, over (`reward.unit_s` x counted programs). The return of an episode is exactly minus the mean (JCT -
    gap time) in that unit (Little's law; Park, NeurIPS 2019, has the same reward for its load balancer); with
    `reward.count_gaps` minus the mean JCT. Programs that fail are charged `reward.reject_penalty_s`. Other terms:
    `envs/rewards.py`. Time between decisions varies, the discount is per decision: use a gamma near 1.

    ## Starting State

    The first counted program's first turn is to be routed; `episode.warmup_programs` programs before it are served by
    the scenario's rules. `reset(seed=s)` draws the workload of seed `s`; without a seed the environment draws a seed
    of at least 2^20. The workload does not depend on the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed.

    At the end `info` has the flat figures of `envs.episode.episode_metrics`: `mean_jct_s`, `p95_jct_s`,
    `mean_ttft_s`, `hit_rate` and others.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Routing-v0", scenario="coding_agents", overrides=["workload.arrivals.load=0.8"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path or Scenario | `"coding_agents"` | what is simulated |
    | `overrides` | sequence of `path=value` | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## Version History

    * v0: first version
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        overrides: Sequence[str] = (),
        render_mode: str | None = None,
    ) -> None:
        """See the class."""
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r}: allowed are {self.metadata['render_modes']} and None")
        self.render_mode = render_mode
        if not isinstance(scenario, Scenario) or overrides:
            scenario = load_scenario(scenario, overrides)
        self.scenario = scenario
        self.simulator = Simulator(scenario, agent_kinds=("route_turn",))
        n = len(self.simulator.engines)
        self.feature_names: tuple[str, ...] = FEATURES
        self.candidate_shape: tuple[int, int] = (n, len(FEATURES))
        self.observation_space = spaces.Box(-1.0, 1.0, (n * len(FEATURES),), np.float32)
        self.action_space = spaces.Discrete(n)
        self._n = n
        self._price_per_s = sum(engine.price_per_hour for engine in self.simulator.engines) / 3600.0
        self._books = rewards.open_books(scenario.reward)
        self._rows = np.zeros(self.candidate_shape, np.float32)
        self._over = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; see "Starting State" and "Arguments"."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(LEAST_DRAWN_SEED, 1 << 31))
        self.simulator.reset(seed, _programs(self.simulator, seed, options or {}))
        core = self.simulator.core
        warmup = self.scenario.episode.warmup_programs
        rewards.begin(self._books, self.scenario.reward, self.simulator.programs, warmup, self._price_per_s)
        self._core = core
        asked, _ = _begin(core, self._books, self._rows)
        self._books["paid"] = 0.0  # what led up to the first decision is charged with it
        self._over = asked < 0
        if self._over:
            raise SimulationError(
                "the episode has no decision: at no time could more than one instance take a counted turn"
                if asked != STUCK
                else stuck_message(core.state)
            )
        return self._rows.flatten(), {"action_mask": core.state.allowed.view(np.int8).copy()}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Send the turn to instance `action` and run until the next turn is to be routed."""
        chosen = int(action)
        if not 0 <= chosen < self._n:
            raise ValueError(f"action {action!r} is outside Discrete({self._n}): instances are 0 to {self._n - 1}")
        if self._over:
            raise SimulationError("the episode is over: call reset()")
        asked, reward = _step(self._core, self._books, self._rows, chosen)
        if asked >= 0:
            mask = self._core.state.allowed.view(np.int8).copy()
            return self._rows.flatten(), reward, False, False, {"action_mask": mask}
        return self._last(asked, reward)

    def _last(self, asked: int, reward: float) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._over = True
        self.simulator.finish(asked)
        info = {"action_mask": np.ones(self._n, np.int8), "refused_actions": int(self._books["refused"][0])}
        info.update(episode_metrics(self.simulator))
        return np.zeros(self._rows.size, np.float32), reward, asked == ENDED, asked == TRUNCATED, info

    def action_masks(self) -> np.ndarray:
        """Which instances can take the turn, `bool [instances]`; all of them once the episode is over."""
        return np.ones(self._n, bool) if self._over else self._core.state.allowed.astype(bool)

    def render(self) -> Any:
        """The instances now, as text or as a picture `uint8 [height, width, 3]`."""
        if self.render_mode == "ansi":
            return ansi(self.simulator)
        if self.render_mode == "rgb_array":
            return rgb_array(self.simulator)
        return None


def _programs(simulator: Simulator, seed: int, options: dict[str, Any]) -> Programs | None:
    known = {"window", "programs"}
    if unknown := set(options) - known:
        raise ValueError(f"options: unknown {', '.join(sorted(unknown))}; allowed are {', '.join(sorted(known))}")
    if options.get("window") is not None:
        return simulator.source.draw(seed, window=tuple(options["window"]))
    return options.get("programs")


@compiled
def _answer(state, books, rows, action):
    """Advance with an action, or with the rule's answer if the action is forbidden; observe and collect the reward."""
    if state.world[0].asked != NONE and not state.allowed[action]:
        books[0].refused += 1
        action = asked_rule(state)
    asked = advance(state, action)
    if asked >= 0:
        observe(state, rows)
    return asked, rewards.collect(state, books)


@entry
def _answer_compiled(table, books, rows, action):
    return _answer(bind(table), books, rows, action)


def _step(core: Core, books: np.ndarray, rows: np.ndarray, action: int) -> tuple[int, float]:
    if COMPILED:
        return _answer_compiled(core.handle, books, rows, action)
    return _answer(core.state, books.view(np.recarray), rows, action)


def _begin(core: Core, books: np.ndarray, rows: np.ndarray) -> tuple[int, float]:
    return _step(core, books, rows, 0)
