"""A real SMTP server on loopback.

`SmtpServer` accepts and stores messages, or refuses them at a given stage. `CuttingServer` closes
the connection at a given stage, to test what a sender may assume and what it must retry.
"""

# aiosmtpd calls hooks by names like handle_DATA.
# ruff: noqa: N802

import asyncio
import hmac
import socket
import ssl
import threading
import weakref
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, Literal, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.processes import wait_until

WAIT_SECONDS = 5.0
HOST = "127.0.0.1"

SILENT = "(silent)"
"""In place of a reply: none, and the connection stays open."""
CUT = "(cut)"
"""In place of a reply: the connection is closed."""


class Received(EmailMessage):
    """A received message with its envelope."""

    mail_from: str = ""
    rcpt_tos: tuple[str, ...] = ()
    raw: bytes = b""


class SmtpServer(Controller):
    """A server in a separate thread, running inside `with`.

    It requires `tls`; `ca` issues its certificate for localhost and 127.0.0.1. These faults can be
    set and taken back while it runs; before its start it listens, but never greets:

    - `replies` makes it refuse at a stage: greeting, auth, mail, rcpt, data (in place of 354), body
      (after its first line), dot (after the message), quit; for example
      `server.replies["rcpt"] = "550 5.1.1 User unknown"`, `SILENT` or `CUT`
    - `silent_for`: recipients for whom the final dot gets no reply
    - `is_greylisting`: the first RCPT for a recipient gets 451
    - `pause`: seconds between two bytes of each reply
    - `refusing()`: connections are refused inside `with`

    `arrived` has the recipient of each complete message, whatever the reply to it.
    """

    def __init__(
        self,
        tls: Literal["plain", "starttls", "tls"] = "plain",
        require_auth: tuple[str, str] | None = None,
        ca: trustme.CA | None = None,
    ) -> None:
        self.replies: dict[str, str] = {}
        self.silent_for: set[str] = set()
        self.is_greylisting = False
        self.pause = 0.0
        self.arrived: list[str] = []
        self.ca = ca or trustme.CA()
        self.require_auth = require_auth
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._connections: weakref.WeakSet[SMTP] = weakref.WeakSet()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", HOST).configure_cert(context)
        # Bound before the start, so that the port is known and reserved.
        self._socket = socket.create_server((HOST, 0), reuse_port=True)
        super().__init__(
            _Handler(self),
            hostname=HOST,
            port=self._socket.getsockname()[1],
            ssl_context=context if tls == "tls" else None,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            # aiosmtpd counts only STARTTLS as encryption, not implicit TLS.
            auth_require_tls=tls == "starttls",
            authenticator=self._authenticate,
            server_hostname="localhost",  # else it queries the DNS
        )

    @property
    def messages(self) -> list[Received]:
        """A copy of the accepted messages, in order."""
        with self._changed:
            return list(self._received)

    def wait_for(self, n: int, timeout: float = WAIT_SECONDS) -> list[Received]:
        """The messages, as soon as there are `n`; TimeoutError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= n, timeout):
                subjects = [message["Subject"] for message in self._received]
                raise TimeoutError(f"{len(subjects)} of {n} messages in {timeout} s: {subjects}")
            return list(self._received)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections inside `with`. Open ones stay."""
        with socket.socket() as reserved:  # nobody else may take the port meanwhile
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reserved.bind((HOST, self.port))
            self._run_in_loop(self._stop_listening())
            try:
                yield
            finally:
                self._socket = socket.create_server((HOST, self.port), reuse_port=True)
                self._run_in_loop(self._start_listening())

    def _run_in_loop(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT_SECONDS)

    async def _stop_listening(self) -> None:
        assert self.server is not None
        self.server.close()

    async def _start_listening(self) -> None:
        self.server = await self._create_server()

    def store(self, envelope: Envelope) -> None:
        """Store an accepted message."""
        raw = envelope.original_content or b""
        # Parsed with LF line endings, as a mailbox stores it; `raw` keeps those received.
        text = raw.replace(b"\r\n", b"\n")
        message: Any = BytesParser(_class=Received, policy=default).parsebytes(text)
        message.mail_from, message.rcpt_tos = envelope.mail_from, tuple(envelope.rcpt_tos)
        message.raw = raw
        with self._changed:
            self._received.append(message)
            self._changed.notify_all()

    def factory(self) -> SMTP:
        """The protocol instance of one connection."""
        connection = _Connection(self.handler, **self.SMTP_kwargs)
        self._connections.add(connection)
        return connection

    def stop(self, no_assert: bool = False) -> None:
        """Stop the server and abort its connections: Python 3.12 would wait for them."""
        self.loop.call_soon_threadsafe(self._abort)
        super().stop(no_assert)

    def _abort(self) -> None:
        for connection in list(self._connections):
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(
            self._factory_invoker, sock=self._socket, ssl=self.ssl_context
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        user, password = self.require_auth or ("", "")
        expected = LoginPassword(user.encode(), password.encode())
        is_correct = all(map(hmac.compare_digest, expected, given))
        # handled=True would mean that the reply is already sent: the client would wait forever.
        return AuthResult(success=is_correct, handled=False)


class _Connection(SMTP):
    """A connection that has the faults of its server where aiosmtpd has no hook for them."""

    async def _handle_client(self) -> None:
        greeting = self.event_handler.server.replies.get("greeting")
        if greeting:
            await self.push(greeting)
            self.transport.close()
        else:
            await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:
        replies = self.event_handler.server.replies
        if "data" in replies:
            await self.push(replies["data"])
        elif "body" in replies:
            await self.push("354 go on")
            await self._reader.readline()
            await self.push(replies["body"])
        else:
            await super().smtp_DATA(arg)

    async def push(self, status: Any) -> None:
        pause = self.event_handler.server.pause
        if status == SILENT:
            await asyncio.Event().wait()
        elif status == CUT:
            self.transport.abort()
        elif pause:
            for character in f"{status}\r\n":
                self._writer.write(character.encode())
                await asyncio.sleep(pause)
        else:
            await super().push(status)


class _Handler:
    """The hooks that aiosmtpd calls for each reply."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self.greylisted: set[str] = set()

    async def handle_EHLO(
        self, smtp: SMTP, session: Session, envelope: Envelope, hostname: str, offers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        has_auth = self.server.require_auth is not None
        return [offer for offer in offers if has_auth or not offer.startswith("250-AUTH")]

    async def handle_AUTH(
        self, smtp: SMTP, session: Session, envelope: Envelope, args: list[str]
    ) -> Any:
        return self.server.replies.get("auth", MISSING)

    async def handle_MAIL(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # aiosmtpd's own `auth_required` warns, and some tests turn warnings into errors.
        if self.server.require_auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if "mail" in self.server.replies:
            return self.server.replies["mail"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "rcpt" in self.server.replies:
            return self.server.replies["rcpt"]
        if self.server.is_greylisting and address not in self.greylisted:
            self.greylisted.add(address)
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        self.server.arrived += envelope.rcpt_tos
        if not self.server.silent_for.isdisjoint(envelope.rcpt_tos):
            return SILENT
        if "dot" in self.server.replies:
            return self.server.replies["dot"]
        self.server.store(envelope)
        return "250 OK"

    async def handle_QUIT(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        return self.server.replies.get("quit", "221 Bye")


@dataclass
class ConnectionLog:
    """A connection's commands, the part of the message received, and whether the final dot came."""

    commands: list[str] = field(default_factory=list)
    body: bytes = b""
    dot: bool = False
    is_closed: bool = False


class CuttingServer:
    """A server that accepts one message per connection and closes the connection at `stage`.

    connect: before the greeting; mail, rcpt: at that command; data: at the first line of the
    message; dot: after the final dot, before the reply; silent: after the final dot neither reply
    nor close; quit: at QUIT, after accepting the message.
    """

    def __init__(
        self, stage: Literal["connect", "mail", "rcpt", "data", "dot", "silent", "quit"]
    ) -> None:
        self.stage = stage
        self.port = 0
        self.connections: list[ConnectionLog] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def dots(self) -> int:
        """How many messages arrived complete, once the client has closed its connections."""
        return sum(log.dot for log in self._wait_for_logs())

    @property
    def bodies(self) -> list[bytes]:
        """Each message that arrived at least in part, as on the wire, without the final dot, once
        the client has closed its connections."""
        return [log.body for log in self._wait_for_logs() if log.body]

    def _wait_for_logs(self) -> list[ConnectionLog]:
        """The client may close its connection before this server has read what was sent on it."""
        wait_until(lambda: all(log.is_closed for log in list(self.connections)))
        return list(self.connections)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(WAIT_SECONDS):
            raise RuntimeError("the cutting SMTP server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(WAIT_SECONDS)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve_connection, HOST, 0, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()  # asyncio.run cancels the remaining connections

    async def _serve_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        log = ConnectionLog()
        self.connections.append(log)
        try:
            if self.stage != "connect":
                await self._serve_commands(reader, writer, log)
        except ConnectionError:
            pass  # the client closed first; the log keeps what it sent
        finally:
            writer.transport.abort()
            log.is_closed = True

    async def _serve_commands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: ConnectionLog
    ) -> None:
        writer.write(b"220 localhost\r\n")
        while line := await reader.readline():
            log.commands.append(line.decode(errors="replace").rstrip())
            command = line.split()[0].lower().decode(errors="replace") if line.strip() else ""
            if command == self.stage and command != "data":
                return
            if command == "data":
                writer.write(b"354 go on\r\n")
                if not await self._read_message(reader, log):
                    return
            writer.write(b"221 bye\r\n" if command == "quit" else b"250 OK\r\n")
            await writer.drain()

    async def _read_message(self, reader: asyncio.StreamReader, log: ConnectionLog) -> bool:
        """Read the message; whether to accept it and keep the connection."""
        while (line := await reader.readline()) not in (b".\r\n", b""):
            log.body += line
            if self.stage == "data":
                return False
        log.dot = bool(line)
        if self.stage == "silent":
            await reader.read()
        return log.dot and self.stage not in ("dot", "silent")
