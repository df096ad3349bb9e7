"""Models that a scenario names by path."""

import os
from pathlib import Path

from agentsim_env.hardware import find_model


def model_file(name: str) -> Path | None:
    """The `config.json` that a known model was read from; None for one of the catalogue."""
    source = find_model(name).source
    return Path(source) if os.path.isfile(source) else None
