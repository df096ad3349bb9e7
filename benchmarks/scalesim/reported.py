"""What the papers report."""

from pathlib import Path
from typing import Any

import yaml

REPORTED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "reported.yaml").read_text(encoding="utf-8"))
