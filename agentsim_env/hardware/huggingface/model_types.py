"""What a `model_type` says that its `config.json` does not (`model_types.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from agentsim_env.files import read_yaml

FILE = Path(__file__).parent / "model_types.yaml"


@dataclass(frozen=True)
class ModelType:
    """One `model_type`.

    Attributes:
        left_out: Fields that published files leave out, with the values of the class that reads them.
        left_out_nested: Likewise, of files in which this is the language model of a larger one.
        gated: MLPs and experts have a gate (three matrices); `None`: unless their activation is a squared ReLU.
        refused: Why the type is not modelled.
    """

    left_out: Mapping[str, Any] = field(default_factory=dict)
    left_out_nested: Mapping[str, Any] = field(default_factory=dict)
    gated: bool | None = None
    refused: str = ""


def model_type(name: str) -> ModelType:
    """What is known of `name`; nothing special for a type that is not listed."""
    return _table().get(name, ModelType())


@cache
def _table() -> Mapping[str, ModelType]:
    table: dict[str, dict[str, Any]] = read_yaml(FILE)
    found: dict[str, ModelType] = {}
    for names, values in table.items():
        for name in names.split():
            found[name] = ModelType(**values)
    return found
