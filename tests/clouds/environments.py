"""Where the real servers come from: environments and prepared folders, kept in .cache/clouds."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT

HERE = Path(__file__).resolve().parent
CACHE = ROOT / ".cache" / "clouds"
MINUTES = 10
"""A program that prepares a server may take so long."""


class Unavailable(RuntimeError):
    """The server can't be had here; the message says what was tried."""


def run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run the program. Raises RuntimeError with what it said if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=MINUTES * 60,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-2000:]}")


def fetch(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run a program that gets packages. Raises Unavailable."""
    try:
        run(command, cwd)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        raise Unavailable(" ".join(str(error).split())[-200:]) from error


@contextmanager
def locked() -> Iterator[None]:
    """One process at a time installs and prepares."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def requirements(name: str) -> str:
    return (HERE / f"{name}.txt").read_text()


def install(name: str) -> Path:
    """The folder of the programs that `<name>.txt` has; installs them unless they are there.
    Raises Unavailable."""
    home, wanted = CACHE / name, requirements(name)
    installed = home / "installed"
    if not installed.exists() or installed.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        run([sys.executable, "-m", "venv", home])
        # Most of it is never imported: compiling it would take longer than installing it.
        pip = [home / "bin" / "pip", "install", "--quiet", "--no-compile", "--require-hashes"]
        fetch([*pip, "--requirement", HERE / f"{name}.txt"])
        installed.write_text(wanted)
    return home / "bin"


def template(name: str, made_of: str, prepare: Callable[[Path], None]) -> Path:
    """A folder that `prepare` has filled; made again if what it is made of has changed."""
    mark = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    folder = CACHE / f"{name}-template-{mark}"
    if not (folder / "complete").exists():
        for old in CACHE.glob(f"{name}-template-*"):
            shutil.rmtree(old)
        folder.mkdir()
        prepare(folder)
        (folder / "complete").touch()
    return folder
