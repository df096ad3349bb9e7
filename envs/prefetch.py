"""AgentSim/Prefetch-v0: what is brought up from a lower tier ahead of its use."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.prefetch_features import PREFETCH_KV


class PrefetchEnv(KindEnv):
    """What is brought up from a lower tier ahead of its use.

    ## Description

    Contexts that do not fit into the memory of an instance lie in a tier below. They can be brought up before the turn
    that needs them comes, so that it need not wait for the link; but what comes up takes the place of something else,
    and if its program stays away the trip was in vain. The agent is asked about an instance when a turn joins its
    queue, when its link has become idle, and every `decisions.control_period_s` while programs act, as long as there is
    something to bring up, until it answers none.

    ## Observation Space

    A flat `Box(-1, 1, ((K + 1) * features,), float32)`, K being `decisions.candidates` of the scenario;
    `candidate_shape` is `(K + 1, features)`: a row for each context that could come up, those of waiting turns first,
    then those of programs that act (none of their turns is in the cluster), the longest gap first; the last row is for
    none. Rows without a context are 0 except for what all rows share. Amounts are squashed as `x / (x + scale)`, those
    that can be negative as `x / (|x| + scale)`; the scale is in brackets.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the answer is legal | 0 | 1 |
    | 1 | is_none | the row's answer is to bring up nothing | 0 | 1 |
    | 2 | is_turn | the row is a waiting turn | 0 | 1 |
    | 3 | is_acting | the row is a program that acts | 0 | 1 |
    | 4 | place | its place over K | 0 | 1 |
    | 5 | wait_s | time since the turn became ready (10 s) | 0 | 1 |
    | 6 | acting_s | since when the program acts (10 s) | 0 | 1 |
    | 7 | return_s | time to its next turn by the mean gap of its tool, below 0 when late (5 s) | -1 | 1 |
    | 8 | return_above_move_s | that above move_s (1 s) | -1 | 1 |
    | 9 | age_s | time since the program arrived (60 s) | 0 | 1 |
    | 10 | remaining_s | service to expect of it, by the means of those that are done (30 s) | 0 | 1 |
    | 11 | turns_done | turns of it that have ended (10) | 0 | 1 |
    | 12 | held_share | share of the context that the instance holds | 0 | 1 |
    | 13 | missing_tokens | what can be brought up (30,000) | 0 | 1 |
    | 14 | move_s | time that this takes on the link (0.3 s) | 0 | 1 |
    | 15 | prefill_s | time to compute it alone instead (0.3 s) | 0 | 1 |
    | 16 | blocks_ratio | its blocks over those that are free or idle (1) | 0 | 1 |
    | 17 | evicted_share | blocks that would have to go for it over the memory of the instance | 0 | 1 |
    | 18 | link_is_busy | something is on the link | 0 | 1 |
    | 19 | link_queue | transfers that wait for it (4) | 0 | 1 |
    | 20 | waiting | turns in the instance's queue (4) | 0 | 1 |
    | 21 | running | turns in its batch (16) | 0 | 1 |
    | 22 | batch_share | share of its batch that is taken | 0 | 1 |
    | 23 | locked_share | share of its KV blocks that are in use | 0 | 1 |
    | 24 | pinned_share | share that is pinned and not in use | 0 | 1 |
    | 25 | cached_share | share of its KV blocks that hold idle cache | 0 | 1 |
    | 26 | pending_s | time to compute its pending prefills (0.6 s) | 0 | 1 |
    | 27 | decode_step_s | time of a decode iteration of its batch (0.02 s) | 0 | 1 |

    ## Action Space

    `Discrete(K + 1)`. `action_masks()` and `info["action_mask"]` say which are allowed. A forbidden action is answered
    by the scenario's own rule and counted in `info["refused_actions"]`; one outside the space raises `ActionError`.

    | Num | Action |
    |---|---|
    | k < K | bring up the context in place k |
    | K | bring up nothing now |

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that wait for or are served by
    the cluster, over (`reward.unit_s` x counted programs). The return of an episode is exactly minus the mean (JCT -
    gap time) in that unit; programs that fail are charged `reward.reject_penalty_s`. Other terms: `envs/rewards.py`.
    Time between decisions varies, the discount is per decision: use a gamma near 1.

    ## Starting State

    The first time that something of a counted program could be brought up. `reset(seed=s)` draws the workload of seed
    `s`; without a seed the environment draws a seed of at least 2^20. The workload does not depend on the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: it is about
       the instance of the last decision, without candidates.

    At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Prefetch-v0", overrides=["cluster.tiers.0.link_gb_per_s=12"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"regular_tools"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## References

    SAGA (HPDC'26) and CachedAttention (ATC'24) time prefetches by predicted gaps and by a look-ahead into the queue.

    ## Version History

    * v0: first version
    """

    default_scenario = "regular_tools"
    question = PREFETCH_KV
