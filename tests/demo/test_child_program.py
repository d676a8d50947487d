"""A child program ends when its standard input does: with its parent, even if that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from portal.demo import child_program


def test_a_child_goes_on_after_ctrl_c_and_ends_with_its_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys, time; print(sys.argv[1], flush=True); time.sleep(600)")
    command = [sys.executable, "-P", child_program.__file__, str(script), "begun"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        os.kill(child.pid, signal.SIGINT)
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(20) == 0
