"""A checkpoint that a crash has cut costs the way back to the one before, and never the run."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agentsim_env.training.checkpoint import latest_checkpoint, read_checkpoint
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.train import run

FILES = ("parameters.pt", "arrays.npz", "state.json")


def parameters(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = latest_checkpoint(folder)
    assert checkpoint is not None
    return torch.load(checkpoint / "parameters.pt", weights_only=True)["policy"]


def checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "checkpoints").iterdir() if path.name.isdigit())


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "garbage": b"\x80garbage"}[how])


@pytest.fixture
def trained(new_run: Callable[..., Path]) -> Path:
    return run(new_run())


@pytest.mark.parametrize("file", FILES)
def test_falls_back_to_the_one_before(trained: Path, file: str, capsys: pytest.CaptureFixture) -> None:
    before, newest = checkpoints(trained)
    for how in ("cut", "empty", "garbage", "missing"):
        damage(newest / file, how)
        found = read_checkpoint(trained)
        assert found is not None
        assert found.path == before
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{newest} cannot be read (")
        assert line.endswith(f"): going on from {before}")
        newest.with_name(f"unreadable-{newest.name}").rename(newest)


def test_goes_on_from_there_to_the_same_bits(trained: Path) -> None:
    expected = parameters(trained)
    newest = checkpoints(trained)[-1]
    damage(newest / "state.json", "empty")
    run(trained)
    assert latest_checkpoint(trained) == newest
    found = parameters(trained)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_says_so_if_none_can_be_read(trained: Path) -> None:
    for path in checkpoints(trained):
        damage(path / "parameters.pt", "cut")
    with pytest.raises(TrainingError, match=r"no checkpoint of this run can be read \(.*remove .*checkpoints to begin"):
        run(trained)


def test_what_a_kill_has_left_goes(trained: Path) -> None:
    half = trained / "checkpoints" / ".partial"
    half.mkdir()
    (half / "parameters.pt").write_bytes(b"half")
    draft = trained / ".evaluations.0123.partial.csv"
    draft.write_text("half")
    run(trained)
    assert not half.exists()
    assert not draft.exists()
