"""Arrays and a text in a `.safetensors` file (huggingface.co/docs/safetensors): the text stands in its metadata."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from agentsim_env.files import replacing
from agentsim_env.policies.errors import AgentError

_TEXT = "agentsim"


def write(path: Path, text: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes both; the file appears whole or not at all."""
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {_TEXT: text})
    with replacing(path) as draft:
        draft.write_bytes(content)


def open_arrays(path: Path) -> tuple[str, Callable[[str], np.ndarray]]:
    """The text, and what reads an array by its name.

    Raises:
        AgentError: It is no such file.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get(_TEXT, "")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors has one of its own, and passes on those of files and texts
        raise AgentError(f"{path} is not an exported policy: it cannot be read: {error}") from None

    def read(field: str) -> np.ndarray:
        if field not in arrays:
            raise AgentError(f"{path} is not an exported policy: {field} cannot be read: there is none")
        return arrays[field]

    return text, read
