"""AgentSim/Retention-v1: what becomes of the KV of a turn while its tool runs."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.retention_features import RETAIN_KV


@documented(RETAIN_KV.features)
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
    answer: leave, drop, to DRAM, to CXL, and a pin for each time of `decisions.pin_grid_s`.

    {features}

    ## Action Space

    `Discrete(4 + pins)`: the answer. Nothing can be moved to a tier that the cluster does not have.

    {forbidden}

    | Num | Action |
    |---|---|
    | 0 | leave it as ordinary cache |
    | 1 | drop it |
    | 2 | move it to DRAM |
    | 3 | move it to CXL |
    | 4 + k | pin it for `decisions.pin_grid_s[k]` |

    ## Rewards

    {reward}

    {discount}

    ## Starting State

    The end of the first turn of a counted program.

    {seed}

    ## Episode End

    {end}

    At the time limit the observation is about the instance of the last decision; what is about a turn, its program and
    its gap is 0, as is `allowed`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Retention-v1", overrides=["decisions.pin_grid_s=[1, 10]"])
    ```

    {arguments}

    {options}

    ## References

    Continuum (arXiv 2511.02230), SAGA (HPDC'26), InferCept (ICML'24) and AgentServeSim's evolved gate (arXiv
    2606.09613) are among the rules to beat.

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents_pinned"
    question = RETAIN_KV
