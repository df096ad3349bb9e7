"""AgentSim/Retention-v0: what becomes of the KV of a turn while its tool runs."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.retention_features import RETAIN_KV


class RetentionEnv(KindEnv):
    """What becomes of the KV of a turn while its tool runs.

    ## Description

    A turn of a program (an LLM agent) ends and calls a tool; the next turn will go on with the same context, in a
    moment or in minutes. Until then the context can be left as ordinary cache, which others may evict; pinned for a
    time, which keeps it but takes memory from others; dropped; or moved to a tier below, if the cluster has one. The
    agent decides at the end of each turn whose program goes on. A pin ends when the program comes back, at its
    deadline, or when blocks are needed and nothing idle is left.

    ## Observation Space

    A flat `Box(-1, 1, ((4 + pins) * features,), float32)`; `candidate_shape` is `(4 + pins, features)`, one row per
    answer: leave, drop, to DRAM, to CXL, and a pin for each time of `decisions.pin_grid_s`. Amounts are squashed as
    `x / (x + scale)`, those that can be negative as `x / (|x| + scale)`; the scale is in brackets.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the answer is legal | 0 | 1 |
    | 1 | is_leave | the row's answer is to leave it | 0 | 1 |
    | 2 | is_drop | to drop it | 0 | 1 |
    | 3 | is_to_dram | to move it to DRAM | 0 | 1 |
    | 4 | is_to_cxl | to move it to CXL | 0 | 1 |
    | 5 | is_pin | to pin it | 0 | 1 |
    | 6 | pin_s | for so long (5 s) | 0 | 1 |
    | 7 | pin_above_gap_s | that above the moving average of the tool's gaps (2 s) | -1 | 1 |
    | 8 | returns_within | share of the tool's last 100 gaps that were shorter than the pin | 0 | 1 |
    | 9 | move_s | time to bring it up again from the tier; 1 without one (0.3 s) | 0 | 1 |
    | 10 | gap_is_known | a gap has ended, of this tool or else of any | 0 | 1 |
    | 11 | gap_mean_s | mean gap of the tool, of all tools if it is new (5 s) | 0 | 1 |
    | 12 | gap_ema_s | its moving average with weight 0.2 (5 s) | 0 | 1 |
    | 13 | gap_fast_ema_s | with weight 0.5 (5 s) | 0 | 1 |
    | 14 | gap_deviation | deviation of the logarithms of its gaps (1) | 0 | 1 |
    | 15 | tools_called | tool calls of the turn (4) | 0 | 1 |
    | 16 | age_s | time since the program arrived (60 s) | 0 | 1 |
    | 17 | service_s | execution time of the program's turns so far (30 s) | 0 | 1 |
    | 18 | remaining_s | service to expect of the program, by the means of those that are done (30 s) | 0 | 1 |
    | 19 | turns_done | turns of the program that have ended (10) | 0 | 1 |
    | 20 | left_tokens | context that the turn has left (30,000) | 0 | 1 |
    | 21 | left_share | its blocks over the memory of the instance | 0 | 1 |
    | 22 | own_share | share of it that no running turn holds | 0 | 1 |
    | 23 | recompute_s | time to compute all of it again (0.3 s) | 0 | 1 |
    | 24 | mean_wait_s | mean wait of all turns so far (10 s) | 0 | 1 |
    | 25 | waiting | turns in the instance's queue (4) | 0 | 1 |
    | 26 | running | turns in its batch (16) | 0 | 1 |
    | 27 | batch_share | share of its batch that is taken | 0 | 1 |
    | 28 | locked_share | share of its KV blocks that are in use | 0 | 1 |
    | 29 | pinned_share | share that is pinned and not in use | 0 | 1 |
    | 30 | cached_share | share of its KV blocks that hold idle cache | 0 | 1 |
    | 31 | pending_s | time to compute its pending prefills (0.6 s) | 0 | 1 |
    | 32 | decode_step_s | time of a decode iteration of its batch (0.02 s) | 0 | 1 |

    ## Action Space

    `Discrete(4 + pins)`. `action_masks()` and `info["action_mask"]` say which are allowed: nothing can be moved to a
    tier that the cluster does not have. A forbidden action is answered by the scenario's own rule and counted in
    `info["refused_actions"]`; one outside the space raises `ActionError`.

    | Num | Action |
    |---|---|
    | 0 | leave it as ordinary cache |
    | 1 | drop it |
    | 2 | move it to DRAM |
    | 3 | move it to CXL |
    | 4 + k | pin it for `decisions.pin_grid_s[k]` |

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that wait for or are served by
    the cluster, over (`reward.unit_s` x counted programs). The return of an episode is exactly minus the mean (JCT -
    gap time) in that unit; programs that fail are charged `reward.reject_penalty_s`. Other terms: `envs/rewards.py`.
    Time between decisions varies, the discount is per decision: use a gamma near 1.

    ## Starting State

    The end of the first turn of a counted program. `reset(seed=s)` draws the workload of seed `s`; without a seed the
    environment draws a seed of at least 2^20. The workload does not depend on the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: it is about
       the instance of the last decision; what is about a turn, its program and its gap is 0, as is `allowed`.

    At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Retention-v0", overrides=["decisions.pin_grid_s=[1, 10]"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"coding_agents_pinned"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## References

    Continuum (arXiv 2511.02230), SAGA (HPDC'26), InferCept (ICML'24) and AgentServeSim's evolved gate (arXiv
    2606.09613) are among the rules to beat.

    ## Version History

    * v0: first version
    """

    default_scenario = "coding_agents_pinned"
    question = RETAIN_KV
