"""Exported policies on disk: plain arrays and a header in JSON, where nothing is pickled.

`.safetensors` is what is written, with a card in JSON beside it for people; `.npz`, which earlier versions wrote, is
read as well.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.files import write_text
from agentsim_env.policies import npz, tensors
from agentsim_env.policies.errors import AgentError
from agentsim_env.policies.weights import GatedWeights, LinearWeights, PooledWeights, Weights

FORMATS: dict[str, type[Weights]] = {
    "agentsim-candidate-policy-1": PooledWeights,
    "agentsim-linear-policy-1": LinearWeights,
    "agentsim-gated-policy-1": GatedWeights,
}
"""What a header can say, and the form that the weights then have."""

CONTAINERS = {".safetensors": tensors, ".npz": npz}
"""By the ending of a file: how a header and arrays are read and written."""


class Header(NamedTuple):
    """What an exported policy says besides its weights.

    Attributes:
        feature_names: Columns of a row, as the policy saw them in training.
        allowed_feature: Column that is > 0 in rows that may be chosen, or -1.
        name: Name in tables and plots.
        origin: What is worth knowing of its training.
        sampled: Whether actions are drawn with the probabilities that the scores give them, instead of the best one
            being taken.
    """

    feature_names: tuple[str, ...]
    allowed_feature: int
    name: str
    origin: dict[str, Any]
    sampled: bool


def write_policy(path: Path, header: Header, weights: Weights) -> None:
    """Writes a policy; the file appears whole or not at all. Beside a `.safetensors` its card is written.

    Raises:
        AgentError: A weight is not a finite number, or the file has another ending than those of `CONTAINERS`.
    """
    _refuse_not_finite(path, weights)
    content = {"format": _format(weights), **header._asdict(), "sha256": content_hash(header, weights)}
    _container(path).write(path, json.dumps(content), weights._asdict())
    if path.suffix != ".npz":
        write_text(card_of(path), json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def card_of(path: Path) -> Path:
    """The card of a policy: what it says besides its weights, to be read by people."""
    return path.with_suffix(".json")


def read_policy(path: Path) -> tuple[Header, Weights]:
    """Reads what `write_policy` has written.

    Raises:
        AgentError: It is no such file; the message names the field that is wrong.
    """
    if not path.is_file():
        raise AgentError(f"{path}: no such file")
    text, read = _container(path).open_arrays(path)
    values = _header_values(path, text)
    form = FORMATS[values["format"]]
    header = _header(path, values)
    found = form(**{field: _native(path, field, read(field)) for field in form._fields})
    _check_shapes(path, len(header.feature_names), found)
    _refuse_not_finite(path, found)
    if values.get("sha256", content_hash(header, found)) != content_hash(header, found):
        raise AgentError(f"{path} is not an exported policy: its weights are others than those that were written")
    return header, found


def content_hash(header: Header, weights: Weights) -> str:
    """SHA-256 over the weights and the names of the features."""
    digest = hashlib.sha256(json.dumps([header.feature_names, header.allowed_feature]).encode())
    for array in weights:
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()


def _format(weights: Weights) -> str:
    return next(name for name, form in FORMATS.items() if isinstance(weights, form))


def _container(path: Path) -> Any:
    if path.suffix not in CONTAINERS:
        raise AgentError(f"{path}: an exported policy ends with {' or '.join(CONTAINERS)}")
    return CONTAINERS[path.suffix]


def _header_values(path: Path, text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AgentError(f"{path} is not an exported policy: its header is not JSON: {error}") from None
    known = values.get("format") if isinstance(values, dict) else values
    if not isinstance(values, dict) or known not in list(FORMATS):
        wanted = " or ".join(repr(name) for name in FORMATS)
        raise AgentError(f"{path}: header: format is {known!r}; this version reads {wanted}")
    return values


def _header(path: Path, values: Mapping[str, Any]) -> Header:
    names = values.get("feature_names")
    allowed = values.get("allowed_feature")
    checks: Mapping[str, tuple[bool, str]] = {
        "feature_names": (_are_names(names), "names, each once"),
        "allowed_feature": (_is_column(allowed, names), "the number of a feature, or -1"),
        "name": (_is_name(values.get("name")), "a text that can be printed"),
        "origin": (isinstance(values.get("origin"), dict), "a mapping"),
        "sampled": (isinstance(values.get("sampled", False), bool), "true or false"),
    }
    for field, (fine, wanted) in checks.items():
        if not fine:
            raise AgentError(f"{path}: header: {field} is {values.get(field)!r}; must be {wanted}")
    return Header(
        feature_names=tuple(values["feature_names"]),
        allowed_feature=values["allowed_feature"],
        name=" ".join(values["name"].split()),
        origin=values["origin"],
        sampled=values.get("sampled", False),
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.split()) and " ".join(value.split()).isprintable()


def _are_names(value: Any) -> bool:
    names = value if isinstance(value, list) else []
    return bool(names) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _is_column(value: Any, names: Any) -> bool:
    return type(value) is int and isinstance(names, list) and -1 <= value < len(names)


def _native(path: Path, field: str, array: np.ndarray) -> np.ndarray:
    """The array as the machine computes with it."""
    if array.dtype.newbyteorder("=") != np.float32:
        raise AgentError(f"{path}: {field} has dtype {array.dtype}; must be float32")
    return np.ascontiguousarray(array, dtype=np.float32)


def _check_shapes(path: Path, n_features: int, weights: Weights) -> None:
    for field, shape in weights.shapes(n_features).items():
        found = getattr(weights, field).shape
        if found != shape or 0 in shape:
            raise AgentError(
                f"{path}: {field} has shape {found}; must be {shape} for {n_features} features, width"
                f" {weights.width} and {weights.actions_per_row} actions a row"
            )


def _refuse_not_finite(path: Path, weights: Weights) -> None:
    for field, array in weights._asdict().items():
        if not np.isfinite(array).all():
            raise AgentError(f"{path}: {field} holds weights that are not finite: the training has diverged")
