"""AgentSim/Eviction-v0: which idle KV goes when blocks are needed, and where to."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.eviction_features import EVICT_KV


class EvictionEnv(KindEnv):
    """Which idle KV goes when blocks are needed, and where to.

    ## Description

    An instance needs blocks and none are free: something idle has to go. What goes has to be computed again if its
    program comes back, or brought up again if it has gone to a tier below. The agent chooses among K idle pieces of
    cache, those released longest ago, and is asked again until enough is free. A piece goes as a whole in the default
    scenario; with `cluster.eviction=blocks` it gives up just as many blocks as are short, from its tail.

    ## Observation Space

    A flat `Box(-1, 1, (3 * K * features,), float32)`, K being `decisions.candidates` of the scenario; `candidate_shape`
    is `(3 * K, features)`: three rows per candidate (to drop it, to move it to DRAM, to move it to CXL). Rows without
    a candidate are 0 except for what all rows share. Amounts are squashed as `x / (x + scale)`, those that can be
    negative as `x / (|x| + scale)`; the scale is in brackets. The *owner* is the program that used the piece last.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the answer is legal | 0 | 1 |
    | 1 | is_drop | the row's answer is to drop it | 0 | 1 |
    | 2 | is_to_dram | to move it to DRAM | 0 | 1 |
    | 3 | is_to_cxl | to move it to CXL | 0 | 1 |
    | 4 | is_record | the row is a candidate | 0 | 1 |
    | 5 | place | its place over K, 0 being released longest ago | 0 | 1 |
    | 6 | idle_s | time since it was released (10 s) | 0 | 1 |
    | 7 | uses | stays of turns in a batch that used it (4) | 0 | 1 |
    | 8 | held_share | its blocks over the memory of the instance | 0 | 1 |
    | 9 | depth_tokens | tokens of the context that stand before it (30,000) | 0 | 1 |
    | 10 | prefill_s | time to compute it alone, behind these (0.3 s) | 0 | 1 |
    | 11 | below_share | share of it that a tier below has | 0 | 1 |
    | 12 | owner_goes_on | its owner has not ended | 0 | 1 |
    | 13 | owner_acts | it has no turn in the cluster | 0 | 1 |
    | 14 | owner_waits | it has one | 0 | 1 |
    | 15 | owner_is_elsewhere | its last turn went to another instance | 0 | 1 |
    | 16 | acting_s | since when it has had none (10 s) | 0 | 1 |
    | 17 | return_s | time to its next turn by the mean gap of its tool, below 0 when late (5 s) | -1 | 1 |
    | 18 | remaining_s | service to expect of it, by the means of those that are done (30 s) | 0 | 1 |
    | 19 | turns_done | turns of it that have ended (10) | 0 | 1 |
    | 20 | idle_rank | idle_s below the longest of the candidates (10 s) | 0 | 1 |
    | 21 | return_rank | return_s below the latest of the candidates (10 s) | 0 | 1 |
    | 22 | prefill_rank | prefill_s above the least of the candidates (0.3 s) | 0 | 1 |
    | 23 | waiting | turns in the instance's queue (4) | 0 | 1 |
    | 24 | running | turns in its batch (16) | 0 | 1 |
    | 25 | batch_share | share of its batch that is taken | 0 | 1 |
    | 26 | locked_share | share of its KV blocks that are in use | 0 | 1 |
    | 27 | pinned_share | share that is pinned and not in use | 0 | 1 |
    | 28 | cached_share | share of its KV blocks that hold idle cache | 0 | 1 |
    | 29 | pending_s | time to compute its pending prefills (0.6 s) | 0 | 1 |
    | 30 | decode_step_s | time of a decode iteration of its batch (0.02 s) | 0 | 1 |

    ## Action Space

    `Discrete(3 * K)`. `action_masks()` and `info["action_mask"]` say which are allowed: nothing can be moved to a tier
    that the cluster does not have. A forbidden action is answered by the scenario's own rule and counted in
    `info["refused_actions"]`; one outside the space raises `ActionError`.

    | Num | Action |
    |---|---|
    | 3 k | drop the blocks of candidate k that are needed |
    | 3 k + 1 | move them to DRAM |
    | 3 k + 2 | move them to CXL |

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that wait for or are served by the
    cluster, over (`reward.unit_s` x counted programs). The return of an episode is exactly minus the mean (JCT - gap
    time) in that unit; programs that fail are charged `reward.reject_penalty_s`. Other terms: `envs/rewards.py`. How
    often the agent is asked depends on what it evicts, so a discount per decision rewards bad evictions. Discount by
    simulated time (`discount_s` of `agentsim train`, see docs/training.md).

    ## Starting State

    The first time that an instance needs blocks and a candidate belongs to a counted program. `reset(seed=s)` draws the
    workload of seed `s`; without a seed the environment draws a seed of at least 2^20. The workload does not depend on
    the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: it is about
       the instance of the last decision, without candidates.

    At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Eviction-v0", overrides=["cluster.eviction=objects"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"coding_agents_evicted"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## References

    SAGA's WA-LRU (HPDC'26), Marconi (MLSys'25), Pensieve (EuroSys'25) and CachedAttention (ATC'24) are among the rules
    to beat; Belady's, which sees the future, is the limit.

    ## Version History

    * v0: first version
    """

    default_scenario = "coding_agents_evicted"
    question = EVICT_KV
