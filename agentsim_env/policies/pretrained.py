"""Trained policies that come with the package: weights each, and a card that says what they learned and reach."""

import json
from pathlib import Path
from typing import Any

from agentsim_env.policies.errors import AgentError

PREFIX = "pretrained"
FOLDER = Path(__file__).parents[1] / "agents" / "pretrained"
"""Where they lie."""


def names() -> tuple[str, ...]:
    """Names of all of them."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def find(name: str) -> Path:
    """The file of one.

    Raises:
        AgentError: There is none of this name.
    """
    if name not in names():
        raise AgentError(f"no agent {PREFIX}:{name}; there are: {', '.join(f'{PREFIX}:{known}' for known in names())}")
    return FOLDER / f"{name}.safetensors"


def file_of(text: str) -> Path:
    """The file that a path or `pretrained:NAME` stands for.

    Raises:
        AgentError: None that is shipped has this name.
    """
    first, _, name = text.partition(":")
    return find(name) if first == PREFIX else Path(text)


def card(name: str) -> dict[str, Any]:
    """Its card: scenario, seeds, steps, command and CPU time of its training, its results and its limits.

    Raises:
        AgentError: There is none of this name.
    """
    return json.loads(find(name).with_suffix(".json").read_text(encoding="utf-8"))
