"""Trained agents that come with the package: a policy each, and a card that says what it learned and reaches."""

import json
from pathlib import Path
from typing import Any

from agentsim_env.agents.errors import AgentError

PREFIX = "pretrained"
_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of all of them."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.safetensors")))


def find(name: str) -> Path:
    """The file of one.

    Raises:
        AgentError: There is none of this name.
    """
    if name not in names():
        raise AgentError(f"no agent {PREFIX}:{name}; there are: {', '.join(f'{PREFIX}:{known}' for known in names())}")
    return _FOLDER / f"{name}.safetensors"


def card(name: str) -> dict[str, Any]:
    """Its card: scenario, seeds, steps, command and CPU time of its training, its results and its limits.

    Raises:
        AgentError: There is none of this name.
    """
    return json.loads(find(name).with_suffix(".json").read_text(encoding="utf-8"))
