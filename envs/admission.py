"""AgentSim/Admission-v1: which programs come in, and when."""

from agentsim_env.envs.admission_features import ADMIT_PROGRAM
from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented


@documented(ADMIT_PROGRAM.features)
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
    hold, reject. Sums are over the instances that are up.

    {features}

    ## Action Space

    `Discrete(3)`: the answer.

    {forbidden}

    | Num | Action |
    |---|---|
    | 0 | admit the program |
    | 1 | hold it; those held behind it are not asked about before something changes |
    | 2 | reject it: it leaves, at a charge |

    ## Rewards

    {reward}

    {discount}

    ## Starting State

    The first counted program for which more than one answer is legal; about `episode.warmup_programs` programs before
    it the scenario's rule decides.

    {seed}

    ## Episode End

    {end}

    The last decision is that about the last program that is admitted or rejected; what follows it is in its reward. At
    the time limit no program asks, so what is about a program is 0, as is `allowed`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Admission-v1", scenario="coding_agents_pressed", overrides=["episode.programs=64"])
    ```

    {arguments}

    {options}

    ## References

    CONCUR (arXiv 2601.22705), ThunderAgent (arXiv 2602.13692) and MORI (arXiv 2606.00866) are the rules to beat:
    docs/scheduling.md.

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents_pressed"
    question = ADMIT_PROGRAM
