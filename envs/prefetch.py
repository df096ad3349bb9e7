"""AgentSim/Prefetch-v1: what is brought up from a lower tier ahead of its use."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.prefetch_features import PREFETCH_KV


@documented(PREFETCH_KV.features, PREFETCH_KV.hints)
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
    none. Rows without a context are 0 except for what all rows share.

    {features}

    {hints}

    ## Action Space

    `Discrete(K + 1)`: the row.

    {forbidden}

    | Num | Action |
    |---|---|
    | k < K | bring up the context in place k |
    | K | bring up nothing now |

    ## Rewards

    {reward}

    {discount}

    ## Starting State

    The first time that something of a counted program could be brought up.

    {seed}

    ## Episode End

    {end}

    At the time limit the observation is about the instance of the last decision, without candidates.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Prefetch-v1", overrides=["cluster.tiers.0.link_gb_per_s=12"])
    ```

    {arguments}

    {options}

    ## References

    SAGA (HPDC'26) and CachedAttention (ATC'24) time prefetches by predicted gaps and by a look-ahead into the queue.

    ## Version History

    {versions}
    """

    default_scenario = "regular_tools"
    question = PREFETCH_KV
