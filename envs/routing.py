"""AgentSim/Routing-v1: which instance takes the next turn."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.routing_features import ROUTE_TURN


@documented(ROUTE_TURN.features)
class RoutingEnv(KindEnv):
    """Which instance takes the next turn.

    ## Description

    Programs (LLM agents) arrive at a cluster of serving instances. Each time one of their turns is ready, the router
    sends it to an instance. An instance that served the program's earlier turns may still hold their KV cache, and
    then computes only what is new; but it may also be the busiest. The simulation runs on until the next turn is to
    be routed and more than one instance can take it.

    ## Observation Space

    A flat `Box(-1, 1, (instances * features,), float32)`; `candidate_shape` is `(instances, features)`, one row per
    instance.

    {features}

    With `cluster.view_delay_s` above 0, instance metrics and hits are those of the last time that the router's view was
    refreshed, as they are for rules.

    ## Action Space

    `Discrete(instances)`: the instance.

    {forbidden}

    | Num | Action |
    |---|---|
    | i | send the turn to instance i |

    ## Rewards

    {reward}

    {discount}

    ## Starting State

    The first counted program's first turn is to be routed; `episode.warmup_programs` programs before it are served by
    the scenario's rules.

    {seed}

    ## Episode End

    {end}

    At the time limit no turn asks, so what is about a turn is 0, as is `allowed`.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/Routing-v1", scenario="coding_agents", overrides=["workload.arrivals.load=0.8"])
    ```

    {arguments}

    {options}

    ## Version History

    {versions}
    """

    default_scenario = "coding_agents"
    question = ROUTE_TURN
