"""The rule that answers each kind of decision, unless an agent does."""

import os
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from agentsim_env.fields.base import Part, Text
from agentsim_env.fields.problems import not_allowed, not_known
from agentsim_env.limits import LARGEST, LONGEST_S, SHORTEST_PERIOD_S, SMALLEST
from agentsim_env.scenario import registries

PARAMETER_RANGES: dict[str, tuple[float, float, str]] = {
    "period_s": (SHORTEST_PERIOD_S, LONGEST_S, "seconds until the rule is asked again; an iteration takes as long"),
    "queues": (1.0, 64.0, "quanta grow with each, and the last has no end"),
    "quantile": (0.0, 1.0, "a share of the gaps"),
    "fade_s": (SMALLEST, LONGEST_S, "seconds, above 0"),
    "forgetting": (0.0, 1.0, "the weight of what was learned before"),
    "prior_weight": (SMALLEST, LARGEST, "above 0: what is learned is divided by it at first"),
    "half_life_s": (SMALLEST, LONGEST_S, "seconds, above 0"),
    "least_slack_s": (SMALLEST, LONGEST_S, "seconds, above 0: work is divided by them"),
    "margin_s": (-LONGEST_S, LONGEST_S, "seconds, before or after"),
    "deviations": (-LARGEST, LARGEST, "above or below a mean"),
}
"""Least and largest value of parameters by name, and why."""

PARAMETER_RANGE = (0.0, LARGEST, "sums of larger numbers lose what is added")
"""The same for all others."""


SHIPPED = "pretrained:"
"""What the name of a policy begins with that comes with the package."""


def _known(rule: str, info: ValidationInfo) -> str:
    allowed = registries.rules(str(info.field_name))
    if rule not in allowed:
        raise not_known("rule", rule, allowed)
    return rule


RuleName = Annotated[Text, AfterValidator(_known)]
"""A rule for the kind of decision that the field is named for."""


class Rules(Part):
    """One rule for each kind of decision, by name, and their parameters."""

    admit_program: RuleName = "admit"
    """A program arrives, or is held and could start: admit, hold or reject it."""

    route_turn: RuleName = "least_loaded"
    """A turn is ready: on which instance it runs."""

    schedule_turn: RuleName = "fcfs"
    """An instance could take one more turn into its batch: which one."""

    retain_kv: RuleName = "leave"
    """A turn ends and a gap follows: what becomes of its KV."""

    evict_kv: RuleName = "lru"
    """Blocks are needed: which idle KV goes."""

    preempt_turn: RuleName = "last_admitted"
    """A running turn cannot grow and nothing idle is left: which running turn goes back to the queue."""

    prefetch_kv: RuleName = "none"
    """Something could be moved up ahead of its use: what, if anything."""

    set_prefill_budget: RuleName = "keep"
    """An instance with two lanes has work, and a tick comes: what share of the GPU its decodes have at least, and how
    long a prefill may be that joins them."""

    rule_params: dict[str, dict[str, float]] = Field(default={})
    """Parameters of the rules, by kind of decision; what is not given keeps the rule's default."""

    policies: dict[str, str] = Field(default={})
    """Trained policies, by kind of decision: paths of exported policies, or `pretrained:NAME`. They answer, inside the
    simulation, where an agent would be asked; what is not put to agents is left to the rule of the kind."""

    @field_validator("policies")
    @classmethod
    def _policies_of_kinds(cls, policies: dict[str, str]) -> dict[str, str]:
        for kind in policies:
            if kind not in KINDS:
                raise not_known("kind of decision", kind, KINDS, [kind])
        return {kind: path if path.startswith(SHIPPED) else os.path.abspath(path) for kind, path in policies.items()}

    @field_validator("rule_params")
    @classmethod
    def _params_of_rules(
        cls, rule_params: dict[str, dict[str, float]], info: ValidationInfo
    ) -> dict[str, dict[str, float]]:
        for kind, params in rule_params.items():
            if kind not in KINDS:
                raise not_known("kind of decision", kind, KINDS, [kind])
            if kind in info.data:
                _check_params(kind, info.data[kind], params)
        return rule_params

    def by_kind(self) -> dict[str, str]:
        """The rule of each kind of decision."""
        return {kind: getattr(self, kind) for kind in KINDS}

    def params(self, kind: str) -> dict[str, float]:
        """Parameters of the rule that answers `kind`: the given ones over the rule's defaults."""
        return {**registries.rule_parameters(kind, getattr(self, kind)), **self.rule_params.get(kind, {})}


def _check_params(kind: str, rule: str, params: dict[str, float]) -> None:
    allowed = registries.rule_parameters(kind, rule)
    for name, value in params.items():
        if name not in allowed:
            raise not_known(f"parameter of rule '{rule}'", name, allowed, [kind, name])
        least, most, reason = PARAMETER_RANGES.get(name, PARAMETER_RANGE)
        if not least <= value <= most:
            raise not_allowed(f"must be from {least:g} to {most:g}: {reason}", value, [kind, name])


KINDS: tuple[str, ...] = tuple(name for name in Rules.model_fields if name not in ("rule_params", "policies"))
"""The kinds of decision."""
