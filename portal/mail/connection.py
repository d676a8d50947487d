"""A connection to the relay: its calls end by one deadline, and each reply answers one command.

The timeouts of smtplib begin again with every packet, so a relay that trickles bytes never meets
them. Its reader accepts a line that was cut short, and keeps what follows a reply in a buffer where
`select` can't see it.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

ADDRESS_TIMEOUT = 15.0
"""Seconds for each address of the relay, so that one that is gone leaves time for the next."""
MAX_LINE = 8192
"""Octets of a reply line. RFC 5321, 4.5.3.1.5, allows 512."""
MAX_LINES = 100
"""Lines of a reply."""
REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
"""RFC 5321, 4.2: the code; a hyphen if another line follows; the text."""


class Connection(smtplib.SMTP):
    """Its calls raise OSError: TimeoutError at the deadline, SMTPException for malformed SMTP."""

    def __init__(
        self, host: str, port: int, *, seconds: float, implicit_tls: ssl.SSLContext | None
    ) -> None:
        """Connect and read the greeting. The deadline is `seconds` from now."""
        self._implicit_tls = implicit_tls
        self._unread = b""
        self.set_deadline(seconds)
        own_name = _run_within(seconds, lambda: smtplib.SMTP().local_hostname)
        try:
            super().__init__(host, port, local_hostname=own_name)
        except BaseException:
            self.close()
            raise

    def set_deadline(self, seconds: float) -> None:
        """End all calls together `seconds` from now."""
        self._deadline = time.monotonic() + seconds

    def send(self, s: Any) -> None:
        """Send a command or a part of the message. Raises as `expect_silence` does."""
        self.expect_silence()
        self._write(s.encode(self.command_encoding) if isinstance(s, str) else s)

    def send_final_dot(self) -> None:
        """Send the line that ends the message. Call `expect_silence` before: a failure here no
        longer proves that nothing was sent."""
        self._write(b".\r\n")

    def expect_silence(self) -> None:
        """Raise SMTPResponseException with a reply that the relay sent out of turn, or
        SMTPServerDisconnected if it closed the connection."""
        if not self._unread:
            self._socket.settimeout(0)
            with suppress(BlockingIOError, ssl.SSLWantReadError):
                self._receive()
        if self._unread:
            self.set_deadline(0)  # Parse what has arrived; wait for no more.
            raise smtplib.SMTPResponseException(*self.getreply())

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply (RFC 5321, 4.2.1): its code, and its text with a line break between lines.
        Raises SMTPException if it is malformed."""
        codes, texts = set(), []
        for _ in range(MAX_LINES):
            line = self._read_line()
            match = REPLY_LINE.fullmatch(line)
            if match is None:
                raise smtplib.SMTPException(f"not a reply: {line.decode('utf-8', 'replace')}")
            codes.add(int(match[1]))
            texts.append((match[3] or b"").strip())
            if match[2] != b"-":
                break
        else:
            raise smtplib.SMTPException("Too many lines")
        if len(codes) > 1:
            raise smtplib.SMTPException(f"several codes in one reply: {sorted(codes)}")
        # smtplib's starttls leaves this timeout to the handshake, which it limits as a whole.
        self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
        return codes.pop(), b"\n".join(texts)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # getaddrinfo has no timeout either: the thread's wait limits it.
        sock = _run_within(
            self._time_left(), lambda: socket.create_connection((host, port), ADDRESS_TIMEOUT)
        )
        self.sock = sock  # so that a failure below closes it
        # Else the final dot waits until the body is acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._implicit_tls is None:
            return sock
        sock.settimeout(self._time_left())
        return self._implicit_tls.wrap_socket(sock, server_hostname=host)

    @property
    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self.sock

    def _time_left(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    def _write(self, data: bytes) -> None:
        unsent = memoryview(data)
        while unsent:
            self._socket.settimeout(self._time_left())
            unsent = unsent[self._socket.send(unsent) :]

    def _read_line(self) -> bytes:
        while b"\n" not in self._unread[:MAX_LINE]:
            if len(self._unread) >= MAX_LINE:
                raise smtplib.SMTPException("Line too long")
            self._socket.settimeout(self._time_left())
            self._receive()
        line, _, self._unread = self._unread.partition(b"\n")
        return line.removesuffix(b"\r")

    def _receive(self) -> None:
        data = self._socket.recv(MAX_LINE)
        if not data:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        self._unread += data


def _run_within(seconds: float, call: Callable[[], T]) -> T:
    """The result of a call that nothing can interrupt; TimeoutError after `seconds`. Its thread
    goes on until the system's resolver gives up (resolv.conf(5): timeout, attempts)."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(str(error) or "name resolution timed out") from error
