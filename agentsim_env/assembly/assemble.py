"""A scenario, assembled: all that its episodes have in common, and how one begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agentsim_env.assembly.lower_memory import lower_memory
from agentsim_env.assembly.policies import policies_of
from agentsim_env.assembly.stuck import SimulationError
from agentsim_env.assembly.ticks import check_ticks
from agentsim_env.assembly.unserved import find_unserved
from agentsim_env.engine.blueprint import Blueprint, new_state
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.state import State
from agentsim_env.engine.entry import Core
from agentsim_env.hardware import Engine
from agentsim_env.limits import LONGEST_S
from agentsim_env.scenario import Scenario
from agentsim_env.scenario.registries import rule_parameters
from agentsim_env.workload import Programs
from agentsim_env.workload.faults import Faults, may_fail
from agentsim_env.workload.programs import longest_contexts


@dataclass(frozen=True)
class Assembly:
    """What runs a scenario.

    Attributes:
        scenario: The scenario.
        engines: The engines of its cluster, one per instance.
        blueprint: Everything of its simulation that does not depend on the workload.
    """

    scenario: Scenario
    engines: Sequence[Engine]
    blueprint: Blueprint

    def begin(self, programs: Programs, seed: int, settle: Callable[[State], State] | None = None) -> Core:
        """An episode at time 0.

        Args:
            programs: Its workload.
            seed: Of the faults and of the chance inside rules.
            settle: Moves the state to where its arrays are wanted; None: they stay.

        Raises:
            InvalidProgramsError: The workload breaks a promise of `Programs`.
            ScenarioError: Ticks are too frequent for the times of the workload; or the scenario is strict, and a
                program fits on no instance.
            SimulationError: There is no memory for it.
        """
        faults = self._faults(seed)
        check_ticks(self.blueprint, programs, self._planned_s)
        try:
            state = new_state(self.blueprint, programs, faults, seed)
        except (MemoryError, OSError) as error:  # the system refuses to map what large arrays may come to need
            raise SimulationError(
                f"there is no memory for {len(programs.program):,} programs on {len(self.engines):,} instances:"
                " give fewer of either"
            ) from error
        if self.scenario.workload.strict:
            find_unserved(self.scenario, self.engines, longest_contexts(programs))
        return Core(state if settle is None else settle(state), faults)

    def _faults(self, seed: int) -> Faults | None:
        cluster = self.scenario.cluster
        if not may_fail(cluster.instances):
            return None
        return Faults(cluster.instances, self.blueprint.time_limit_s, np.random.default_rng([seed, 1]))

    @cached_property
    def _planned_s(self) -> float:
        """Latest time that the scenario gives for the start or the return of an instance."""
        return max(
            max([instance.start_s, *(failure.at_s + failure.down_s for failure in instance.failures)])
            for instance in self.scenario.cluster.instances
        )


def assemble(
    scenario: Scenario, engines: Sequence[Engine], agent_kinds: Sequence[str] = (), token_seconds: bool = False
) -> Assembly:
    """Assembles a scenario.

    Args:
        scenario: The scenario.
        engines: The engines of its cluster; see `engines_of`.
        agent_kinds: Kinds of decision that are answered from outside.
        token_seconds: Add up what KV blocks are held for, even where the reward does not need it.

    Raises:
        ScenarioError: Instances that share a tier keep KV in different formats, a tier is too large, or a policy does
            not fit.
    """
    rules, cluster, slo = scenario.rules, scenario.cluster, scenario.slo
    never_s = float("inf")
    blueprint = Blueprint(
        engines=engines,
        block_size=cluster.block_size_tokens,
        frontend_s=cluster.frontend_s,
        view_delay_s=cluster.view_delay_s,
        router_tree_tokens=cluster.router_tree.capacity_tokens,
        time_limit_s=scenario.episode.time_limit_s or LONGEST_S,
        warmup_programs=scenario.episode.warmup_programs,
        rules=rules.by_kind(),
        rule_params={kind: rules.params(kind) for kind in KINDS if rule_parameters(kind, getattr(rules, kind))},
        agent_kinds=agent_kinds,
        policies=policies_of(scenario, tuple(agent_kinds)),
        advice=scenario.decisions.advice,
        control_period_s=scenario.decisions.control_period_s,
        candidates=scenario.decisions.candidates,
        pin_grid_s=scenario.decisions.pin_grid_s,
        token_seconds=token_seconds or scenario.reward.terms.get("wasted_token_seconds", 0.0) > 0.0,
        slo_ttft_s=slo.ttft_s or never_s,
        slo_tpot_s=slo.tpot_s or never_s,
        **lower_memory(scenario, engines),
        eviction=cluster.eviction,
        context_switch_s=cluster.context_switch_s,
    )
    return Assembly(scenario, engines, blueprint)
