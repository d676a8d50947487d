"""A stand-in for systemctl: runs the units of the installation at PORTAL_HOME.

It supports start, stop and is-active, and logs every verb.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

HOME = Path(os.environ["PORTAL_HOME"])


def process_of(unit: str) -> psutil.Process | None:
    try:
        process = psutil.Process(int((HOME / f"{unit}.pid").read_text()))
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, psutil.NoSuchProcess):
        return None


def start(unit: str) -> None:
    text = (HOME / "units" / unit).read_text().replace("/opt/portal", str(HOME))
    options = dict(re.findall("^(ExecStart|WorkingDirectory)=(.*)$", text, re.MULTILINE))
    with (HOME / "log").open("ab") as log:
        program = subprocess.Popen(
            options["ExecStart"].split(),
            cwd=options["WorkingDirectory"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (HOME / f"{unit}.pid").write_text(str(program.pid))


def main(verb: str, units: list[str]) -> int:
    """The exit status."""
    with (HOME / "asked").open("a") as log:
        log.write(f"{verb}\n")
    for unit in units:
        process = process_of(unit)
        if verb == "start" and process is None:
            start(unit)
        elif verb == "stop" and process is not None:
            process.terminate()
            psutil.wait_procs([process], timeout=30)
        elif verb == "is-active" and process is None:
            return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [unit for unit in sys.argv[2:] if not unit.startswith("-")]))
