"""Bundles: rules for every kind of decision under one name, one YAML file each.

Those of published systems are in `bundles/`; any other file of the same form goes by its path, as what
`agentsim search-rules` finds. What a file leaves out is answered as in `agentservesim.stock`.
"""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from agentsim_env.errors import shown
from agentsim_env.fields.base import Part, Text
from agentsim_env.scenario.errors import ScenarioError, shorten, suggestion
from agentsim_env.scenario.explain import explain
from agentsim_env.scenario.layers import Layer
from agentsim_env.scenario.rules import KINDS, Rules
from agentsim_env.scenario.strict_yaml import parse

STOCK = "agentservesim.stock"
"""The bundle that the others are compared with, and that answers what they leave out."""

_FOLDER = Path(__file__).parent / "bundles"
_SUFFIXES = (".yaml", ".yml", ".json")


class Bundle(Part):
    """A file of `bundles/`, or one of its form."""

    description: Text
    """What the system does, what of it is simulated, and where it was published."""

    rules: dict[str, Any] = Field(default={})
    """Fields of a scenario's `rules` that differ from those of `agentservesim.stock`."""


class _Answers(Part):
    """The rules of a bundle where those of a scenario stand, so that errors name them alike."""

    rules: Rules


def bundles() -> tuple[str, ...]:
    """Names of all bundles that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def is_path(name: str) -> bool:
    """Whether a bundle is given by the path of its file, and not by a name."""
    return Path(name).suffix in _SUFFIXES


def find_bundle(name: str) -> Bundle:
    """A bundle by its name, or by the path of its file.

    Raises:
        ScenarioError: There is none of this name, or the file is none.
    """
    return _found(name)[0]


def _found(name: Any) -> tuple[Bundle, Layer]:
    if isinstance(name, str) and is_path(name):
        return _read(Path(name), name)
    if not isinstance(name, str) or name not in bundles():
        raise ScenarioError(
            f"unknown bundle {shorten(shown(name))}{suggestion(name, bundles())}, or the path of a file"
        )
    return _of_library(name)


@cache
def _of_library(name: str) -> tuple[Bundle, Layer]:
    return _read(_FOLDER / f"{name}.yaml", f"bundles/{name}.yaml")


def _read(path: Path, label: str) -> tuple[Bundle, Layer]:
    try:
        data, node = parse(path.read_text(encoding="utf-8-sig"), label)
    except OSError as error:
        raise ScenarioError(f"bundle {label}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"bundle {label}: cannot be read: it is not text in UTF-8: {error.reason}") from error
    layer = Layer(label, data, node)
    if not isinstance(data, dict) or not data.keys() <= Bundle.model_fields.keys():
        unknown = [str(key) for key in data if key not in Bundle.model_fields] if isinstance(data, dict) else []
        said = f"unknown field {shorten(unknown[0])}" if unknown else "must be a mapping of fields"
        raise ScenarioError(f"{label}: {said}; allowed: {', '.join(Bundle.model_fields)}")
    try:
        return Bundle.model_validate(data), layer
    except ValidationError as error:
        raise ScenarioError(explain(error, data, [layer])) from error


def rules_of(name: str) -> Rules:
    """The rules of a bundle, one for each kind of decision.

    Raises:
        ScenarioError: There is none of this name, or the file is none, or a rule or parameter in it is none.
    """
    return _rules_of_file(name) if is_path(name) else _rules_of_library(name)


@cache
def _rules_of_library(name: str) -> Rules:
    return _rules_of_file(name)


def _rules_of_file(name: str) -> Rules:
    stock = find_bundle(STOCK).rules
    bundle, layer = _found(name)
    own, params = bundle.rules, bundle.rules.get("rule_params", {})
    kept = {kind: of_kind for kind, of_kind in stock.get("rule_params", {}).items() if kind not in own}
    given = {**kept, **params} if isinstance(params, dict) else params
    data = {"rules": {**stock, **own, "rule_params": given}}
    try:
        return _Answers.model_validate(data).rules
    except ValidationError as error:
        raise ScenarioError(explain(error, data, [layer])) from error


def rules_as_data(name: str) -> dict[str, Any]:
    """The rules of a bundle as a scenario's `rules` would spell them out."""
    rules = rules_of(name)
    return {**rules.by_kind(), "rule_params": {kind: dict(params) for kind, params in rules.rule_params.items()}}


def bundle_of(rules: Rules) -> str | None:
    """The bundle that has exactly these rules and parameters, if there is one."""
    return next((name for name in bundles() if _same(rules, rules_of(name))), None)


def _same(some: Rules, others: Rules) -> bool:
    return some.by_kind() == others.by_kind() and all(some.params(kind) == others.params(kind) for kind in KINDS)
