"""Writes the reference of scenario files: `python -m agentsim_env.scenario.reference [--json-schema]`."""

import argparse
import ast
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from agentsim_env import limits
from agentsim_env.prose import wrapped
from agentsim_env.scenario import registries
from agentsim_env.scenario.bundle import STOCK, bundles, find_bundle
from agentsim_env.scenario.json_schema import file_schema, json_schema
from agentsim_env.scenario.loader import DEFAULT, library, load_scenario
from agentsim_env.scenario.rules import KINDS, PARAMETER_RANGE, PARAMETER_RANGES

_INTRODUCTION = f"""\
# Scenarios

<!-- Written by `make docs` from the schema in agentsim_env/scenario. Change that, not this page. -->

A scenario is everything that defines a simulation except its seed: cluster, workload, rules, reward and episode, in
one YAML file.

```yaml
extends: {DEFAULT}          # start from a scenario of the library, or from another file
cluster:
  instances:
    - {{gpu: H100, count: 8}}
workload:
  arrivals: {{process: gamma, cv: 4.0, load: 0.8}}
```

A name of the library or the path of a file goes wherever a scenario is asked for; without one it is `{DEFAULT}`.

* **extends** names another scenario, by its name in the library or by a path relative to the file. Mappings are merged
  key by key; lists are replaced as a whole; `null` takes a value away, so that the field's default holds again. A field
  that excludes another takes its place (`rate_per_s` and `load`, `mix` and `trace`), and a new `process` replaces the
  whole of `arrivals`. `name`, `description` and `knee` are not inherited.
* **rules.bundle** names the rules of a published system, or the path of a file of your own, relative to this one: they
  answer every kind of decision. Rules and parameters given beside it, or in a layer above, take their place.
* **--set path=value** lays one value over a scenario in the same way, from the command line:
  `--set cluster.instances.0.count=8 --set workload.arrivals.load=0.7`. Values are YAML.
* Units are in the names: `_s` seconds, `_tokens` tokens, `_per_s` per second.
* An unknown field is an error, as is a key that stands twice in one mapping. Errors name the file and line, the path of
  the field, its value and what is allowed.
* `python -m agentsim_env.scenario.reference --json-schema` prints a JSON schema, with which editors complete and check
  the files.

From Python:

```python
from agentsim_env.scenario import load_scenario

scenario = load_scenario("{DEFAULT}", ["cluster.instances.0.count=8"])
scenario.cluster.n_instances   # 8
scenario.content_hash()        # the same for scenarios that simulate alike
```
"""

_DRAWS = """\
## Scenarios that are drawn

An agent that is to serve clusters that it has not seen is trained on many. `randomize` says what is drawn anew for each
episode, and from what, by the path of the field as `--set` takes it:

```yaml
extends: unequal_gpus_tight
randomize:
  workload.arrivals.rate_per_s: {uniform: [0.15, 0.4]}          # any number in between, all alike
  cluster.instances.*.kv_blocks: {log_uniform: [5000, 16000]}   # as often from 5,000 to 8,000 as from 10,000 to 16,000
  cluster.instances.*.gpu: {choice: [H200, H100, A100, L40S]}   # one of these
  cluster.view_delay_s: {choice: [0, 0, 1.0]}                   # 0 twice as often as 1
```

What may be drawn is every field of `cluster` and `workload`, except a trace: the load or the rate, how many instances
there are and on which GPUs, KV blocks, the speed of links, how late views are, how long tools run. Some ranges that
make sense:

| what | path | range |
|---|---|---|
| load | `workload.arrivals.load` | `uniform: [0.5, 1.3]` |
| arrivals | `workload.arrivals.rate_per_s` | `log_uniform: [0.1, 0.4]` |
| instances | `cluster.instances.0.count` | `uniform: [2, 16]`: whole numbers, both ends among them |
| GPUs | `cluster.instances.*.gpu` | `choice: [H200, H100, A100, L40S]` |
| whole clusters | `cluster.instances` | `choice: [[{gpu: H100, count: 4}], [{gpu: H200}, {gpu: L40S, count: 3}]]` |
| KV blocks | `cluster.instances.*.kv_blocks` | `log_uniform: [4000, 16000]` |
| links | `cluster.tiers.0.link_gb_per_s` | `log_uniform: [5, 50]` |
| late views | `cluster.view_delay_s` | `choice: [0, 0.5, 2]` |
| tools | `workload.mix.0.params.tool_gap_s` | `choice: [{p50: 0.1, p95: 5}, {p50: 1, p95: 60}]` |

* `*` stands for each place of a list, and each is drawn for itself. A whole is drawn before its parts: instances from a
  choice, and then the GPU of each.
* What an episode gets at a path is a function of its seed and of the path alone. Neither actions nor rules nor other
  draws move it; single environments, batches, any number of threads, resumed trainings and evaluations have the same.
  The episode is that of the drawn scenario, bit for bit.
  `info["drawn"]` after `reset` and at the end of an episode, `simulator.drawn`, records and results say what it was.
* Spaces are those of the largest cluster. What is there of a smaller one comes first; rows of instances that are not
  there are 0, `allowed` too, and the mask forbids them.
* The ends of all ranges, every choice, and the combinations of these are checked before anything is simulated: all
  combinations if there are at most 32, else each end and choice with all others at their first and at their last one.
* A `load` is a fraction of a capacity, which is measured for each cluster and workload: there may be at most 16 of them
  then, from choices or ranges of whole numbers. Draw `rate_per_s` where there are more.
* The hash of a scenario covers its ranges. `--set randomize.cluster.view_delay_s=null` takes a draw away.

What is drawn is built once and kept: the last 64 scenarios, and the tables of the last 16 latency profiles. To draw and
build another one takes a seventh (another rate) to two fifths (other GPUs and KV blocks on four instances) of what the
workload and the state of an episode take; one that is kept takes next to nothing.
"""

_BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
_PLAIN = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


def markdown() -> str:
    """The reference page."""
    schema = json_schema()
    parts = schema["$defs"]
    sections = [_INTRODUCTION, _DRAWS, "\n".join(_library()), "\n".join(_bounds()), "## Fields\n"]
    sections.append(_section("Scenario", schema, parts))
    sections += [_section(name, parts[name], parts) for name in _in_order(schema)]
    return wrapped("\n".join([*sections, "\n".join(_rule_parameters()), "\n".join(_bundles())]))


def _rule_parameters() -> Iterator[str]:
    yield "### Parameters of rules\n"
    yield "| kind | rule | parameters with their defaults |"
    yield "|---|---|---|"
    for kind in KINDS:
        for rule in registries.rules(kind):
            parameters = registries.rule_parameters(kind, rule)
            if parameters:
                yield f"| `{kind}` | `{rule}` | `{_flow(dict(parameters))}` |"
    named = "; ".join(f"`{name}` from {least:g} to {most:g}" for name, (least, most, _) in PARAMETER_RANGES.items())
    least, most, _ = PARAMETER_RANGE
    yield f"\nParameters are numbers from {least:g} to {most:g}, except {named}.\n"


def _bundles() -> Iterator[str]:
    yield "### Bundles\n"
    yield f"`rules: {{bundle: NAME}}`, `--bundle NAME`, `Simulator(bundle=NAME)`; the rest is as in `{STOCK}`."
    yield "In the place of `NAME` goes the path of a file, too: YAML with `description` and `rules`, as"
    yield "`agentsim search-rules` writes it.\n"
    yield "| name | what it is | rules |"
    yield "|---|---|---|"
    for name in bundles():
        bundle = find_bundle(name)
        yield f"| `{name}` | {_one_line(bundle.description)} | `{_flow(bundle.rules)}` |"
    yield ""


def _bounds() -> Iterator[str]:
    """A row for each limit, from its name and the string below it."""
    yield "## Bounds\n"
    yield "The type of a field says what it can be at least and at most. What is beyond is an error that says why:\n"
    yield "| limit | value | why |"
    yield "|---|---|---|"
    source = ast.parse(Path(limits.__file__).read_text(encoding="utf-8"))
    for declared, reason in pairwise(source.body):
        if isinstance(declared, ast.Assign) and isinstance(reason, ast.Expr):
            name = ast.unparse(declared.targets[0])
            value, text = getattr(limits, name), ast.literal_eval(reason.value)
            shown = f"{value:,}" if isinstance(value, int) else f"{value:g}"
            yield f"| {name.replace('_', ' ').lower()} | {shown} | {_one_line(text)} |"
    yield ""
    yield (
        "Where several numbers make one, so does what they make: programs and their turns, instances and the turns in"
        " their batches, retries and a back-off that doubles, the memory of a tier and the size of a block, and the"
        " period of ticks and the longest time in which nothing else happens. Workloads are checked at every reset,"
        " whatever they come from.\n"
    )


def _library() -> Iterator[str]:
    yield "## Library\n"
    yield "| name | what it is | where the knee is |"
    yield "|---|---|---|"
    for name in library():
        scenario = load_scenario(name)
        yield f"| `{name}` | {_one_line(scenario.description)} | {_one_line(scenario.knee)} |"
    yield ""


def _section(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> str:
    rows = [
        f"### {name}\n",
        schema.get("description", "").split(">>>")[0].rstrip(),
        "",
        "| field | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for field, prop in schema["properties"].items():
        default = "**required**" if field in schema.get("required", ()) else _default(prop, parts)
        rows.append(f"| `{field}` | {_type(prop)} | {default} | {_one_line(prop.get('description', ''))} |")
    return "\n".join([*rows, ""])


def _in_order(schema: dict[str, Any]) -> list[str]:
    """Names of the parts, depth first in the order of the fields."""
    found: list[str] = []

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            name = _part(node)
            if name and name not in found:
                found.append(name)
                visit(schema["$defs"][name])
            for key, value in node.items():
                if key not in ("$defs", "discriminator"):
                    visit(value)
        elif isinstance(node, list):
            for item in node:
                visit(item)

    visit(schema)
    return [name for name in found if "properties" in schema["$defs"][name]]


def _type(prop: dict[str, Any]) -> str:
    if "$ref" in prop:
        name = _part(prop)
        return f"[{name}](#{name.lower()})"
    members = prop.get("anyOf") or prop.get("oneOf")
    if members:
        return " or ".join(_type(member) for member in members)
    if "const" in prop:
        return f"`{prop['const']}`"
    if "enum" in prop:
        return ", ".join(f"`{name}`" for name in prop["enum"])
    if prop.get("type") == "array":
        return f"list of {_type(prop['items'])}" if "items" in prop else "list"
    if prop.get("type") == "null":
        return "null"
    if isinstance(prop.get("additionalProperties"), dict):
        keys = _type(prop["propertyNames"]) if "enum" in prop.get("propertyNames", {}) else "name"
        return f"mapping of {keys} to {_type(prop['additionalProperties'])}"
    bounds = [f"{sign} {prop[key]:g}" for key, sign in _BOUNDS if key in prop]
    return " ".join([_PLAIN.get(prop.get("type", ""), "any"), ", ".join(bounds)]).strip()


def _default(prop: dict[str, Any], parts: dict[str, Any]) -> str:
    default = prop.get("default", "")
    name = next((_part(member) for member in [prop, *prop.get("anyOf", ())] if "$ref" in member), "")
    if name and isinstance(default, dict):
        defaults = {field: p.get("default") for field, p in parts[name]["properties"].items()}
        default = {field: value for field, value in default.items() if value != defaults.get(field)}
    is_long = isinstance(default, list) and any(isinstance(item, dict) for item in default)
    return "" if default in ("", {}, []) or is_long else f"`{_flow(default)}`"


def _flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.12g}"
    return value if isinstance(value, str) else json.dumps(value)


def _part(prop: dict[str, Any]) -> str:
    return prop.get("$ref", "").removeprefix("#/$defs/")


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Prints the page, or the JSON schema."""
    parser = argparse.ArgumentParser(description="Prints the reference of scenario files as Markdown.")
    parser.add_argument("--json-schema", action="store_true", help="print the JSON schema of a scenario file instead")
    if parser.parse_args().json_schema:
        print(json.dumps(file_schema(), indent=2))
    else:
        print(markdown(), end="")


if __name__ == "__main__":
    main()
