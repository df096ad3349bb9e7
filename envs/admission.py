"""AgentSim/Admission-v0: which programs come in, and when."""

from agentsim_env.envs.admission_features import ADMIT_PROGRAM
from agentsim_env.envs.decision_env import KindEnv


class AdmissionEnv(KindEnv):
    """Which programs come in, and when.

    ## Description

    Programs (LLM agents) arrive at a cluster whose KV memory holds the contexts of a few of them only. Those inside
    evict each other's caches between their turns, and then compute their contexts again; a program that is held back
    waits, but leaves the cache of the others alone. Each time a program arrives the agent admits, holds or rejects it;
    about the first of those held it is asked again when a program ends and every `decisions.control_period_s`, and
    about the next one when that is admitted. While no program is inside, none can be held.

    ## Observation Space

    A flat `Box(-1, 1, (3 * features,), float32)`; `candidate_shape` is `(3, features)`, one row per answer: admit,
    hold, reject. Amounts are squashed as `x / (x + scale)`, those that can be negative as `x / (|x| + scale)`; the
    scale is in brackets. Sums are over the instances that are up.

    | Num | Feature | Meaning | Min | Max |
    |---|---|---|---|---|
    | 0 | allowed | the answer is legal | 0 | 1 |
    | 1 | is_admit | the row's answer is to admit | 0 | 1 |
    | 2 | is_hold | to hold | 0 | 1 |
    | 3 | is_reject | to reject | 0 | 1 |
    | 4 | is_held | the program has been held before | 0 | 1 |
    | 5 | age_s | time since the program arrived (60 s) | 0 | 1 |
    | 6 | prompt_tokens | its first prompt (30,000) | 0 | 1 |
    | 7 | uncached_tokens | least part of it that an instance would have to compute (4,000) | 0 | 1 |
    | 8 | expected_share | context to expect of it, the mean of those that are done, over the memory (0.1) | 0 | 1 |
    | 9 | slack_s | time to its deadline (60 s); 1 without one | -1 | 1 |
    | 10 | inside | programs inside per instance (16) | 0 | 1 |
    | 11 | held | programs held per instance (4) | 0 | 1 |
    | 12 | paused | programs paused per instance (4) | 0 | 1 |
    | 13 | inside_share | contexts of those inside over the memory (1) | 0 | 1 |
    | 14 | headroom_share | share of the memory that is left if this one comes in (0.5) | -1 | 1 |
    | 15 | cluster_locked_share | share of all KV blocks that are in use | 0 | 1 |
    | 16 | fullest_locked_share | the same on the fullest instance | 0 | 1 |
    | 17 | cached_share | share of all KV blocks that hold idle cache | 0 | 1 |
    | 18 | cluster_waiting | waiting turns per instance (4) | 0 | 1 |
    | 19 | cluster_running | running turns per instance (16) | 0 | 1 |
    | 20 | acting_share | share of those inside that have no turn on an instance | 0 | 1 |
    | 21 | pending_s | time to compute the pending prefills, per instance (0.6 s) | 0 | 1 |
    | 22 | hit_rate | share of the prompts so far that was cached when they first joined a batch | 0 | 1 |
    | 23 | queue_uncached_share | share of the waiting prompts that is expected to be computed | 0 | 1 |
    | 24 | mean_service_s | mean execution time of the programs that are done (60 s) | 0 | 1 |

    ## Action Space

    `Discrete(3)`. `action_masks()` and `info["action_mask"]` say which are allowed. A forbidden action is answered by
    the scenario's own rule and counted in `info["refused_actions"]`; one outside the space raises `ActionError`.

    | Num | Action |
    |---|---|
    | 0 | admit the program |
    | 1 | hold it; those held behind it are not asked about before something changes |
    | 2 | reject it: it leaves, at a charge |

    ## Rewards

    By default minus the integral, since the last decision, of the number of programs that are held, wait for or are
    served by the cluster, over (`reward.unit_s` x counted programs). A rejected or failed program is charged
    `reward.reject_penalty_s` once. The return of an episode is exactly minus the mean (JCT - gap time + charges) in
    that unit. Other terms: `envs/rewards.py`. Time between decisions varies, the discount is per decision: use a gamma
    near 1.

    ## Starting State

    The first counted program for which more than one answer is legal; about `episode.warmup_programs` programs before
    it the scenario's rule decides. `reset(seed=s)` draws the workload of seed `s`; without a seed the environment draws
    a seed of at least 2^20. The workload does not depend on the actions.

    ## Episode End

    1. Termination: all programs have ended.
    2. Truncation: `episode.time_limit_s` of simulated time have passed. The observation is of that moment: no program
       asks, so what is about a program is 0, as is `allowed`.

    The last decision is that about the last program that is admitted or rejected; what follows it is in its reward. At
    the end `info` has the flat figures of `agentsim_env.envs.episode.episode_metrics`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Admission-v0", scenario="coding_agents_pressed", overrides=["episode.programs=64"])
    ```

    | Parameter | Type | Default | Description |
    |---|---|---|---|
    | `scenario` | str, path, mapping or Scenario | `"coding_agents_pressed"` | what is simulated |
    | `overrides` | sequence of `path=value`, or mapping | `()` | changes to it |
    | `render_mode` | `"ansi"`, `"rgb_array"` or None | `None` | a table of the instances as text, or as a picture |

    `reset(options=...)` takes `window=(start_s, end_s)`, a part of the scenario's trace, or `programs`, a workload to
    run instead of the drawn one.

    ## References

    CONCUR (arXiv 2601.22705), ThunderAgent (arXiv 2602.13692) and MORI (arXiv 2606.00866) are the rules to beat:
    docs/scheduling.md.

    ## Version History

    * v0: first version
    """

    default_scenario = "coding_agents_pressed"
    question = ADMIT_PROGRAM
