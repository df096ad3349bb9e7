"""The cache only saves time: whatever becomes of its folder, the same answers come, and at most one warning."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentsim_env import cache

MODULE = """
from agentsim_env.engine.core.jit import entry

@entry
def twice(x):
    return x + x
"""
USE = "from functions import twice; print(twice(21), 'from the cache' if twice.stats.cache_hits else 'compiled')"
REFUSING = """
import errno, os
from pathlib import Path
from agentsim_env import cache
put = cache._put
def refuse(path, content):
    if path.is_relative_to({folder!r}):
        raise OSError(errno.{error}, os.strerror(errno.{error}), str(path))
    put(path, content)
cache._put = refuse
cache._locked = lambda path: None
"""
WARNING = "set AGENTSIM_CACHE to a folder that can be written"


class Machine:
    """Starts programs in a home, with a cache and a temporary folder of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "cache"
        self.temporary = root / "temporary"
        (root / "sources").mkdir()
        (root / "sources" / "functions.py").write_text(MODULE)
        self.temporary.mkdir()

    def run(self, program: str = USE, before: str = "", code: int = 0, **changes: str | None) -> tuple[str, str]:
        """Output and standard error of a program that has to end with an exit code."""
        environment: dict[str, str | None] = dict(os.environ)
        environment.pop("XDG_CACHE_HOME", None)
        environment |= {"AGENTSIM_CACHE": str(self.cache), "HOME": str(self.root), "TMPDIR": str(self.temporary)}
        environment |= {"PYTHONPATH": os.pathsep.join([str(self.root / "sources"), *sys.path])} | changes
        given = {name: value for name, value in environment.items() if value is not None}
        arguments = [sys.executable, "-c", before + program]
        done = subprocess.run(arguments, env=given, cwd=self.root, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout.strip(), done.stderr

    def entries(self) -> list[Path]:
        return sorted(self.cache.rglob("*.nbc"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_second_start_compiles_nothing(machine: Machine) -> None:
    out, error = machine.run()
    assert (out, error.count("compiling the engine, once")) == ("42 compiled", 1)
    assert machine.run() == ("42 from the cache", "")


def test_entries_that_cannot_be_read_are_made_again(machine: Machine) -> None:
    names = ["cut", "empty", "garbage", "flipped"]
    functions = [f"@entry\ndef {name}(x):\n    return x + {k}\n" for k, name in enumerate(names)]
    (machine.root / "sources" / "several.py").write_text("\n".join([MODULE, *functions]))
    use = f"import several; print(*[(f := getattr(several, n))(0) + len(f.stats.cache_hits) * 10 for n in {names}])"
    assert machine.run(use)[0] == "0 1 2 3"
    for path in machine.entries():
        whole = path.read_bytes()
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        damaged = {"cut": whole[:middle], "empty": b"", "garbage": b"garbage", "flipped": flipped}
        path.write_bytes(next(damaged[name] for name in names if name in path.name))
    assert machine.run(use)[0] == "0 1 2 3"
    assert machine.run(use)[0] == "10 11 12 13"


def test_an_entry_that_is_a_folder_is_passed_by(machine: Machine) -> None:
    machine.run()
    (path,) = machine.entries()
    path.unlink()
    path.mkdir()
    out, error = machine.run()
    assert (out, error.count(WARNING)) == ("42 compiled", 1)
    assert machine.run() == ("42 from the cache", "")


def test_what_cannot_be_written_goes_to_a_temporary_folder(machine: Machine) -> None:
    before = REFUSING.format(folder=str(machine.cache), error="EACCES")
    out, said = machine.run(before=before)
    assert (out, said.count(WARNING)) == ("42 compiled", 1)
    assert f"{machine.cache} cannot be written ({os.strerror(errno.EACCES)})" in said
    assert not machine.cache.exists()
    assert machine.run(before=before) == ("42 from the cache", "")


def test_a_warm_cache_that_is_read_only_is_used_as_it_is(machine: Machine) -> None:
    machine.run()
    before = REFUSING.format(folder=str(machine.root), error="EROFS")
    assert machine.run(before=before) == ("42 from the cache", "")
    assert not list(machine.temporary.iterdir())
    assert not list((machine.root / "sources").rglob("*.nb*"))


def test_a_folder_that_cannot_be_made(machine: Machine) -> None:
    (machine.root / "file").write_text("precious")
    out, said = machine.run(AGENTSIM_CACHE="file/cache")
    assert (out, said.count(WARNING)) == ("42 compiled", 1)
    assert machine.run(AGENTSIM_CACHE="file/cache") == ("42 from the cache", "")


@pytest.mark.parametrize("home", ["/", "~"])
def test_without_a_home_a_temporary_folder_serves(machine: Machine, home: str) -> None:
    changes = {"HOME": home, "AGENTSIM_CACHE": None}
    out, said = machine.run(**changes)
    assert out == "42 compiled"
    assert f"no home folder to keep it in: what is compiled and measured is kept in {machine.temporary}" in said
    assert said.count(WARNING) == 1
    assert machine.run(**changes) == ("42 from the cache", "")


def test_with_no_place_at_all_nothing_is_kept(machine: Machine) -> None:
    before = REFUSING.format(folder=str(machine.root), error="ENOSPC")
    for _ in range(2):
        out, said = machine.run(before=before)
        assert (out, said.count(WARNING)) == ("42 compiled", 1)
        assert "not kept, and made again at every start" in said


def test_a_temporary_folder_of_somebody_else_is_not_trusted(machine: Machine) -> None:
    theirs = machine.temporary / f"agentsim-env-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    for _ in range(2):
        out, said = machine.run(HOME="/", AGENTSIM_CACHE=None)
        assert (out, said.count(WARNING)) == ("42 compiled", 1)
    assert not list(theirs.iterdir())


def test_drafts_that_a_kill_has_left_go_in_time(machine: Machine) -> None:
    machine.run()
    (path,) = machine.entries()
    old, young = path.parent / ".a.1.partial.nbc", path.parent / ".b.2.partial.nbc"
    for draft in (old, young):
        draft.write_bytes(b"half")
    day_ago = time.time() - 86_400
    os.utime(old, (day_ago, day_ago))
    path.unlink()
    machine.run()
    assert not old.exists()
    assert young.exists()


def test_processes_that_start_together_compile_once(machine: Machine) -> None:
    program = f"""
import subprocess, sys
calls = [subprocess.Popen([sys.executable, '-c', {USE!r}], stdout=subprocess.PIPE, text=True) for _ in range(4)]
print(sorted(call.communicate()[0] for call in calls), {{call.returncode for call in calls}})
"""
    said = "['42 compiled\\n', '42 from the cache\\n', '42 from the cache\\n', '42 from the cache\\n'] {0}"
    assert machine.run(program)[0] == said


def test_a_process_that_is_killed_while_it_compiles_leaves_no_broken_entry_and_nobody_waiting(machine: Machine) -> None:
    killing = """
import os, signal
from agentsim_env import files
files.sync = lambda draft: os.kill(os.getpid(), signal.SIGKILL)
"""
    machine.run(before=killing, code=-signal.SIGKILL)
    begun_s = time.monotonic()
    assert machine.run()[0] == "42 compiled"
    assert time.monotonic() - begun_s < cache._LONGEST_WAIT_S / 2
    assert machine.run() == ("42 from the cache", "")


def test_who_waits_for_a_process_that_does_not_get_on_compiles_in_the_end(machine: Machine) -> None:
    holding = """
import time
from agentsim_env import cache
cache._LONGEST_WAIT_S = 0.2
write = cache.write
def stopped(path, content):
    with cache.alone(path):  # it is held already: this waits as another process would
        pass
    write(path, content)
cache.write = stopped
"""
    assert machine.run(before=holding)[0] == "42 compiled"
    assert machine.run() == ("42 from the cache", "")


def test_the_same_sources_elsewhere_compile_nothing(machine: Machine) -> None:
    machine.run()
    shutil.copytree(machine.root / "sources", machine.root / "elsewhere" / "sources")
    path = os.pathsep.join([str(machine.root / "elsewhere" / "sources"), *sys.path])
    assert machine.run(PYTHONPATH=path) == ("42 from the cache", "")
