import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def measured() -> Path:
    folder = Path(os.environ.get("AGENTSIM_SHARED", ROOT.parent / "shared")) / "data" / "validation"
    if not folder.is_dir():
        pytest.skip(f"no measured runs in {folder}; set AGENTSIM_SHARED to the folder that holds data/")
    return folder


@pytest.fixture
def engine_file(tmp_path: Path) -> Path:
    file = tmp_path / "engine.yaml"
    file.write_text("gpu: H100\nmodel: Llama-3.1-8B\nmax_num_seqs: 64\nkv_blocks: 4000\n")
    return file
