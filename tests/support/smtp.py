"""A real SMTP server on loopback.

`SmtpServer` takes messages and keeps them, or refuses when told to. `CuttingServer` breaks the
connection at an exact moment, to show what a sender may believe and what it must try again.
"""

# aiosmtpd finds what we add to it by names like handle_DATA.
# ruff: noqa: N802

import asyncio
import hmac
import socket
import ssl
import threading
import weakref
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, Literal, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

WAIT_SECONDS = 5.0
HOST = "127.0.0.1"


class Received(EmailMessage):
    """A message as it arrived, its envelope beside it."""

    mail_from: str = ""
    rcpt_tos: tuple[str, ...] = ()
    raw: bytes = b""


class SmtpServer(Controller):
    """A server in a thread of its own, running inside `with`.

    `tls` is what it insists on; a certificate for localhost and 127.0.0.1 comes from `ca`.
    `answer` makes it refuse at a stage: auth, mail, rcpt, data (in place of 354), dot (after the
    message), quit; for example `server.answer["rcpt"] = "550 5.1.1 User unknown"`.
    """

    def __init__(
        self,
        tls: Literal["plain", "starttls", "tls"] = "plain",
        require_auth: tuple[str, str] | None = None,
        ca: trustme.CA | None = None,
    ) -> None:
        self.answer: dict[str, str] = {}
        self.ca = ca or trustme.CA()
        self.require_auth = require_auth
        self._received: list[Received] = []
        self._news = threading.Condition()
        self._connections: weakref.WeakSet[SMTP] = weakref.WeakSet()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", HOST).configure_cert(context)
        # Bound before the start, so that nobody takes the port and we know its number.
        self._socket = socket.create_server((HOST, 0))
        super().__init__(
            _Handler(self),
            hostname=HOST,
            port=self._socket.getsockname()[1],
            ssl_context=context if tls == "tls" else None,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            # aiosmtpd counts only STARTTLS as encryption, and not a connection that began with it.
            auth_require_tls=tls == "starttls",
            authenticator=self._authenticate,
            server_hostname="localhost",  # or it asks the DNS for our name
        )

    @property
    def messages(self) -> list[Received]:
        """What has been accepted so far, in order; a copy."""
        with self._news:
            return list(self._received)

    def wait_for(self, n: int, timeout: float = WAIT_SECONDS) -> list[Received]:
        """The messages, as soon as there are `n`; TimeoutError after `timeout` seconds."""
        with self._news:
            if not self._news.wait_for(lambda: len(self._received) >= n, timeout):
                subjects = [message["Subject"] for message in self._received]
                raise TimeoutError(f"{len(subjects)} of {n} messages in {timeout} s: {subjects}")
            return list(self._received)

    def keep(self, envelope: Envelope) -> None:
        """Add an accepted message."""
        raw = envelope.original_content or b""
        # As a mailbox keeps it, with the lines ending as in any text; `raw` has them as they came.
        text = raw.replace(b"\r\n", b"\n")
        message: Any = BytesParser(_class=Received, policy=default).parsebytes(text)
        message.mail_from, message.rcpt_tos = envelope.mail_from, tuple(envelope.rcpt_tos)
        message.raw = raw
        with self._news:
            self._received.append(message)
            self._news.notify_all()

    def factory(self) -> SMTP:
        """The protocol of one connection."""
        connection = _Connection(self.handler, **self.SMTP_kwargs)
        self._connections.add(connection)
        return connection

    def stop(self, no_assert: bool = False) -> None:
        """End the server, and the connections it still has: else Python 3.12 waits for them."""
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
        known = LoginPassword(user.encode(), password.encode())
        right = all(map(hmac.compare_digest, known, given))
        # handled=True would mean that we answered ourselves, and the client would wait forever.
        return AuthResult(success=right, handled=False)


class _Connection(SMTP):
    """aiosmtpd's hooks see a message only whole; this one refuses the DATA command itself."""

    async def smtp_DATA(self, arg: str) -> None:
        refusal = self.event_handler.server.answer.get("data")
        if refusal:
            await self.push(refusal)
        else:
            await super().smtp_DATA(arg)


class _Handler:
    """The hooks by which aiosmtpd asks for each answer."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server

    async def handle_EHLO(
        self, smtp: SMTP, session: Session, envelope: Envelope, hostname: str, offers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        wanted = self.server.require_auth is not None
        return [offer for offer in offers if wanted or not offer.startswith("250-AUTH")]

    async def handle_AUTH(
        self, smtp: SMTP, session: Session, envelope: Envelope, args: list[str]
    ) -> Any:
        return self.server.answer.get("auth", MISSING)

    async def handle_MAIL(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # Not aiosmtpd's own `auth_required`: it warns, and some tests turn warnings to errors.
        if self.server.require_auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if "mail" in self.server.answer:
            return self.server.answer["mail"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, smtp: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "rcpt" in self.server.answer:
            return self.server.answer["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        if "dot" in self.server.answer:
            return self.server.answer["dot"]
        self.server.keep(envelope)
        return "250 OK"

    async def handle_QUIT(self, smtp: SMTP, session: Session, envelope: Envelope) -> str:
        return self.server.answer.get("quit", "221 Bye")


@dataclass
class ConnectionLog:
    """What one connection brought: its commands, the message as far as it came, its final dot."""

    commands: list[str] = field(default_factory=list)
    body: bytes = b""
    dot: bool = False


class CuttingServer:
    """A server that takes one message a connection and cuts it at `stage`.

    connect: before the greeting; mail, rcpt: at that command; data: when the message has begun to
    come; dot: after its final dot, before any reply; silent: after the dot, without a cut and
    without a word; quit: at QUIT, the message having been accepted.
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
        """How many messages came whole."""
        return sum(seen.dot for seen in list(self.connections))

    @property
    def bodies(self) -> list[bytes]:
        """Each message of which anything came, as on the wire, without the final dot."""
        return [seen.body for seen in list(self.connections) if seen.body]

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
        server = await asyncio.start_server(self._meet, HOST, 0, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()  # and asyncio.run cancels the connections that are left

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = ConnectionLog()
        self.connections.append(seen)
        try:
            if self.stage != "connect":
                await self._talk(reader, writer, seen)
        except ConnectionError:
            pass  # the client went first, and what it had sent is kept
        finally:
            writer.transport.abort()

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: ConnectionLog
    ) -> None:
        writer.write(b"220 localhost\r\n")
        while line := await reader.readline():
            seen.commands.append(line.decode(errors="replace").rstrip())
            verb = line.split()[0].lower().decode(errors="replace") if line.strip() else ""
            if verb == self.stage and verb != "data":
                return
            if verb == "data":
                writer.write(b"354 go on\r\n")
                if not await self._take(reader, seen):
                    return
            writer.write(b"221 bye\r\n" if verb == "quit" else b"250 OK\r\n")
            await writer.drain()

    async def _take(self, reader: asyncio.StreamReader, seen: ConnectionLog) -> bool:
        """Read the message; whether it is to be accepted, and the connection kept."""
        while (line := await reader.readline()) not in (b".\r\n", b""):
            seen.body += line
            if self.stage == "data":
                return False
        seen.dot = bool(line)
        if self.stage == "silent":
            await reader.read()
        return seen.dot and self.stage not in ("dot", "silent")
