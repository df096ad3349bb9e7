"""Bundles: the rules of a published system under one name, one YAML file each in `bundles/`.

A bundle answers every kind of decision; what its file leaves out is answered as in `agentservesim.stock`.
"""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from agentsim_env.fields.base import Part, Text
from agentsim_env.scenario.errors import ScenarioError, suggestion
from agentsim_env.scenario.rules import KINDS, Rules
from agentsim_env.scenario.strict_yaml import parse

STOCK = "agentservesim.stock"
"""The bundle that the others are compared with, and that answers what they leave out."""

_FOLDER = Path(__file__).parent / "bundles"


class Bundle(Part):
    """A file of `bundles/`."""

    description: Text
    """What the system does, what of it is simulated, and where it was published."""

    rules: dict[str, Any] = Field(default={})
    """Fields of a scenario's `rules` that differ from those of `agentservesim.stock`."""


def bundles() -> tuple[str, ...]:
    """Names of all bundles."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def find_bundle(name: str) -> Bundle:
    """A bundle by its name.

    Raises:
        ScenarioError: There is none of this name.
    """
    if name not in bundles():
        raise ScenarioError(f"unknown bundle {name!r}{suggestion(name, bundles())}")
    path = _FOLDER / f"{name}.yaml"
    data, _ = parse(path.read_text(encoding="utf-8"), f"bundles/{path.name}")
    return Bundle.model_validate(data)


@cache
def rules_of(name: str) -> Rules:
    """The rules of a bundle, one for each kind of decision."""
    stock, own = find_bundle(STOCK).rules, find_bundle(name).rules
    kept = {kind: params for kind, params in stock.get("rule_params", {}).items() if kind not in own}
    given = {"rule_params": {**kept, **own.get("rule_params", {})}}
    return Rules.model_validate({**stock, **own, **given})


def rules_as_data(name: str) -> dict[str, Any]:
    """The rules of a bundle as a scenario's `rules` would spell them out."""
    rules = rules_of(name)
    return {**rules.by_kind(), "rule_params": {kind: dict(params) for kind, params in rules.rule_params.items()}}


def bundle_of(rules: Rules) -> str | None:
    """The bundle that has exactly these rules and parameters, if there is one."""
    return next((name for name in bundles() if _same(rules, rules_of(name))), None)


def _same(some: Rules, others: Rules) -> bool:
    return some.by_kind() == others.by_kind() and all(some.params(kind) == others.params(kind) for kind in KINDS)
