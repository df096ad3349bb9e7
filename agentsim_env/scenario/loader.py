"""Finds, reads, layers and validates scenarios."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentsim_env.errors import shown
from agentsim_env.scenario.bundle import bundles, is_path, rules_as_data
from agentsim_env.scenario.corners import check
from agentsim_env.scenario.errors import ScenarioError, shorten, suggestion
from agentsim_env.scenario.explain import explain, where
from agentsim_env.scenario.layers import Layer, child, merge
from agentsim_env.scenario.overrides import Overrides, layer, pairs
from agentsim_env.scenario.randomize import flat
from agentsim_env.scenario.schema import PROSE, Scenario
from agentsim_env.scenario.strict_yaml import DEEPEST, line_of, parse

DEFAULT = "coding_agents"
_LIBRARY = Path(__file__).parent / "library"
_SUFFIXES = (".yaml", ".yml", ".json")

_LONGEST_PATH = 400
"""Characters of a path in a message: who looks for a file needs all of it."""


def library() -> tuple[str, ...]:
    """Names of the scenarios that come with the package."""
    return tuple(sorted(path.stem for path in _LIBRARY.glob("*.yaml")))


def load_scenario(
    source: str | Path | Mapping[str, Any] | Scenario | None = None, overrides: Overrides = ()
) -> Scenario:
    """Loads a scenario.

    Args:
        source: Name of a scenario of the library, path of a YAML or JSON file, values as a mapping, or a scenario
            to change; None for the default of the library.
        overrides: `path=value` strings, or a mapping from dotted paths to values, laid over the scenario in order.

    Returns:
        The validated scenario.

    Raises:
        ScenarioError: It cannot be read or is not valid.

    Example:
        >>> scenario = load_scenario("coding_agents", ["cluster.instances.0.count=8"])
        >>> scenario.cluster.n_instances
        8
    """
    try:
        return _loaded(source, overrides)
    except RecursionError:
        raise ScenarioError(f"scenario: is nested too deep; at most {DEEPEST} levels") from None


def _loaded(source: str | Path | Mapping[str, Any] | Scenario | None, overrides: Overrides) -> Scenario:
    layers = [part for below in _layers(source) for part in _unbundled(below)]
    data: Any = {}
    for below in layers:
        data = merge(data, below.data)
    below_overrides = data
    for label, path, value in pairs(overrides):
        for part in _unbundled(layer(data, label, path, value)):
            layers.append(part)
            data = merge(data, part.data)
    data = _with_absolute_paths(data, Path())
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, data, layers)) from error
    if scenario.randomize:
        check(data, scenario, layers)
    if scenario.workload.trace is not None:
        scenario.workload.trace.as_given_in(_place_of_trace(scenario, source, layers))
    if overrides or isinstance(source, Scenario):
        return scenario.laid_over(_filed(source, below_overrides))
    return scenario


def _place_of_trace(scenario: Scenario, source: Any, layers: Sequence[Layer]) -> str:
    """What names the path of a scenario's trace; a scenario that was loaded before knows it of its own."""
    known = source.workload.trace if isinstance(source, Scenario) else None
    if known is not None and known == scenario.workload.trace:
        return known.given_in
    return where(("workload", "trace", "path"), layers)


def _filed(source: str | Path | Mapping[str, Any] | Scenario | None, data: Any) -> Scenario | None:
    """The scenario that overrides are laid over, before any: a scenario may have had others laid over it already."""
    if isinstance(source, Scenario):
        return source.as_filed or source
    try:
        return Scenario.model_validate(_with_absolute_paths(data, Path()))
    except ValidationError:  # the overrides are what makes a scenario of the file
        return None


def _layers(source: str | Path | Mapping[str, Any] | Scenario | None) -> list[Layer]:
    if isinstance(source, Scenario):
        # Only what was given: a default must make way when, say, the family that it belongs to changes.
        return [Layer(f"scenario {source.name}", source.model_dump(mode="json", exclude_unset=True))]
    if isinstance(source, Mapping):
        return _with_bases(Layer("scenario", {"name": "unnamed", **source}), Path(), ())
    if not isinstance(source, str | Path | None):
        allowed = "a name of the library, a path, a mapping or a Scenario"
        raise ScenarioError(f"scenario: {shorten(shown(source))}: must be {allowed}")
    path = _find(DEFAULT if source is None else source, Path(), "scenario")
    return _read(path, ())


def _unbundled(layer: Layer) -> list[Layer]:
    """A layer that names a bundle as three: no rules, those of the bundle, and what else the layer says."""
    if child(layer.data, "randomize"):
        layer = layer._replace(data={**layer.data, "randomize": flat(layer.data["randomize"])})
    rules = child(layer.data, "rules")
    if not isinstance(rules, dict) or "bundle" not in rules:
        return [layer]
    rest = {key: value for key, value in rules.items() if key != "bundle"}
    above = layer._replace(data={**layer.data, "rules": rest})
    name = rules["bundle"]
    if name is None:
        return [above]
    if name not in bundles() and not (isinstance(name, str) and is_path(name)):
        where = layer.where(["rules", "bundle"])
        known = f"{suggestion(name, bundles())}, or the path of a file"
        raise ScenarioError(f"{where}: rules.bundle = {name!r}: unknown bundle{known}")
    cleared = layer._replace(data={"rules": None})
    return [cleared, layer._replace(data={"rules": rules_as_data(name)}), above]


def _find(source: str | Path, folder: Path, asked_by: str) -> Path:
    path = folder / source
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:
        raise ScenarioError(f"{asked_by}: {shorten(str(path))}: cannot be read: {error.strerror}") from error
    is_name = isinstance(source, str) and Path(source).name == source and path.suffix not in _SUFFIXES
    if is_name and source in library():
        return _LIBRARY / f"{source}.yaml"
    if is_file:
        return path
    if is_folder and str(source):
        raise ScenarioError(f"{asked_by}: {path}: is a folder; must be the name of a scenario or the path of a file")
    if is_name:
        hint = suggestion(source, library())
        raise ScenarioError(f"{asked_by}: {shorten(str(source))}: no such scenario{hint}, or the path of a file")
    raise ScenarioError(f"{asked_by}: {shorten(str(path), _LONGEST_PATH)}: no such file")


def _read(path: Path, children: tuple[Path, ...]) -> list[Layer]:
    label = f"library/{path.name}" if path.parent == _LIBRARY else str(path)
    if path.resolve() in children:
        chain = " -> ".join(p.name for p in (*children[children.index(path.resolve()) :], path))
        raise ScenarioError(f"{label}: extends: scenarios extend each other in a circle: {chain}")
    try:
        data, node = parse(path.read_text(encoding="utf-8-sig"), label)
    except OSError as error:
        raise ScenarioError(f"{label}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{label}: cannot be read: it is not text in UTF-8: {error.reason}") from error
    if not isinstance(data, dict):
        allowed = ", ".join(("extends", *Scenario.model_fields))
        raise ScenarioError(f"{label}: must be a mapping of fields; allowed: {allowed}")
    named = {"name": path.stem, **data}
    return _with_bases(Layer(label, named, node), path.parent, (*children, path.resolve()))


def _with_bases(top: Layer, folder: Path, children: tuple[Path, ...]) -> list[Layer]:
    data = _with_absolute_paths(dict(top.data), folder)
    base = data.pop("extends", None)
    if base is None:
        return [top._replace(data=data)]
    line = line_of(top.node, ["extends"])
    where = f"{top.label}:{line}: extends" if line else f"{top.label}: extends"
    if not isinstance(base, str):
        raise ScenarioError(f"{where} = {shorten(shown(base))}: must be the name of a scenario or the path of a file")
    below = _read(_find(base, folder, where), children)
    # A name or a knee describes one scenario and not those that extend it.
    inherited = [layer._replace(data={k: v for k, v in layer.data.items() if k not in PROSE}) for layer in below]
    return [*inherited, top._replace(data=data)]


def _with_absolute_paths(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Makes the paths of a trace, a model and a bundle absolute, so that a scenario means the same wherever it is."""
    match data:
        case {"workload": {"trace": {"path": str(path)} as trace} as workload} if path:
            data = {**data, "workload": {**workload, "trace": {**trace, "path": str((folder / path).absolute())}}}
    match data:
        case {"cluster": {"model": str(model)} as cluster} if _is_path(model):
            data = {**data, "cluster": {**cluster, "model": str((folder / model).absolute())}}
    match data:
        case {"rules": {"bundle": str(bundle)} as rules} if is_path(bundle):
            data = {**data, "rules": {**rules, "bundle": str((folder / bundle).absolute())}}
    return data


def _is_path(model: str) -> bool:
    """Whether a model is given by the path of its description, and not by a name."""
    return model.endswith(".json") or model.startswith(("./", "../"))
