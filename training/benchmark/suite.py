"""Suites: which cases agents are compared on, one YAML file each in `training/suites`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from agentsim_env.agents.bundle import PREFIX as BUNDLE
from agentsim_env.agents.rule import SCENARIO_RULES
from agentsim_env.errors import shown
from agentsim_env.fields.base import Part, PositiveNumber, Text
from agentsim_env.scenario import Scenario, library
from agentsim_env.scenario.bundle import bundles
from agentsim_env.scenario.errors import shorten, suggestion
from agentsim_env.scenario.registries import rules
from agentsim_env.scenario.rules import Rules
from agentsim_env.scenario.strict_yaml import parse
from agentsim_env.training import environments
from agentsim_env.training.errors import TrainingError

OPPONENTS = STOCK, BEST = "stock", "best"
"""Names of the two opponents that a suite brings, between which scores are told."""

_FOLDER = Path(__file__).parents[1] / "suites"
_SUFFIXES = (".yaml", ".yml")

Model = TypeVar("Model", bound=Part)
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.]*$", max_length=60)]


class Case(Part):
    """One scenario of a suite."""

    name: Name
    """Name within the suite."""

    why: Text
    """What it is there for."""

    scenario: Text
    """Name of a scenario of the library."""

    set: dict[Text, Any] = Field(default={})
    """Values laid over the scenario, by path."""

    trace: Text | None = None
    """Trace whose programs take the place of the scenario's: a path within the folder of traces."""

    seeds: PositiveNumber
    """How many held-out seeds, the first ones of the test split."""

    best: Text | Rules
    """What scores 1, the best that is known for the case: a rule, `bundle:NAME`, or a combination of rules with their
    parameters, spelled out as in a scenario."""

    @field_validator("scenario")
    @classmethod
    def _in_library(cls, scenario: str) -> str:
        if scenario not in library():
            raise ValueError(f"must be a scenario of the library{suggestion(scenario, library())}")
        return scenario

    @field_validator("trace")
    @classmethod
    def _within_the_folder(cls, trace: str | None) -> str | None:
        if trace is not None and (Path(trace).is_absolute() or ".." in Path(trace).parts):
            raise ValueError("must be a path within the folder of traces")
        return trace

    @property
    def opponent(self) -> str:
        """`best`, as an evaluation takes agents."""
        if isinstance(self.best, str):
            return self.best
        return f"{BUNDLE}:{json.dumps(self.best.model_dump(mode='json'))}"

    def load(self, traces: Path | None) -> Scenario:
        """The scenario of the case.

        Args:
            traces: Folder of the traces.
        """
        trace = None if self.trace is None or traces is None else traces / self.trace
        return environments.load(self.scenario, self.set, trace)

    def missing(self, traces: Path | None) -> str | None:
        """Why the case cannot be played here; None if it can."""
        if self.trace is None or (traces is not None and (traces / self.trace).exists()):
            return None
        where = "no folder of traces was given (--traces)" if traces is None else f"it is not in {traces}"
        return f"needs the trace {self.trace}, and {where}"


class Suite(Part):
    """A file of `training/suites`."""

    description: Text
    """What the suite tells."""

    environment: Text
    """The environment that agents answer in."""

    stock: Text
    """What scores 0: what stands there without anybody's effort, as an evaluation takes agents."""

    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
    """The cases."""

    @field_validator("environment")
    @classmethod
    def _is_known(cls, environment: str) -> str:
        if environment not in environments.ENVIRONMENTS:
            raise ValueError(f"no such environment{suggestion(environment, environments.ENVIRONMENTS)}")
        return environment

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [case.name for case in self.cases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two cases are named {twice!r}")
        return self

    @model_validator(mode="after")
    def _opponents_are_rules(self) -> Self:
        # A result brings its suite along: whoever verifies it plays these without having looked at them.
        kinds = environments.find_environment(self.environment).kinds
        for opponent in (self.stock, *(case.best for case in self.cases)):
            if isinstance(opponent, str) and not _is_rules(opponent, kinds):
                allowed = f"a rule for {' or '.join(kinds)}, {SCENARIO_RULES}, or {BUNDLE}:NAME of a bundle"
                raise ValueError(f"{opponent!r} cannot be an opponent; allowed: {allowed}")
        return self

    def content_hash(self) -> str:
        """SHA-256 of everything but the prose: equal for suites that ask the same."""
        content = self.model_dump(mode="json", exclude={"description": True, "cases": {"__all__": {"why"}}})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def shortened(self, seeds: int | None) -> "Suite":
        """The suite with at most so many seeds a case; itself for None."""
        if seeds is None:
            return self
        cases = tuple(case.model_copy(update={"seeds": min(case.seeds, seeds)}) for case in self.cases)
        return self.model_copy(update={"cases": cases})


def _is_rules(text: str, kinds: Sequence[str]) -> bool:
    """Whether a text names rules, and nothing that is loaded from a file."""
    prefix, colon, bundle = text.partition(":")
    if colon:
        return prefix == BUNDLE and bundle in bundles()
    known = {name for kind in kinds for rule in rules(kind) for name in (rule, f"{kind}.{rule}")}
    return text == SCENARIO_RULES or text in known


def suites() -> tuple[str, ...]:
    """Names of the suites that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def find_suite(name: str) -> tuple[str, Suite]:
    """A suite by its name or the path of its file.

    Returns:
        Its name, and the suite.

    Raises:
        TrainingError: There is none, or the file does not describe one.
    """
    path = _FOLDER / f"{name}.yaml" if name in suites() else Path(name)
    if path.suffix not in _SUFFIXES or not path.is_file():
        raise TrainingError(f"no suite {name!r}{suggestion(name, suites())}, or the path of a YAML file")
    label = f"suites/{path.name}" if path.parent == _FOLDER else str(path)
    data, _ = parse(path.read_text(encoding="utf-8"), label)
    if not isinstance(data, Mapping):
        raise TrainingError(f"{label}: must be a mapping of fields; allowed: {', '.join(Suite.model_fields)}")
    return path.stem, checked(Suite, data, label)


def checked(model: type[Model], data: Any, label: str) -> Model:
    """What some values describe.

    Raises:
        TrainingError: They do not; each line names the file, the field, its value and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise TrainingError("\n".join(_lines(error, label))) from None


def _lines(error: ValidationError, label: str) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(map(str, problem["loc"]))
        given = "" if problem["type"] in ("missing", "extra_forbidden") else f" = {shorten(shown(problem['input']))}"
        lines.append(f"{label}: {field}{given}: {problem['msg'].removeprefix('Value error, ')}")
    return lines
