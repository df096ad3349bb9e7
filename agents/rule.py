"""The simulator's own compiled rules as agents."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from agentsim_env.agents.errors import AgentError

SCENARIO_RULES = "rules"
"""The agent of this name answers as the scenario's own rules do."""


class RuleAgent:
    """A compiled rule of the simulator.

    An evaluation runs it inside the compiled loop, without an environment; `act` is for environments whose scenario has
    this very rule.

    Args:
        rule: Name of the rule, as in a scenario's `rules`; `rules` for all rules that the scenario has.
        kind: Kind of decision that it answers.
        name: Name in tables and plots; by default that of the rule.
    """

    def __init__(self, rule: str, kind: str = "route_turn", name: str | None = None) -> None:
        from agentsim_env.engine.tables import RULES

        if rule != SCENARIO_RULES and rule not in RULES[kind]:
            raise AgentError(f"no rule {rule!r} for {kind}; there are: {', '.join(sorted(RULES[kind]))}")
        self.rule = rule
        self.kind = kind
        self.name = name or rule
        self._env: Any = None

    @property
    def rules(self) -> dict[str, str]:
        """The rules that take the place of the scenario's, by kind of decision."""
        return {} if self.rule == SCENARIO_RULES else {self.kind: self.rule}

    def bind(self, env: gymnasium.Env) -> None:
        """Remembers the environment whose simulator is to be asked.

        Raises:
            AgentError: The environment's scenario has another rule for this kind of decision.
        """
        inner: Any = env.unwrapped
        for kind, rule in self.rules.items():
            found = getattr(inner.scenario.rules, kind)
            if found != rule:
                raise AgentError(
                    f"the environment's scenario has the rule {found} for {kind}:"
                    f" make it with overrides=['rules.{kind}={rule}']"
                )
        self._env = inner

    def reset(self, seed: int) -> None:
        """Nothing to do: the simulator keeps the rule's state."""

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """What the rule answers to the decision that is open in the bound environment."""
        if self._env is None:
            raise AgentError(f"{self.name} acts only in an environment: call bind(env) first")
        return int(self._env.simulator.core.default())
