"""Tries: how often a password may be guessed and a mail be asked for, counted in the database.

A try is counted before what it asks for happens, and its row is held until the commit: however many
come at once, no more get through than the limit says. Every limit ends by itself.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain.errors import Code, Refused


class Limit(NamedTuple):
    """At most `most` tries in any span of this length."""

    name: str
    most: int
    within: timedelta


PASSWORDS_OF = Limit("passwords of", 10, timedelta(minutes=15))
PASSWORDS_FROM = Limit("passwords from", 20, timedelta(hours=1))
MAILS_TO = Limit("mails to", 3, timedelta(hours=1))
MAILS_FROM = Limit("mails from", 20, timedelta(hours=1))
FEEDBACK_OF = Limit("feedback of", 20, timedelta(hours=1))
FEEDBACK_FROM = Limit("feedback from", 60, timedelta(hours=1))


class RateLimitCounter(db.Base):
    """When something was tried, in seconds since 1970. The key is a hash: what people type into
    fields by mistake, passwords too, is kept nowhere."""

    __tablename__ = "tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[list[float]] = mapped_column(JSON)
    until_at: Mapped[datetime] = mapped_column(index=True)


def count_password_attempt(account: str, *, network: str) -> None:
    """Somebody wants to try a password. `account` is the canonical address, whether anybody has it
    or not, `network` the IP address they come from.

    Raises Refused("too-many-tries") with the minutes to wait; then nothing may be checked.
    """
    if minutes := _count_attempt((PASSWORDS_FROM, _network(network)), (PASSWORDS_OF, account)):
        raise Refused(Code.TOO_MANY_TRIES, minutes=minutes)


def reset_password_attempts(account: str, *, network: str) -> None:
    """It was the right password: the account's count begins anew, and the network's is as before
    this try, or else whoever has an account could guess at others without end."""
    of_network = _locked_counter(PASSWORDS_FROM, _network(network))
    of_network.at = of_network.at[:-1]
    of_account = _locked_counter(PASSWORDS_OF, account)
    of_account.at = []


def count_mail_request(to: str, *, network: str) -> None:
    """Somebody wants a mail sent to this canonical address, whether it has an account or not.

    Raises Refused("too-many-mails") with the minutes to wait.
    """
    if minutes := _count_attempt((MAILS_FROM, _network(network)), (MAILS_TO, to)):
        raise Refused(Code.TOO_MANY_MAILS, minutes=minutes)


def count_feedback(voice: str, *, network: str) -> None:
    """Somebody says whether a page of the guide helped; their row is held until the commit.

    Raises Refused("too-much-feedback") with the minutes to wait.
    """
    if minutes := _count_attempt((FEEDBACK_FROM, _network(network)), (FEEDBACK_OF, voice)):
        raise Refused(Code.TOO_MUCH_FEEDBACK, minutes=minutes)


def _count_attempt(*wanted: tuple[Limit, str]) -> int:
    """Counts one try against each limit; the minutes to wait where one of them is used up."""
    now = db.now().timestamp()
    waits = [0.0]
    for limit, of in wanted:
        row, span = _locked_counter(limit, of), limit.within.total_seconds()
        recent = [at for at in row.at if at > now - span]
        if len(recent) >= limit.most:
            waits.append(recent[-limit.most] + span - now)
        row.at = [*recent, now]
    return math.ceil(max(waits) / 60)


def _locked_counter(limit: Limit, of: str) -> RateLimitCounter:
    """The row, made if it is missing, and held until the commit by the statement that made it."""
    key = hashlib.sha256(f"{limit.name} {of}".encode("utf-8", "replace")).hexdigest()
    upsert = text(
        "INSERT INTO tries (key, at, until_at) VALUES (:key, '[]', :until)"
        " ON CONFLICT (key) DO UPDATE SET until_at = excluded.until_at"
    ).bindparams(bindparam("until", type_=db.UtcDateTime()))
    db.session.execute(upsert, {"key": key, "until": db.now() + limit.within})
    return db.session.get_one(RateLimitCounter, key, populate_existing=True)


def _network(address: str) -> str:
    """Who has one IPv6 address has 2⁶⁴ of them: their network counts."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip.packed[:8] + bytes(8), 64)))
