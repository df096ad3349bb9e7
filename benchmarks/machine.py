"""What the numbers were measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from agentsim_env.training.manifest import cpu_name

PACKAGES = ("agentsim-env", "numpy", "numba", "gymnasium", "simpy")


def machine() -> dict[str, object]:
    """Processor, system, versions and date."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def version_of(package: str) -> str:
    """Version of an installed package."""
    try:
        return version(package)
    except ModuleNotFoundError:
        return "not installed"
