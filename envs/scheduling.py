"""AgentSim/Scheduling-v0: which waiting turn joins a batch."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.scheduling_features import SCHEDULE_TURN


class SchedulingEnv(KindEnv):
    """Which waiting turn joins a batch.

    ## Description

    Turns of programs (LLM agents) wait at instances whose KV memory holds a few contexts only. Each time an instance
    could take one more turn into its batch, and more than one answer is legal, the agent chooses among the first K of
    its queue, or holds all of them back until something changes. A turn whose context is still cached costs little;
    what it needs may evict the caches of others; and the programs that are half done keep memory until they end.

    ## Observation Space

    A flat `Box(-1, 1, ((K + 1) * features,), float32)`, K being `decisions.candidates` of the scenario;
    `candidate_shape` is `(K + 1, features)`: a row for each place in the queue, and one for holding all back. Rows
    without a turn are 0 except for what all rows share. Amounts are squashed as `x / (x + scale)`, those that can be
    negative as `x / (|x| + scale)`; the scale is in brackets.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the answer is legal: the turn fits, or others run while all are held | 0 | 1 |
    | 1 | is_hold | the row's answer is to hold all back | 0 | 1 |
    | 2 | is_turn | the row is a turn | 0 | 1 |
    | 3 | place | place in the queue over K | 0 | 1 |
    | 4 | was_preempted | it was in a batch before | 0 | 1 |
    | 5 | wait_s | time since it became ready (10 s) | 0 | 1 |
    | 6 | age_s | time since the program arrived (60 s) | 0 | 1 |
    | 7 | service_s | execution time of the program's turns so far (30 s) | 0 | 1 |
    | 8 | wait_ratio | time that its turns have waited over that and service_s | 0 | 1 |
    | 9 | remaining_s | service to expect of the program, by the means of those that are done (30 s) | 0 | 1 |
    | 10 | slack_s | time to the program's deadline (60 s); 1 without one | -1 | 1 |
    | 11 | tenant_service_share | share of all service that its tenant has had | 0 | 1 |
    | 12 | turns_done | number of the turn in its program (10) | 0 | 1 |
    | 13 | prompt_tokens | its context, with what it generated before a preemption (30,000) | 0 | 1 |
    | 14 | uncached_tokens | part of it to be computed as the cache is now (4,000) | 0 | 1 |
    | 15 | hit_share | share of it that is cached | 0 | 1 |
    | 16 | prefill_s | time to compute the rest alone (0.3 s) | 0 | 1 |
    | 17 | blocks_ratio | blocks for the rest over those that are free or idle (1) | 0 | 1 |
    | 18 | age_rank | age of the oldest candidate's program above this one's (60 s) | 0 | 1 |
    | 19 | service_rank | service_s above the least of the candidates (10 s) | 0 | 1 |
    | 20 | uncached_rank | uncached_tokens above the fewest of the candidates (4,000) | 0 | 1 |
    | 21 | budget_share | share of the iteration's tokens that are left | 0 | 1 |
    | 22 | more_waiting | turns in the queue behind the candidates (16) | 0 | 1 |
    | 23 | waiting | turns in the instance's queue (4) | 0 | 1 |
    | 24 | running | turns in its batch (16) | 0 | 1 |
    | 25 | batch_share | share of its batch that is taken | 0 | 1 |
    | 26 | locked_share | share of its KV blocks that are in use | 0 | 1 |
    | 27 | pinned_share | share that is pinned and not in use | 0 | 1 |
    | 28 | cached_share | share of its KV blocks that hold idle cache | 0 | 1 |
    | 29 | pending_s | time to compute its pending prefills (0.6 s) | 0 | 1 |
    | 30 | decode_step_s | time of a decode iteration of its batch (0.02 s) | 0 | 1 |

    ## Action Space

    `Discrete(K + 1)`. `action_masks()` and `info["action_mask"]` say which are allowed. A forbidden action is answered
    by the scenario's own rule and counted in `info["refused_actions"]`; one outside the space raises `ActionError`.

    | Num | Action |
    |---|---|
    | k < K | the turn in place k joins the batch |
    | K | nobody joins before the batch changes or another turn arrives |

    If the turn that the scenario's rule would take is not among the first K, it stands in the last place.

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that wait for or are served by
    the cluster, over (`reward.unit_s` x counted programs). The return of an episode is exactly minus the mean (JCT -
    gap time) in that unit; programs that fail are charged `reward.reject_penalty_s`. Other terms: `envs/rewards.py`.
    Time between decisions varies, the discount is per decision: use a gamma near 1.

    ## Starting State

    The first time that turns of counted programs wait and more than one answer is legal; before and between the
    scenario's rules decide. `reset(seed=s)` draws the workload of seed `s`; without a seed the environment draws a seed
    of at least 2^20. The workload does not depend on the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: it is about
       the instance of the last decision, without candidates.

    At the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Scheduling-v0", scenario="coding_agents_pressed", overrides=["decisions.candidates=8"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"coding_agents_pressed"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## References

    Autellix (NSDI'26), SAGA (HPDC'26) and AgentServeSim's evolved gate (arXiv 2606.09613) are among the rules to beat:
    docs/scheduling.md.

    ## Version History

    * v0: first version
    """

    default_scenario = "coding_agents_pressed"
    question = SCHEDULE_TURN
