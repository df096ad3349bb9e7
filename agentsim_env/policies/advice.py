"""The rule that advises a policy: what its file says of it, and whether a scenario has it."""

from collections.abc import Mapping, Sequence
from typing import Any

ADVICE = "advice"
"""Under this name the origin of a policy has what `advice_of` gives."""

PARAMS = "rule_params"


def advice_of(scenario: Any, kinds: Sequence[str]) -> dict[str, Any]:
    """The rules of some kinds of decision and their parameters, as they stand under `rules` in a scenario."""
    given = scenario.rules.rule_params
    params = {kind: dict(given[kind]) for kind in kinds if given.get(kind)}
    return {kind: getattr(scenario.rules, kind) for kind in kinds} | ({PARAMS: params} if params else {})


def kinds_of(rules: Mapping[str, Any]) -> list[str]:
    """The kinds of decision of which rules say something."""
    return [kind for kind in rules if kind != PARAMS]


def not_there(scenario: Any, origin: Mapping[str, Any]) -> str | None:
    """What a scenario lacks to be one in which a policy is advised as in its training; None if it lacks nothing.

    Args:
        scenario: The scenario.
        origin: Origin of the policy.
    """
    advice = origin.get(ADVICE)
    if advice is None:
        return None
    found = advice_of(scenario, kinds_of(advice))
    if scenario.decisions.advice and found == advice:
        return None
    wanted = [f"rules.{kind}={advice[kind]}" for kind in kinds_of(advice) if advice[kind] != found[kind]]
    if found.get(PARAMS) != advice.get(PARAMS):
        wanted += [f"rules.rule_params={advice.get(PARAMS, {})}"]
    return ", ".join(([] if scenario.decisions.advice else ["decisions.advice=true"]) + wanted)
