"""The JSON schema of a scenario file, which lets an editor complete and check it."""

from typing import Any

from agentsim_env.scenario import registries
from agentsim_env.scenario.bundle import bundles
from agentsim_env.scenario.rules import KINDS
from agentsim_env.scenario.schema import Scenario

_EXTENDS = {
    "type": "string",
    "title": "Extends",
    "description": "Scenario that this one changes: a name of the library or a path relative to this file.",
}

_BUNDLE = {
    "type": "string",
    "title": "Bundle",
    "description": "Bundle whose rules answer every kind of decision, except those given beside it.",
}


def json_schema() -> dict[str, Any]:
    """The schema of a complete scenario, with the names that are known today and the parameters of each family."""
    schema = Scenario.model_json_schema()
    parts = schema["$defs"]
    for kind in KINDS:
        parts["Rules"]["properties"][kind]["enum"] = sorted(registries.rules(kind))
    parts["TraceSource"]["properties"]["format"]["enum"] = ["auto", *sorted(registries.trace_formats())]
    _add_families(parts)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def file_schema() -> dict[str, Any]:
    """The schema of a scenario file: it may extend another one, so that no field is required."""
    schema = _without_required(json_schema())
    rules = schema["$defs"]["Rules"]
    named = {"anyOf": [{"enum": list(bundles())}, {"pattern": r"\.(ya?ml|json)$"}]}
    rules["properties"] = {"bundle": {**_BUNDLE, **named}, **rules["properties"]}
    return {**schema, "properties": {"extends": _EXTENDS, **schema["properties"]}}


def _add_families(parts: dict[str, Any]) -> None:
    """Makes the parameters of an entry of the mix depend on its family, as the models alone cannot say."""
    families, conditions = registries.families(), []
    for name in sorted(families):
        params = families[name].params.model_json_schema(ref_template="#/$defs/{model}")
        parts.update(params.pop("$defs", {}))
        parts[params["title"]] = params
        given = {"properties": {"params": {"$ref": f"#/$defs/{params['title']}"}}}
        conditions.append({"if": {"properties": {"family": {"const": name}}, "required": ["family"]}, "then": given})
    entry = parts["MixEntry"]
    entry["properties"]["family"]["enum"] = sorted(families)
    entry["properties"]["params"] = {
        "type": "object",
        "description": entry["properties"]["params"]["description"],
        "default": {},
    }
    entry["allOf"] = conditions
    parts.pop("BaseModel", None)


def _without_required(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # Without its required discriminator a part may match several members of a union.
    renamed = {"anyOf" if key == "oneOf" else key: value for key, value in schema.items()}
    return {
        key: value if key == "if" else _without_required(value)
        for key, value in renamed.items()
        if key not in ("required", "discriminator")
    }
