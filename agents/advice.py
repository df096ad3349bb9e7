"""Policies that are advised by a rule: which rule that is, and the scenario in which it advises them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentsim_env.agents.bundle import PREFIX as BUNDLE
from agentsim_env.agents.errors import AgentError
from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.policies.advice import ADVICE, PARAMS, kinds_of, not_there

if TYPE_CHECKING:
    from agentsim_env.scenario import Scenario


def with_advice(scenario: "Scenario", rules: Mapping[str, Any]) -> "Scenario":
    """A scenario whose rules advise, some of them others than its own; its programs arrive as before.

    Args:
        scenario: The scenario.
        rules: Rules that replace its own, as they stand under `rules` in a scenario.

    Raises:
        ScenarioError: There is no such rule.
    """
    from agentsim_env.load import with_rate
    from agentsim_env.scenario import load_scenario

    own = scenario.rules
    params = {kind: values for kind, values in own.rule_params.items() if kind not in rules}
    changed = own.by_kind() | {"policies": own.policies, PARAMS: params | rules.get(PARAMS, {})}
    changed = dict(rules) if BUNDLE in rules else changed | {kind: rules[kind] for kind in kinds_of(rules)}
    content = with_rate(scenario).model_dump(mode="json", exclude_unset=True)
    return load_scenario(content | {"rules": changed}, {"decisions.advice": True})


def advised_by(scenario: "Scenario", advice: str, kinds: Sequence[str]) -> "Scenario":
    """The scenario of a training that begins as a rule.

    Args:
        scenario: What it would be without.
        advice: Name of a rule of the kind that is trained; `rules` for those of the scenario, `bundle:NAME` for those
            of a bundle; or rules spelled out, `{admit_program: thunder_agent, rule_params: {...}}`.
        kinds: Kinds of decision that are trained.

    Raises:
        ScenarioError: There is no such rule or bundle.
        AgentError: A rule is named alone where several kinds are trained.
    """
    from agentsim_env.scenario.strict_yaml import parse

    if advice == SCENARIO_RULES:
        return with_advice(scenario, {})
    if advice.startswith("{"):
        return with_advice(scenario, parse(advice, ADVICE)[0])
    first, colon, name = advice.partition(":")
    if colon and first == BUNDLE:
        return with_advice(scenario, {"bundle": name})
    if len(kinds) > 1:
        raise AgentError(f"advice {advice!r}: several kinds are trained; allowed: rules, bundle:NAME, {{KIND: RULE}}")
    return with_advice(scenario, {kinds[0]: advice})


def scenario_for(agent: Any, scenario: "Scenario") -> "Scenario":
    """The scenario in which an agent acts where it is to act in another: with the rule that advises it, if one does."""
    rules = agent.origin.get(ADVICE) if isinstance(agent, ExportedPolicy) else None
    if rules is None or not_there(scenario, agent.origin) is None:
        return scenario
    return with_advice(scenario, rules)
