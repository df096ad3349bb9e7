"""AgentSim/Routing-v0: which instance takes the next turn."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.routing_features import ROUTE_TURN


class RoutingEnv(KindEnv):
    """Which instance takes the next turn.

    ## Description

    Programs (LLM agents) arrive at a cluster of serving instances. Each time one of their turns is ready, the router
    sends it to an instance. An instance that served the program's earlier turns may still hold their KV cache, and
    then computes only what is new; but it may also be the busiest. The simulation runs on until the next turn is to
    be routed and more than one instance can take it.

    ## Observation Space

    A flat `Box(-1, 1, (instances * features,), float32)`; `candidate_shape` is `(instances, features)`, one row per
    instance. Tokens, turns and times are squashed as `x / (x + scale)`; differences to the best instance as
    `x / (|x| + scale)`.

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

    With `cluster.view_delay_s` above 0, instance metrics and hits are those of the last time that the router's view was
    refreshed, as they are for rules.

    ## Action Space

    `Discrete(instances)`: the instance. `action_masks()` and `info["action_mask"]` say which are allowed. A forbidden
    action is answered by the scenario's own rule and counted in `info["refused_actions"]`; one outside the space
    raises `ActionError`.

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
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: no turn
       asks, so what is about a turn is 0, as is `allowed`.

    At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`: `mean_jct_s`, `p95_jct_s`,
    `mean_ttft_s`, `hit_rate` and others.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Routing-v0", scenario="coding_agents", overrides=["workload.arrivals.load=0.8"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"coding_agents"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## Version History

    * v0: first version
    """

    default_scenario = "coding_agents"
    question = ROUTE_TURN
