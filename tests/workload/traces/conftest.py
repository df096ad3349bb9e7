import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Writes objects, or lines of text, to a file in a temporary folder."""

    def write(rows: Sequence[Any], name: str = "trace.jsonl") -> Path:
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of small made-up traces in the formats of other tools."""
    return Path(__file__).parent / "samples"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the public traces; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("AGENTSIM_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "expand_traces.py").is_file():
        pytest.skip(f"no public traces in {folder}; set AGENTSIM_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="session")
def conversations() -> int | None:
    """Claude Code conversations to test with: a few, or all (None) with AGENTSIM_FULL_TRACES=1."""
    return None if os.environ.get("AGENTSIM_FULL_TRACES") == "1" else 25


@pytest.fixture(scope="session")
def public_traces(shared_data: Path, conversations: int | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the Mooncake and Claude Code traces in their public formats."""
    folder = tmp_path_factory.mktemp("traces")
    limit = [] if conversations is None else ["--conversations", str(conversations)]
    subprocess.run([sys.executable, str(shared_data / "expand_traces.py"), str(folder), *limit], check=True)
    return folder


@pytest.fixture(scope="session")
def reproducers() -> Path:
    """Folder of small made-up traces that went wrong once; tests that need it are skipped where it is not."""
    folder = Path(os.environ.get("AGENTSIM_SHARED", ROOT.parent / "shared")) / "reproducers" / "traces"
    if not folder.is_dir():
        pytest.skip(f"no made-up traces in {folder}; set AGENTSIM_SHARED to the folder that holds reproducers/")
    return folder
