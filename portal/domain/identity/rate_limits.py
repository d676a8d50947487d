"""Rate limits on password attempts, requested mails and feedback, counted in the database.

An attempt is counted before it is served, and its counter is locked until the commit, so concurrent
attempts can't exceed the limit. Each limit is a sliding window: nothing has to reset it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import JSON, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.errors import Code, Refused

log = structlog.get_logger(__name__)


class Limit(NamedTuple):
    """At most `max_attempts` in any window of this length. `name` is part of the counter's key."""

    name: str
    max_attempts: int
    window: timedelta


PASSWORDS_PER_ACCOUNT = Limit("passwords of", 10, timedelta(minutes=15))
PASSWORDS_PER_NETWORK = Limit("passwords from", 20, timedelta(hours=1))
MAILS_PER_ADDRESS = Limit("mails to", 3, timedelta(hours=1))
MAILS_PER_NETWORK = Limit("mails from", 20, timedelta(hours=1))
FEEDBACK_PER_VOICE = Limit("feedback of", 20, timedelta(hours=1))
FEEDBACK_PER_NETWORK = Limit("feedback from", 60, timedelta(hours=1))


class RateLimitCounter(db.Base):
    """The instants of recent attempts, in seconds since 1970. The key is a hash: a password typed
    into the address field by mistake is not stored."""

    __tablename__ = "tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[list[float]] = mapped_column(JSON)
    until_at: Mapped[datetime] = mapped_column(index=True)


def count_password_attempt(account: str, *, network: str) -> None:
    """Count an attempt at a password, before it is checked. `account` is the canonical address,
    whether or not it has an account, `network` the client's IP address.

    Raises Refused("too-many-tries") with the minutes to wait.
    """
    per_network = (PASSWORDS_PER_NETWORK, _network(network))
    if minutes := _count_attempt(per_network, (PASSWORDS_PER_ACCOUNT, account)):
        raise Refused(Code.TOO_MANY_TRIES, minutes=minutes)


def reset_password_attempts(account: str, *, network: str) -> None:
    """After a correct password: reset the account's counter, and uncount this attempt for the
    network. The network's counter is not reset: an attacker with an account could do that at will.
    """
    network_counter = _locked_counter(PASSWORDS_PER_NETWORK, _network(network))
    network_counter.at = network_counter.at[:-1]
    account_counter = _locked_counter(PASSWORDS_PER_ACCOUNT, account)
    account_counter.at = []


def count_mail_request(to: str, *, network: str) -> None:
    """Count a request for a mail to this canonical address, whether or not it has an account.

    Raises Refused("too-many-mails") with the minutes to wait.
    """
    per_network = (MAILS_PER_NETWORK, _network(network))
    if minutes := _count_attempt(per_network, (MAILS_PER_ADDRESS, to)):
        raise Refused(Code.TOO_MANY_MAILS, minutes=minutes)


def count_feedback(voice: str, *, network: str) -> None:
    """Count feedback on a page of the guide; the counters are locked until the commit.

    Raises Refused("too-much-feedback") with the minutes to wait.
    """
    per_network = (FEEDBACK_PER_NETWORK, _network(network))
    if minutes := _count_attempt(per_network, (FEEDBACK_PER_VOICE, voice)):
        raise Refused(Code.TOO_MUCH_FEEDBACK, minutes=minutes)


def _count_attempt(*limits: tuple[Limit, str]) -> int:
    """Count one attempt against each (limit, subject), the network's first; returns the minutes to
    wait if one of them is reached, else 0."""
    now = db.now().timestamp()
    waits = [0.0]
    for limit, subject in limits:
        counter, window = _locked_counter(limit, subject), limit.window.total_seconds()
        # After a clock was set back, what was counted later than now counts as now.
        recent = [min(at, now) for at in counter.at if at > now - window]
        if len(recent) >= limit.max_attempts:
            waits.append(recent[-limit.max_attempts] + window - now)
            log.warning("rate_limit.reached", limit=limit.name, network=limits[0][1])
        counter.at = [*recent, now]
    return math.ceil(max(waits) / 60)


def _locked_counter(limit: Limit, subject: str) -> RateLimitCounter:
    """The subject's counter, created if it is missing, locked until the commit by the upsert."""
    key = hashlib.sha256(f"{limit.name} {subject}".encode("utf-8", "replace")).hexdigest()
    upsert = text(
        "INSERT INTO tries (key, at, until_at) VALUES (:key, '[]', :until)"
        " ON CONFLICT (key) DO UPDATE SET until_at = excluded.until_at"
    ).bindparams(bindparam("until", type_=db.UtcDateTime()))
    db.session.execute(upsert, {"key": key, "until": db.now() + limit.window})
    return db.session.get_one(RateLimitCounter, key, populate_existing=True)


def _network(address: str) -> str:
    """The IPv4 address, or the /64 network of an IPv6 address: one client usually has all of it.
    What is no address is one network: each spelling would get attempts of its own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip.packed[:8] + bytes(8), 64)))
