"""A program at a terminal: what a person types, and what the screen says."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.processes import ROOT, TIMEOUT_SECONDS


class Terminal:
    """The person's side of a program's terminal."""

    def __init__(self, program: subprocess.Popen[bytes], descriptor: int) -> None:
        self.program, self.descriptor = program, descriptor
        self.screen = ""
        self.unread = ""

    def expect(self, text: str) -> str:
        """Return what appears up to and with the text. Raises AssertionError without it."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.unread:
            assert time.monotonic() < deadline, f"{text!r} is missing in: {self.unread}"
            assert self._read(), f"it ended without {text!r}: {self.unread}"
        before, _, self.unread = self.unread.partition(text)
        return before + text

    def answer(self, question: str, *lines: str) -> str:
        """Type the lines, each when the question appears; return what appeared before the last."""
        for line in lines:
            before = self.expect(question)
            self.type(line)
        return before

    def type(self, line: str) -> None:
        """Type a line; a lone surrogate is a byte that is no UTF-8."""
        self.press(line.encode(errors="surrogateescape") + b"\n")

    def press(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def interrupt(self) -> None:
        """Press Ctrl-C until the program goes on: readline misses one just before it waits."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while "\n" not in self.unread:
            assert time.monotonic() < deadline, f"it did not go on: {self.unread}"
            self.press(b"\x03")
            again = time.monotonic() + 5
            while "\n" not in self.unread and time.monotonic() < again:
                self._read()

    def end(self) -> tuple[int, str]:
        """The exit status, and what appeared since. Raises AssertionError if it asks more."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self._read():
            assert time.monotonic() < deadline, f"it did not end: {self.unread}"
        return self.program.wait(TIMEOUT_SECONDS), self.unread

    def _read(self) -> bool:
        """Read what is there; False at the end."""
        if not select.select([self.descriptor], [], [], 0.5)[0]:
            return True
        with suppress(OSError):  # Linux's way to say that the program's side is closed
            if data := os.read(self.descriptor, 65536):
                text = data.decode(errors="replace").replace("\r\n", "\n")
                self.screen, self.unread = self.screen + text, self.unread + text
                return True
        return False


def _control_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job of a shell ignores it


@contextmanager
def at_terminal(arguments: list[str], env: dict[str, str], umask: int = -1) -> Iterator[Terminal]:
    """Run a program at a terminal of its own; it is killed with the block."""
    descriptor, other_side = pty.openpty()
    program = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=env,
        stdin=other_side,
        stdout=other_side,
        stderr=other_side,
        start_new_session=True,
        preexec_fn=_control_terminal,  # noqa: PLW1509 - passwords are read from it
        umask=umask,
    )
    os.close(other_side)
    try:
        yield Terminal(program, descriptor)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        os.close(descriptor)
