"""The GPUs and models that we know by name.

A new one is a new entry of `gpus.yaml` or `models.yaml`; a model can also be a path to a Hugging Face `config.json`.
"""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.huggingface import model_from_config
from agentsim_env.hardware.model import Model

FOLDER = Path(__file__).parent
Entry = TypeVar("Entry", Gpu, Model)


def find_gpu(name: str) -> Gpu:
    """The GPU called `name`, whatever the case and punctuation.

    Raises:
        UnknownHardwareError: If no entry or alias matches.
    """
    return _find(name, gpus(), "GPU", "gpus.yaml")


def find_model(name: str) -> Model:
    """The model called `name`, or the one that the `config.json` at that path describes.

    Raises:
        UnknownHardwareError: If no entry or alias matches and no such file exists.
    """
    if name.endswith(".json") and Path(name).is_file():
        return model_from_config(Path(name))
    return _find(name, models(), "model", "models.yaml")


@cache
def gpus() -> Mapping[str, Gpu]:
    """All GPUs of `gpus.yaml` by name."""
    return _read(Gpu, "gpus.yaml")


@cache
def models() -> Mapping[str, Model]:
    """All models of `models.yaml` by name."""
    return _read(Model, "models.yaml")


def _read(kind: type[Entry], file: str) -> dict[str, Entry]:
    allowed = {item.name for item in fields(kind)} - {"name"}
    table: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / file).read_text())
    entries: dict[str, Entry] = {}
    for name, values in table.items():
        unknown = sorted(set(values) - allowed)
        if unknown:
            raise ValueError(f"{file}: {name}: unknown {', '.join(unknown)}; allowed: {', '.join(sorted(allowed))}")
        try:
            entries[name] = kind(name=name, **{**values, "aliases": tuple(values.get("aliases", ()))})
        except TypeError as error:
            raise ValueError(f"{file}: {name}: {error}") from error
    return entries


def _find(name: str, known: Mapping[str, Entry], what: str, file: str) -> Entry:
    names = {_plain(alias): entry for entry in known.values() for alias in (entry.name, *entry.aliases)}
    if _plain(name) in names:
        return names[_plain(name)]
    close = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.5)
    hint = f"; did you mean {names[close[0]].name!r}?" if close else "."
    raise UnknownHardwareError(f"unknown {what} {name!r}{hint} Known ({file}): {', '.join(known)}")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
