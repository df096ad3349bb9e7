"""Exported policies on disk: an `.npz` file of plain arrays and a header in JSON, where nothing is pickled."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agentsim_env.agents.errors import AgentError
from agentsim_env.files import replacing

FORMAT = "agentsim-candidate-policy-1"
MOST_BYTES = 1 << 28
"""Size of a policy, unpacked: some 70 million weights."""


class Weights(NamedTuple):
    """Parameters of a `CandidateScorer`, each weight as inputs x outputs, float32, C order."""

    embed_weight: np.ndarray
    embed_bias: np.ndarray
    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    context_weight: np.ndarray
    context_bias: np.ndarray
    row_weight: np.ndarray
    head_weight: np.ndarray
    head_bias: np.ndarray


class Header(NamedTuple):
    """What an exported policy says besides its weights; see `NumpyPolicy`."""

    feature_names: tuple[str, ...]
    allowed_feature: int
    name: str
    origin: dict[str, Any]
    sampled: bool


def write_policy(path: Path, header: Header, weights: Weights) -> None:
    """Writes a policy; the file appears whole or not at all.

    Raises:
        AgentError: A weight is not a finite number.
    """
    _refuse_not_finite(path, weights)
    text = json.dumps({"format": FORMAT, **header._asdict()})
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, header=np.array(text), **weights._asdict())


def read_policy(path: Path) -> tuple[Header, Weights]:
    """Reads what `write_policy` has written.

    Raises:
        AgentError: It is no such file; the message names the field that is wrong.
    """
    content = _content(path)
    header = _header(path, content["header"])
    weights = {field: _native(path, field, content[field]) for field in Weights._fields}
    _check_shapes(path, len(header.feature_names), weights)
    found = Weights(**weights)
    _refuse_not_finite(path, found)
    return header, found


def _content(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise AgentError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise AgentError(f"{path} is not an exported policy: it is no .npz file, or only a part of one")
    _check_size(path)
    content = {}
    for field in ("header", *Weights._fields):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                content[field] = arrays[field]
        except Exception as error:  # numpy and zip know a dozen, according to where a file was cut
            raise AgentError(f"{path} is not an exported policy: {field} cannot be read: {error}") from None
    return content


def _check_size(path: Path) -> None:
    """Refuses a file that unpacks to far more than a policy has."""
    try:
        with zipfile.ZipFile(path) as file:
            n_bytes = sum(part.file_size for part in file.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise AgentError(f"{path} is not an exported policy: {error}") from None
    if n_bytes > MOST_BYTES:
        raise AgentError(f"{path} is not an exported policy: it unpacks to {n_bytes:,} bytes; at most {MOST_BYTES:,}")


def _header(path: Path, text: np.ndarray) -> Header:
    try:
        values = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise AgentError(f"{path} is not an exported policy: its header is not JSON: {error}") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else values
        raise AgentError(f"{path}: header: format is {found!r}; this version reads {FORMAT!r}")
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


def _check_shapes(path: Path, n_features: int, weights: Mapping[str, np.ndarray]) -> None:
    """All follow from the number of features, the width and the number of actions of a row."""
    width = weights["embed_bias"].size
    per_row = weights["head_bias"].size
    expected = dict(
        embed_weight=(n_features, width),
        embed_bias=(width,),
        hidden_weight=(width, width),
        hidden_bias=(width,),
        context_weight=(2 * width, width),
        context_bias=(width,),
        row_weight=(width, width),
        head_weight=(width, per_row),
        head_bias=(per_row,),
    )
    for field, shape in expected.items():
        if weights[field].shape != shape or 0 in shape:
            raise AgentError(
                f"{path}: {field} has shape {weights[field].shape}; must be {shape} for {n_features} features, width"
                f" {width} and {per_row} actions a row"
            )


def _refuse_not_finite(path: Path, weights: Weights) -> None:
    for field, array in weights._asdict().items():
        if not np.isfinite(array).all():
            raise AgentError(f"{path}: {field} holds weights that are not finite: the training has diverged")
