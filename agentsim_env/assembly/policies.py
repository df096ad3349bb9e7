"""The trained policies that a scenario names, read and fitted to what their kinds of decision show."""

from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from agentsim_env.engine.core.decisions import DECISIONS
from agentsim_env.engine.core.policies import Policy
from agentsim_env.engine.core.scorer import Scorer
from agentsim_env.policies.advice import not_there
from agentsim_env.policies.errors import AgentError
from agentsim_env.policies.file import read_policy
from agentsim_env.policies.pretrained import file_of
from agentsim_env.policies.weights import flat
from agentsim_env.scenario import Scenario, ScenarioError


def policies_of(scenario: Scenario, agent_kinds: tuple[str, ...] = ()) -> dict[str, Policy]:
    """The policies of a scenario by kind of decision, but for the kinds that somebody outside answers.

    Raises:
        ScenarioError: A file is no policy, or one that compiled code cannot play, or of other features than are seen.
    """
    named = scenario.rules.policies.items()
    return {kind: _policy(scenario, kind, path) for kind, path in named if kind not in agent_kinds}


def _policy(scenario: Scenario, kind: str, path: str) -> Policy:
    field = f"rules.policies.{kind}"
    try:
        header, weights = read_policy(Path(file_of(path)))
    except AgentError as error:
        raise ScenarioError(f"{field}: {error}") from None
    lacking = not_there(scenario, header.origin)
    if lacking is not None:
        raise ScenarioError(f"{field} = {path!r}: follows the advice of a rule; set {lacking}")
    # What is shown is declared above the engine, where the table of kinds says.
    question: Any = resolve_name(DECISIONS[kind].question)
    seen = question.columns(scenario).names
    if header.feature_names != seen:
        new, gone = sorted(set(seen) - set(header.feature_names)), sorted(set(header.feature_names) - set(seen))
        raise ScenarioError(f"{field} = {path!r}: trained on other features than {kind} has (new {new}, gone {gone})")
    if header.sampled or weights.actions_per_row != 1:
        raise ScenarioError(f"{field} = {path!r}: draws its actions, or has several for a row; allowed: the best row")
    return Policy(Scorer(weights.form, weights.width, header.allowed_feature, flat(weights)), len(seen))
