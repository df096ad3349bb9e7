"""The text of a `config.json`, as a mapping; nothing is downloaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentsim_env.hardware.dtypes import UnknownHardwareError

LARGEST_BYTES = 4_000_000  # the largest published one (with the names of all unquantised modules) has 0.2 MB
LFS_POINTER = "version https://git-lfs"
NESTED = ("text_config", "llm_config", "language_config", "thinker_config")


def located(path: Path) -> Path:
    """The `config.json` at `path`, or in the folder of a model there.

    Raises:
        UnknownHardwareError: If there is none.
    """
    try:
        file = path / "config.json" if path.is_dir() else path
        if file.is_file():
            return file
        problem = "not a regular file" if file.exists() else "no such file"
    except (OSError, ValueError) as error:
        raise UnknownHardwareError(f"{str(path)!r:.200}: not the name of a file: {error}") from error
    raise UnknownHardwareError(f"{file}: {problem}; a model is named by its config.json or its folder")


def read(file: Path) -> dict[str, Any]:
    """The content of a `config.json`.

    Raises:
        UnknownHardwareError: If it cannot be read or is not one JSON object.
    """
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise UnknownHardwareError(f"{file}: {file.stat().st_size:,} bytes; a config.json has a few thousand")
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnknownHardwareError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UnknownHardwareError(f"{file}: not UTF-8: {error.reason} at byte {error.start}") from error
    if text.startswith(LFS_POINTER):
        raise UnknownHardwareError(f"{file}: a Git LFS pointer, not the file itself; fetch it with git lfs pull")
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _once(file, pairs))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnknownHardwareError(f"{file}: not JSON: {error}") from error
    except UnknownHardwareError:
        raise
    except ValueError as error:  # a number of more digits than Python converts
        raise UnknownHardwareError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise UnknownHardwareError(f"{file}: must be one JSON object of fields, not a {type(content).__name__}")
    return content


def decoder_fields(content: Mapping[str, Any], place: str) -> tuple[dict[str, Any], bool]:
    """The fields of the language model, and whether they are nested in those of a larger one.

    What a nested one leaves out and the outer one has (tied embeddings, quantisation) is taken from there.

    Raises:
        UnknownHardwareError: If what is nested is no object, or if there are two that differ.
    """
    given = {name: content[name] for name in NESTED if content.get(name) is not None}
    for name, inner in given.items():
        if not isinstance(inner, Mapping):
            raise UnknownHardwareError(f"{place}: {name} is {inner!r:.60}; it must be an object of fields or null")
    said = {name: inner for name, inner in given.items() if inner}
    for name, inner in said.items():
        if any(other != inner for other in said.values()):
            raise UnknownHardwareError(f"{place}: {' and '.join(said)} differ; one language model is simulated")
        deeper, _ = decoder_fields(inner, f"{place}: {name}")
        outer = {key: content[key] for key in ("quantization_config", "_name_or_path") if key in content}
        if "tie_word_embeddings" in content and deeper.get("tie_word_embeddings") is None:
            outer["tie_word_embeddings"] = content["tie_word_embeddings"]
        return {**outer, **{key: value for key, value in deeper.items() if value is not None or key not in outer}}, True
    return dict(content), False


def _once(file: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UnknownHardwareError(f"{file}: {twice} is given more than once")
    return found
