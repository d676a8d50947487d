"""Lists of claims: a person's own, and those that wait for an operator."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.actors import Actor
from portal.domain.claims.record import Claim, ClaimState
from portal.domain.connections import Connection, Kind
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.memberships import CloudIdentity

PAGE = 50


class ClaimRow(NamedTuple):
    """A claim in a list."""

    claim: Claim
    connection_name: str
    account_name: str
    author: User
    is_mapped: bool
    """Whether the connection can be asked whose the cloud is."""

    @property
    def refusal(self) -> Refused:
        """Why it can't be linked."""
        return Refused(Code.NOT_VERIFIED)


def claims_of(actor: Actor, *states: ClaimState, search: str = "") -> list[ClaimRow]:
    """The actor's claims in these states, newest first; at most PAGE. `search` is a part of the
    name."""
    query = _query().where(Claim.user_id == actor.id, Claim.state.in_(states))
    if search:
        query = query.where(Claim.name.icontains(search, autoescape=True))
    return _rows(query.order_by(Claim.id.desc()).limit(PAGE))


def open_claims_for(actor: Actor, *, after: str = "") -> list[ClaimRow]:
    """A page of the claims that wait, the oldest first, and one more if there is a next page.
    `after` is an ID. Operators see all of them."""
    query = _query().where(Claim.visible_to(actor), Claim.state == ClaimState.WAITING)
    if after:
        query = query.where(Claim.id > after)
    return _rows(query.order_by(Claim.id).limit(PAGE + 1))


def count_open(actor: Actor) -> tuple[int, datetime | None]:
    """How many claims that the actor sees wait, and since when the oldest does."""
    is_open = Claim.state == ClaimState.WAITING, Claim.expires_at > db.now()
    query = select(func.count(), func.min(Claim.created_at))
    query = query.where(Claim.visible_to(actor), *is_open)
    count, since = db.session.execute(query).one()
    return count, since


def connections_to_claim() -> list[Connection]:
    """The connections whose clouds can be registered, by name."""
    is_open = Connection.kind != Kind.BUILTIN, Connection.closed_at.is_(None)
    return list(db.session.scalars(select(Connection).where(*is_open).order_by(Connection.name)))


def _query() -> Any:
    is_authors = CloudIdentity.user_id == Claim.user_id
    return (
        select(Claim, Connection.name, BillingAccount.name, User, CloudIdentity.user_id)
        .join(Connection, Connection.id == Claim.connection_id)
        .join(BillingAccount, BillingAccount.id == Claim.account_id)
        .join(User, User.id == Claim.user_id)
        .outerjoin(
            CloudIdentity, and_(is_authors, CloudIdentity.connection_id == Claim.connection_id)
        )
        .where(Claim.expires_at > db.now())
    )


def _rows(query: Any) -> list[ClaimRow]:
    rows = db.session.execute(query)
    return [ClaimRow._make((*row[:4], row[4] is not None)) for row in rows]
