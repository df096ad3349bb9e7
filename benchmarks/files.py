"""Results on disk."""

import json
from pathlib import Path
from typing import Any

from agentsim_env.files import write_text

RESULTS = Path(__file__).resolve().parent / "results"


def read_json(path: Path) -> Any:
    """What a file holds; None if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write_json(path: Path, content: Any) -> None:
    """Write values as JSON; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, indent=1) + "\n")
