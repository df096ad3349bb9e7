"""AgentSim/Scheduling-v1: which waiting turn joins a batch."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.scheduling_features import SCHEDULE_TURN


@documented(SCHEDULE_TURN.features)
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
    without a turn are 0 except for what all rows share.

    {features}

    ## Action Space

    `Discrete(K + 1)`: the row.

    {forbidden}

    | Num | Action |
    |---|---|
    | k < K | the turn in place k joins the batch |
    | K | nobody joins before the batch changes or another turn arrives |

    If the turn that the scenario's rule would take is not among the first K, it stands in the last place.

    ## Rewards

    {reward}

    {discount}

    ## Starting State

    The first time that turns of counted programs wait and more than one answer is legal; before and between the
    scenario's rules decide.

    {seed}

    ## Episode End

    {end}

    At the time limit the observation is about the instance of the last decision, without candidates.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Scheduling-v1", scenario="coding_agents_pressed", overrides=["decisions.candidates=8"])
    ```

    {arguments}

    {options}

    ## References

    Autellix (NSDI'26), SAGA (HPDC'26) and AgentServeSim's evolved gate (arXiv 2606.09613) are among the rules to beat:
    docs/scheduling.md.

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents_pressed"
    question = SCHEDULE_TURN
