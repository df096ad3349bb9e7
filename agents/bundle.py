"""The rules of a bundle as an agent, for evaluations beside rules and learned agents."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentsim_env.agents.errors import AgentError

PREFIX = "bundle"
"""What stands before the name of a bundle, and a colon between."""


class BundleAgent:
    """The rules of a bundle, all of them in the place of the scenario's.

    An evaluation runs them inside the compiled loop; they cannot be asked decision by decision.

    Args:
        bundle: Name of the bundle, or rules spelled out as in a scenario, `{route_turn: saga, ...}`; what these leave
            out is answered as in the stock bundle.
        name: Name in tables and plots; by default that of the bundle.

    Attributes:
        changes: What makes of a scenario one that has these rules.

    Raises:
        ScenarioError: There is no such bundle.
    """

    def __init__(self, bundle: str, name: str | None = None) -> None:
        from agentsim_env.scenario.bundle import STOCK, find_bundle
        from agentsim_env.scenario.strict_yaml import parse

        if bundle.startswith("{"):
            self.changes: dict[str, Any] = {"rules": {"bundle": STOCK, **parse(bundle, "rules")[0]}}
        else:
            find_bundle(bundle)
            self.changes = {"rules.bundle": bundle}
        self.bundle = bundle
        self.name = name or bundle

    def reset(self, seed: int) -> None:
        """Nothing to do: the simulator keeps the rules' state."""

    def act(self, observation: np.ndarray, info: Mapping[str, Any]) -> int:
        """A bundle answers inside the simulator only.

        Raises:
            AgentError: Always.
        """
        raise AgentError(f"bundle {self.bundle}: its rules answer inside the simulator; give it to an evaluation")
