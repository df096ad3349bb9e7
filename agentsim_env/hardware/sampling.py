"""How tokens are drawn, and what of it costs time: cutting the vocabulary to its likeliest, penalising repetitions.

Requests that say nothing are sampled as the model's `generation_config.json` has it, which servers read at their start.
"""

import json
from pathlib import Path
from typing import Any

from agentsim_env.hardware.dtypes import UnknownHardwareError

WHOLE, TOP_P, TOP_K, PENALISED = "whole", "top_p", "top_k", "penalised"
SAMPLINGS = {
    WHOLE: "greedy, or drawn from the whole vocabulary",
    TOP_P: "cut to the likeliest tokens by top-p alone",
    TOP_K: "cut by top-k, with top-p or not",
    PENALISED: "cut by top-k, and repetitions are penalised",
}
BY_MODEL = "model"
"""What `sampling` says where the model's published settings hold."""


def known_sampling(name: str) -> str:
    """Returns one of `SAMPLINGS`, or `BY_MODEL`.

    Raises:
        UnknownHardwareError: It is neither.
    """
    known = (BY_MODEL, *SAMPLINGS)
    if name not in known:
        raise UnknownHardwareError(f"unknown sampling {name!r}; known: {', '.join(known)}")
    return name


def published_sampling(config: Path) -> str:
    """The sampling of a `generation_config.json` beside a model's `config.json`; `whole` if there is none."""
    try:
        content = json.loads((config.parent / "generation_config.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return WHOLE
    return of_settings(content) if isinstance(content, dict) else WHOLE


def of_settings(settings: dict[str, Any]) -> str:
    """The sampling that fields of a `generation_config.json` describe.

    >>> of_settings({"do_sample": True, "temperature": 0.6, "top_p": 0.9})
    'top_p'
    """
    if settings.get("repetition_penalty", 1.0) != 1.0:
        return PENALISED
    if (settings.get("top_k") or 0) > 0:
        return TOP_K
    return TOP_P if 0.0 < (settings.get("top_p") or 1.0) < 1.0 else WHOLE
