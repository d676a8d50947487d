"""Claims in tests: register an existing cloud, map people, read what is stored."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import claims, memberships
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.claims import Claim
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection, Findings
from tests.support.clouds import own_account_id
from tests.support.world import DORA, actor, user


def register(
    connection_id: str, external_id: str, *, by: str = DORA, account_id: str | None = None
) -> str:
    """Register a cloud as the person; the ID of the claim."""

    def unit() -> str:
        account = db.session.get_one(BillingAccount, account_id or own_account_id(by))
        connection = db.session.get_one(Connection, connection_id)
        names = {"external_id": external_id, "name": "Old racks"}
        return claims.register(account, connection=connection, by=actor(by), **names).id

    return db.write(unit)


def map_person(email: str, connection_id: str, subject: str) -> None:
    """Say as whom the person signs in there; the connection knows federated people then."""

    def unit() -> None:
        connection = db.session.get_one(Connection, connection_id)
        connection.test_result = Findings(("federation",), (), 300)._asdict()
        memberships.map_person(user(email), connection, provider="idp", subject=subject, by=COMMAND)

    db.write(unit)


def claim_now(claim_id: str) -> Claim:
    """The claim as it is now."""
    return db.read(lambda: db.session.get_one(Claim, claim_id))


def clouds_with(external_id: str) -> list[Cloud]:
    """The clouds with this ID at a connection."""
    query = select(Cloud).where(Cloud.external_id == external_id)
    return db.read(lambda: list(db.session.scalars(query)))
