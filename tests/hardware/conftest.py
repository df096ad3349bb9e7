import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(os.environ.get("AGENTSIM_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no measurements in {folder}; set AGENTSIM_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="session")
def tables(shared: Path) -> Path:
    return shared / "profiles"
