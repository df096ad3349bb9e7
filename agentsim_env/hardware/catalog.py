"""The GPUs and models that we know by name.

A new one is a new entry of `gpus.yaml` or `models.yaml`; a model can also be a path to a Hugging Face `config.json`.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from agentsim_env.files import read_yaml
from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.gpu import Gpu
from agentsim_env.hardware.huggingface import model_from_config, model_from_fields
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.sampling import WHOLE, known_sampling

FOLDER = Path(__file__).parent


def find_gpu(name: str) -> Gpu:
    """The GPU called `name`, whatever the case and punctuation.

    Raises:
        UnknownHardwareError: If no entry or alias matches.
    """
    return gpus()[_find(name, _gpu_names(), "GPU", "gpus.yaml")]


def find_model(name: str) -> Model:
    """The model called `name`, or the one that the `config.json` at that path, or in that folder, describes.

    A name of the catalogue comes first. A path ends in `.json`, is absolute, or is that of a folder with a
    `config.json`.

    Raises:
        UnknownHardwareError: If no entry or alias matches, or the file cannot be used.
    """
    if _plain(name) not in _model_names() and _is_path(name):
        return model_from_config(Path(name))
    return _model(_find(name, _model_names(), "model", "models.yaml"))


def _is_path(name: str) -> bool:
    try:
        looks_so = name.endswith(".json") or name.startswith(("/", "./", "../"))
        return looks_so or (Path(name) / "config.json").is_file()
    except (OSError, ValueError):
        return False


@cache
def gpus() -> Mapping[str, Gpu]:
    """All GPUs of `gpus.yaml` by name."""
    allowed = {item.name for item in fields(Gpu)} - {"name"}
    entries: dict[str, Gpu] = {}
    for name, values in _read("gpus.yaml", allowed).items():
        try:
            entries[name] = Gpu(name=name, **{**values, "aliases": tuple(values.get("aliases", ()))})
        except TypeError as error:
            raise UnknownHardwareError(f"gpus.yaml: {name}: {error}") from error
    return entries


@cache
def models() -> Mapping[str, Model]:
    """All models of `models.yaml` by name."""
    return {name: _model(name) for name in model_names()}


def model_names() -> tuple[str, ...]:
    """Names of all models of `models.yaml`."""
    return tuple(_model_entries())


@cache
def _model_entries() -> Mapping[str, dict[str, Any]]:
    return _read("models.yaml", {"aliases", "source", "config", "sampling"})


@cache
def _model(name: str) -> Model:
    values = _model_entries()[name]
    return replace(
        model_from_fields(values["config"], name, f"models.yaml: {name}"),
        aliases=tuple(values["aliases"]),
        source=values["source"],
        sampling=known_sampling(values.get("sampling", WHOLE)),
    )


@cache
def _gpu_names() -> Mapping[str, str]:
    return _names({name: gpu.aliases for name, gpu in gpus().items()})


@cache
def _model_names() -> Mapping[str, str]:
    return _names({name: values["aliases"] for name, values in _model_entries().items()})


def _read(file: str, allowed: set[str]) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = read_yaml(FOLDER / file)
    for name, values in table.items():
        unknown = sorted(set(values) - allowed)
        if unknown:
            raise UnknownHardwareError(
                f"{file}: {name}: unknown {', '.join(unknown)}; allowed: {', '.join(sorted(allowed))}"
            )
    return table


def _find(name: str, names: Mapping[str, str], what: str, file: str) -> str:
    """The entry that a name means."""
    if _plain(name) in names:
        return names[_plain(name)]
    close = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.5)
    hint = f"; did you mean {names[close[0]]!r}?" if close else "."
    known = ", ".join(dict.fromkeys(names.values()))
    raise UnknownHardwareError(f"unknown {what} {name!r}{hint} Known ({file}): {known}")


def _names(aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Entries by all their names, without case and punctuation."""
    return {_plain(alias): name for name, others in aliases.items() for alias in (name, *others)}


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
