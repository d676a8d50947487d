"""Connections to PostgreSQL that end when their server is frozen.

A server that is stopped, or whose machine is paused, still acknowledges packets: TCP's timeouts
don't see it, and no timeout of its own runs. So a connection that waits for long asks now and then
whether the server answers a new one. A statement that takes its time goes on.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout

ASK_AFTER = 10.0
"""Seconds without an answer; more than a transaction waits for a lock."""
ANSWER_WITHIN = 3
"""Seconds."""


class Connection(psycopg.Connection[Any]):
    """Raises OperationalError, and is closed, if its server is frozen."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the end of `gen`, as psycopg does; without a timeout, look after the server."""
        while True:
            try:
                return super().wait(gen, interval, ASK_AFTER if timeout is None else timeout)
            except _WaitTimeout:
                if timeout is not None:
                    raise
                if self._is_server_frozen():
                    self.pgconn.finish()
                    raise psycopg.OperationalError("server-frozen") from None

    def _is_server_frozen(self) -> bool:
        """A refusal, such as that of a missing password, is an answer, too."""
        try:
            psycopg.connect(self.info.dsn, connect_timeout=ANSWER_WITHIN).close()
        except psycopg.errors.ConnectionTimeout:
            return True
        except psycopg.Error:
            return False
        return False
