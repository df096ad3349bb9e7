"""AgentSim/Eviction-v1: which idle KV goes when blocks are needed, and where to."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.eviction_features import EVICT_KV


@documented(EVICT_KV.features, EVICT_KV.hints)
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
    a candidate are 0 except for what all rows share. The *owner* is the program that used the piece last.

    {features}

    {hints}

    Of a piece that several programs use, the nearest counts; one that a single turn uses is over when that has ended.

    ## Action Space

    `Discrete(3 * K)`: the row. Nothing can be moved to a tier that the cluster does not have.

    {forbidden}

    | Num | Action |
    |---|---|
    | 3 k | drop the blocks of candidate k that are needed |
    | 3 k + 1 | move them to DRAM |
    | 3 k + 2 | move them to CXL |

    ## Rewards

    {reward}

    How often the agent is asked depends on what it evicts, so a discount per decision rewards bad evictions. Discount
    by simulated time (`discount_s` of `agentsim train`, see docs/training.md).

    ## Starting State

    The first time that an instance needs blocks and a candidate belongs to a counted program.

    {seed}

    ## Episode End

    {end}

    At the time limit the observation is about the instance of the last decision, without candidates.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Eviction-v1", overrides=["cluster.eviction=objects"])
    ```

    {arguments}

    {options}

    ## References

    SAGA's WA-LRU (HPDC'26), Marconi (MLSys'25), Pensieve (EuroSys'25) and CachedAttention (ATC'24) are among the rules
    to beat; Belady's, which sees the future, is the limit.

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents_evicted"
    question = EVICT_KV
