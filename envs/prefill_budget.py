"""AgentSim/PrefillBudget-v1: how an instance with two lanes divides its GPU."""

from agentsim_env.envs.decision_env import KindEnv
from agentsim_env.envs.docstring import documented
from agentsim_env.envs.prefill_budget_features import SET_PREFILL_BUDGET


@documented(SET_PREFILL_BUDGET.features)
class PrefillBudgetEnv(KindEnv):
    """How an instance with two lanes divides its GPU between decodes and prefills, and which prefills join the decodes.

    ## Description

    An instance of `mode: two_lanes` decodes on one share of the SMs of its GPU while it prefills a prompt on the rest,
    as AgentServe does. What prefills get, those who wait for their first token gain, and those who decode lose, but
    not evenly: below a third of the SMs a decode step is slower by and by, above it not. A short prefill of a turn that
    comes back from a tool can join the decodes instead of waiting behind a long prompt; it holds up a step of all of
    them. The agent is asked about each such instance that has work every `decisions.control_period_s`, and answers with
    a slot for decodes and a budget: the longest prefill that joins them. Both hold until the next answer.

    ## Observation Space

    A flat `Box(0, 1, (rows * features,), float32)`; `candidate_shape` is `(rows, features)`: with n slots and b budgets
    of `lanes.budget_grid_tokens` a row for each of the (n - 1) x b answers, as one slot is left for prefills.

    {features}

    ## Action Space

    `Discrete((n - 1) * b)`: the row. All are allowed where all instances have as many slots.

    {forbidden}

    | Num | Action |
    |---|---|
    | (slot - 1) x b + k | decodes get slot / n of the SMs beside a prefill, and the budget is number k |

    ## Rewards

    What the scenario's `reward.terms` say. `consumer_gpu_lanes` has minus the share of turns that end beyond an
    objective for TTFT or TPOT (`slo_violation`), minus their TTFT (`ttft`) and TPOT (`tpot`), and minus the time of
    programs in the system. The first three are charged when a turn ends: a tick is charged with the turns that end
    before the next one, which earlier ticks have slowed down as well. The last is charged as it passes: beyond
    its objective a turn that waits longer adds nothing to the first.

    {reward}

    {discount}

    ## Starting State

    The first control tick at which an instance with two lanes has work of a counted program.

    {seed}

    ## Episode End

    {end}

    At the time limit the observation is about the instance of the last decision.

    ## Arguments

    ```python
    gymnasium.make("AgentSim/PrefillBudget-v1", overrides=["workload.arrivals.users=3"])
    ```

    {arguments}

    {options}

    ## References

    AgentServe (arXiv 2603.10342) answers by the time per output token: the rule `tpot_feedback`.

    ## Version History

    {versions}
    """

    default_scenario = "consumer_gpu_lanes"
    question = SET_PREFILL_BUDGET
