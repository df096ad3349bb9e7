"""The whole scenario."""

import hashlib
import json
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr, model_validator

from agentsim_env.fields.base import Line, Part
from agentsim_env.fields.problems import not_allowed
from agentsim_env.scenario.arrivals import FixedTimes
from agentsim_env.scenario.cluster import Cluster
from agentsim_env.scenario.episode import Decisions, Episode, Slo
from agentsim_env.scenario.model_file import model_file
from agentsim_env.scenario.randomize import Draws
from agentsim_env.scenario.reward import Reward
from agentsim_env.scenario.rules import SHIPPED, Rules
from agentsim_env.scenario.trace_digest import trace_digest
from agentsim_env.scenario.workload import Workload

PROSE = frozenset({"name", "description", "knee"})
"""Fields that say something to people and nothing to the simulator."""


def _policy_digest(path: str) -> str:
    """What a policy is: its bytes, or the name of one that comes with the package."""
    return path if path.startswith(SHIPPED) else trace_digest(path)


class Scenario(Part):
    """Cluster, workload, rules, reward and episode: everything that defines a simulation but its seed."""

    name: Line
    """Name; by default that of the file."""

    description: str = ""
    """What the scenario is about."""

    knee: str = ""
    """Where the knee is: the load at which policies begin to differ."""

    cluster: Cluster
    """What serves."""

    workload: Workload
    """What is served."""

    rules: Rules = Field(default_factory=Rules)
    """What answers the decisions that no agent answers."""

    decisions: Decisions = Decisions()
    """How decisions are put."""

    reward: Reward = Reward()
    """What agents are trained on."""

    episode: Episode = Episode()
    """How much work an episode is."""

    slo: Slo = Slo()
    """What counts as good service."""

    randomize: Draws = Field(default={})
    """What is drawn anew for each episode, by its path: see "Scenarios that are drawn"."""

    MEASURED: ClassVar[tuple[str, ...]] = ("cluster", "rules", "decisions")
    """Parts on which the capacity depends, beside the programs."""

    _filed: "Scenario | None" = PrivateAttr(default=None)

    @property
    def as_filed(self) -> "Scenario | None":
        """The scenario without the overrides that may change its capacity, and with them what `load` means.

        None if there are none, if it gives no load, or if the programs are not those of the file either.
        """
        return self._filed

    def laid_over(self, filed: "Scenario | None") -> Self:
        """This scenario, which was made by laying overrides over another one, with `as_filed` to tell."""
        if filed is not None:
            asked = {"arrivals": self.workload.arrivals, "strict": self.workload.strict}
            served = filed.workload.model_copy(update=asked)
            loads = (getattr(scenario.workload.arrivals, "load", None) for scenario in (self, filed))
            alike = all(getattr(self, name) == getattr(filed, name) for name in self.MEASURED)
            comparable = None not in loads and not alike and served == self.workload
            self._filed = filed.model_copy(update={"workload": self.workload}) if comparable else None
        return self

    def __eq__(self, other: object) -> bool:
        """Whether all values are equal, wherever they came from."""
        return type(other) is type(self) and vars(other) == vars(self)

    def content_hash(self) -> str:
        """SHA-256 of everything but the prose, as hexadecimal digits: equal for scenarios that simulate alike.

        A trace, a policy, and a model that is a file, count by their content, not by their path; `workload.strict` does
        not count: it only refuses. `decisions.advice` counts where it is true.

        Raises:
            FileNotFoundError: The trace or the model does not exist.
        """
        content = self.model_dump(mode="json", exclude=dict.fromkeys(PROSE, True) | {"workload": {"strict"}})
        own_model = model_file(self.cluster.model)
        if own_model is not None:
            content["cluster"]["model"] = trace_digest(str(own_model))
        if self.workload.trace is not None:
            content["workload"]["trace"]["path"] = trace_digest(self.workload.trace.path)
        if not self.randomize:
            del content["randomize"]
        policies = content["rules"].pop("policies")
        if policies:
            content["rules"]["policies"] = {kind: _policy_digest(path) for kind, path in policies.items()}
        if not self.decisions.advice:
            del content["decisions"]["advice"]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @model_validator(mode="after")
    def _length_is_known(self) -> Self:
        arrivals, programs = self.workload.arrivals, self.episode.programs
        if isinstance(arrivals, FixedTimes):
            n_times = len(arrivals.times_s)
            if programs is not None and programs > n_times:
                reason = f"must be at most {n_times}, the number of workload.arrivals.times_s"
                raise not_allowed(reason, programs, ["episode", "programs"])
        elif programs is None and self.workload.trace is None:
            reason = "required, a whole number from 1: a mix of synthetic programs has no end"
            raise not_allowed(reason, programs, ["episode", "programs"])
        return self

    @model_validator(mode="after")
    def _violations_have_objectives(self) -> Self:
        if self.reward.terms.get("slo_violation") and not self.slo.model_dump(exclude_none=True):
            reason = f"needs an objective in slo: {', '.join(type(self.slo).model_fields)}"
            raise not_allowed(reason, self.reward.terms["slo_violation"], ["reward", "terms", "slo_violation"])
        return self
