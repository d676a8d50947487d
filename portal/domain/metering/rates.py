"""Rates: what samples of a connection cost from a day on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from portal import db
from portal.domain import access, audit, identity
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.connections import Connection
from portal.domain.errors import Code, Refused
from portal.domain.metering.days import days_between, fetching_day
from portal.domain.metering.fetching import oldest_day, order_days, samples_only
from portal.domain.metering.record import RATED, UsageRates
from portal.domain.values import Invalid

RATE = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,9}))?")


def parse_rate(typed: str) -> Decimal:
    """An amount below a million with at most nine decimals; nothing is 0. Raises Invalid."""
    match = RATE.fullmatch(typed.strip() or "0")
    if match is None:
        raise Invalid(Code.USAGE_RATE_FORMAT)
    return Decimal(f"{match[1]}.{match[2] or 0}")


def parse_rates(typed: Mapping[str, str]) -> dict[str, Decimal]:
    """The rates by their names in RATED; one that is not named is 0. Raises Invalid."""
    return {name: parse_rate(typed.get(name, "")) for name in RATED}


def set_rates(
    connection: Connection, *, since_on: date, rates: Mapping[str, Decimal], by: Actor
) -> None:
    """An operator sets the rates of a connection from a day on. Days that are over are delivered
    again; rates that begin later stay.

    Raises ReauthenticationRequired, Forbidden, Refused("usage-not-sampled", "usage-rates-early").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.CONNECTION_RATES)
    connection = db.lock(Connection, connection.id)
    if not samples_only(connection):
        raise Refused(Code.USAGE_NOT_SAMPLED)
    if since_on < oldest_day():
        raise Refused(Code.USAGE_RATES_EARLY, field="since_on", first=oldest_day())
    texts = {name: format(rates[name].normalize(), "f") for name in RATED}
    row = db.session.get(UsageRates, (connection.id, since_on))
    if row is None:
        db.session.add(UsageRates(connection_id=connection.id, since_on=since_on, **texts))
    else:
        row.cpu, row.memory, row.disk = (texts[name] for name in RATED)
    db.session.flush()
    if days := list(days_between(since_on, fetching_day(db.now()))):
        order_days(connection, days)
    facts = texts | {"since": since_on.isoformat()}
    chain = audit.INSTALLATION
    audit.record(Action.CONNECTION_RATES, by=by, chain=chain, thing=connection.id, **facts)
