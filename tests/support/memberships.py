"""People on real clouds in tests: a connection to one, what they do, and what they sign in with."""

from __future__ import annotations

from functools import partial

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from portal import db, worker
from portal.domain import connections, memberships
from portal.domain.access import CloudRole
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection, Findings
from portal.domain.jobs import Job, Kind, State
from portal.domain.memberships import Access, Membership, Shown
from portal.providers import contract
from portal.providers.contract import How
from tests.providers.system import System, create, new_order
from tests.support.connections import add_connection, use_kind
from tests.support.world import signed_in, user

ABILITIES = ("access", "federation", "suspend")


def connect(patch: pytest.MonkeyPatch, system: System) -> str:
    """Add a connection to the system; its ID."""
    use_kind(patch, lambda _settings, _credentials: system.connect())
    connection = add_connection()
    db.write(lambda: connections.record_test(connection.id, Findings(ABILITIES, (), 300)))
    return connection.id


def pretend_connection() -> str:
    """Add a connection that nothing answers, and a key to seal with, in a unit of work; its ID."""
    keys = [Fernet.generate_key()]
    connections.configure_keys(lambda: keys)
    row = Connection(
        id=db.new_id("con"),
        kind="pretended",
        name="Paris",
        name_key="paris",
        is_default=False,
        settings={},
        created_at=db.now(),
        test_result=Findings(ABILITIES, (), 300)._asdict(),
    )
    db.session.add(row)
    db.session.flush()
    return row.id


def put_on(connection_id: str, *cloud_ids: str, external_id: str = "") -> None:
    """Have the clouds at the connection, in a unit of work."""
    for cloud_id in cloud_ids:
        cloud = db.lock(Cloud, cloud_id)
        cloud.connection_id = connection_id
        cloud.external_id = external_id or f"external-{cloud_id}"
        cloud.carried_out_at, cloud.carried_out_name = db.now(), cloud.name


def add_memberships(email: str, *cloud_ids: str) -> None:
    """Give the person memberships whose role is carried out, in a unit of work."""
    for cloud_id in cloud_ids:
        now, role = db.now(), CloudRole.EDITOR
        row = Membership(
            id=db.new_id("mem"), cloud_id=cloud_id, user_id=user(email).id, created_at=now
        )
        row.settled_at, row.granted_at, row.ordered_role, row.role = now, now, role, role
        db.session.add(row)
    db.session.flush()


def carry_out(system: System, connection_id: str, cloud_id: str) -> str:
    """Have the cloud at the connection; its ID there."""
    external_id = create(system.connect(), contract.Cloud(cloud_id, f"Shop {new_order()}"))

    def unit() -> None:
        cloud = db.lock(Cloud, cloud_id)
        cloud.connection_id, cloud.external_id = connection_id, external_id
        cloud.carried_out_at, cloud.carried_out_name = db.now(), cloud.name

    db.write(unit)
    return external_id


def order_access(email: str, cloud_id: str, *, name: str = "Laptop", days: int = 30) -> str:
    """The person asks for an access; its ID."""
    by = signed_in(email)

    def unit() -> str:
        cloud = db.session.get_one(Cloud, cloud_id)
        return memberships.get_access(cloud, by=by, name=name, days=days).id

    return db.write(unit)


def run_orders() -> None:
    """Carry out all orders that are due."""
    while worker.run_next(Kind.CLOUDS):
        pass


def show(email: str, access_id: str) -> Shown:
    """The person sees the secret."""
    by = signed_in(email)
    return db.write(lambda: memberships.show(db.session.get_one(Access, access_id), by=by))


def get_access(email: str, cloud_id: str) -> contract.Access:
    """The person asks for an access, gets and sees it."""
    access_id = order_access(email, cloud_id)
    run_orders()
    shown = show(email, access_id)
    return contract.Access(How(shown.access.how or ""), shown.text)


def withdraw(email: str, access_id: str) -> None:
    """The person withdraws an access."""
    by = signed_in(email)
    db.write(lambda: memberships.withdraw(db.session.get_one(Access, access_id), by=by))


def access(access_id: str) -> Access:
    """The access as it is now."""
    return db.read(partial(db.session.get_one, Access, access_id))


def memberships_of(email: str) -> list[Membership]:
    """The person's memberships, the oldest first."""
    query = select(Membership).where(Membership.user_id == user(email).id).order_by(Membership.id)
    return db.read(lambda: list(db.session.scalars(query)))


def orders(*states: State) -> list[str]:
    """The kinds of the orders in these states, the oldest first."""
    query = select(Job).where(Job.kind == Kind.CLOUDS, Job.state.in_(states)).order_by(Job.id)
    return db.read(lambda: [job.subject_kind for job in db.session.scalars(query)])
