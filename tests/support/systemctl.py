"""In systemd's place: runs what the installed units say, in the installation at PORTAL_HOME.

It knows start, stop and is-active, and writes down whatever it is asked.
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
    said = dict(re.findall("^(ExecStart|WorkingDirectory)=(.*)$", text, re.MULTILINE))
    with (HOME / "log").open("ab") as log:
        program = subprocess.Popen(
            said["ExecStart"].split(),
            cwd=said["WorkingDirectory"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (HOME / f"{unit}.pid").write_text(str(program.pid))


def main(verb: str, units: list[str]) -> int:
    with (HOME / "asked").open("a") as asked:
        asked.write(f"{verb}\n")
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
    sys.exit(main(sys.argv[1], [word for word in sys.argv[2:] if not word.startswith("-")]))
