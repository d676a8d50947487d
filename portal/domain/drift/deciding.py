"""Operators decide: adopt theirs, restore ours, assign a cloud that only the connection has."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import (
    access,
    audit,
    circuit_breakers,
    clouds,
    identity,
    jobs,
    locks,
    memberships,
    values,
)
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.clouds import Cloud
from portal.domain.connections import Connection
from portal.domain.drift.comparing import Difference, keep
from portal.domain.drift.listing import foreign_cloud
from portal.domain.drift.record import ADOPTABLE, LEFT, RESTORABLE, Drift, DriftKind
from portal.domain.errors import Code, Refused
from portal.domain.jobs import OPEN_STATES, Job, OrderKind
from portal.domain.jobs import Kind as JobKind
from portal.domain.values import Invalid


def queue_reconcile(connection: Connection, *, by: Actor) -> None:
    """An operator has a connection compared with the portal now.

    Raises Forbidden, Refused("connection-untestable").
    """
    access.require_operator(by, Action.CONNECTION_RECONCILE)
    connection = db.lock(Connection, connection.id)
    if connection.spec is None or not connection.spec.asks:
        raise Refused(Code.CONNECTION_UNTESTABLE)
    _order(connection)
    circuit_breakers.allow_probe(jobs.cloud_lane(connection.id))
    chain = audit.INSTALLATION
    audit.record(Action.CONNECTION_RECONCILE, by=by, chain=chain, thing=connection.id)


def check_again(drift: Drift, *, by: Actor) -> None:
    """An operator has decided a difference by hand: its connection is compared again. Raises as
    `queue_reconcile`."""
    queue_reconcile(db.session.get_one(Connection, drift.connection_id), by=by)


def reconcile_all() -> None:
    """Order that each connection that asks a cloud is compared with the portal. One that is being
    compared, or does not answer, has an order that is open."""
    locked = db.session.scalars(locks.select_for_update(Connection.id)).all()
    is_order = Job.kind == JobKind.CLOUDS, Job.subject_kind == OrderKind.RECONCILE
    is_open = Job.state.in_(OPEN_STATES)
    ordered = set(db.session.scalars(select(Job.subject_id).where(*is_order, is_open)))
    for connection_id in locked:
        connection = db.session.get_one(Connection, connection_id)
        if connection.spec is not None and connection.spec.asks and connection_id not in ordered:
            _order(connection)


def order_comparison(connection_id: str) -> None:
    """Order that the connection is compared with the portal, if it asks a cloud."""
    connection = db.session.get_one(Connection, connection_id)
    if connection.spec is not None and connection.spec.asks:
        _order(connection)


def _order(connection: Connection) -> None:
    jobs.add_order(OrderKind.RECONCILE, connection.id, connection_id=connection.id)


def adopt(drift: Drift, *, by: Actor) -> None:
    """An operator adopts what the connection has: a cloud that is missing there is closed here, one
    that was renamed there is renamed here, a role that was given or changed there is left to them.

    Raises ReauthenticationRequired, Forbidden, Refused("drift-over") and the codes of
    `values.line`.
    """
    cloud, drift = _lock(drift, Action.CLOUD_ADOPT_DRIFT, ADOPTABLE, by=by)
    chain, kind = clouds.audit_chain_of(cloud), drift.kind
    facts = {"kind": str(kind), "external_id": drift.external_id}
    if kind in LEFT:
        drift.accepted_at = db.now()
    else:
        theirs = drift.theirs.removesuffix(f"-{cloud.id}")
        db.session.delete(drift)
        db.session.flush()
        if kind is DriftKind.RENAMED:
            _rename(cloud, theirs)
        else:
            now = db.now()
            cloud.closed_at = cloud.closed_at or now
            cloud.closed_there_at = cloud.emptied_at = now
            db.session.flush()
            memberships.settle_cloud(cloud.id)
    db.session.flush()
    audit.record(Action.CLOUD_ADOPT_DRIFT, by=by, chain=chain, thing=cloud.id, **facts)


def restore(drift: Drift, *, by: Actor) -> None:
    """An operator has restored what the portal has carried out. Of a cloud that was deleted there
    another one is created, to which nobody has access yet. Who was revoked here and has a role
    there is revoked again; who has lost their role there is given it, and takes access again; who
    has another role there is given theirs.

    Raises ReauthenticationRequired, Forbidden, Refused("drift-over").
    """
    cloud, drift = _lock(drift, Action.CLOUD_RESTORE_DRIFT, RESTORABLE, by=by)
    facts = {"kind": str(drift.kind), "external_id": drift.external_id}
    db.session.delete(drift)
    _restore(cloud, drift.kind, drift.theirs)
    clouds.order_changes(cloud.id)
    chain = clouds.audit_chain_of(cloud)
    audit.record(Action.CLOUD_RESTORE_DRIFT, by=by, chain=chain, thing=cloud.id, **facts)


def _restore(cloud: Cloud, kind: DriftKind, theirs: str) -> None:
    """Forget what the connection was said to have; order what is agreed about memberships."""
    if kind is DriftKind.ROLE:
        if not memberships.revoke_again(theirs, cloud_id=cloud.id):
            raise Refused(Code.DRIFT_OVER)
    elif kind is DriftKind.LOST_ROLE:
        memberships.begin_again(theirs, cloud_id=cloud.id)
    elif kind is DriftKind.CHANGED_ROLE:
        memberships.grant_again(theirs, cloud_id=cloud.id)
    elif kind is DriftKind.RENAMED:
        cloud.carried_out_name = None
    elif kind is DriftKind.MISSING:
        cloud.carried_out_at = cloud.carried_out_name = cloud.asked_at = cloud.asked_name = None
        cloud.is_suspended_there, cloud.carried_out_limits = False, {}
        db.session.flush()
        memberships.revoke_all(cloud.id)
    else:
        cloud.is_suspended_there = kind is DriftKind.SUSPENDED
    db.session.flush()


def assign(
    connection: Connection, *, external_id: str, account_id: str, name: str, by: Actor
) -> Cloud:
    """An operator assigns a cloud that only the connection has to an account, whose administrators
    own it then under this name. One that is suspended there stays so, as drift.

    Raises ReauthenticationRequired, Forbidden, Refused("account-unknown", "foreign-cloud-over",
    "customer-not-confirmed", "external-id-taken") and the refusals of `clouds.create`.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.CLOUD_ADOPT)
    if db.session.get(BillingAccount, account_id) is None:
        raise Refused(Code.ACCOUNT_UNKNOWN, field="account_id")
    account = db.lock(BillingAccount, account_id)
    owners = access.users_with_role(account.id, access.ACCOUNT_TABLE[Action.ACCESS_MANAGE])
    found = foreign_cloud(connection, external_id)
    if found is None:
        raise Refused(Code.FOREIGN_CLOUD_OVER)
    if not owners:
        raise Refused(Code.CUSTOMER_NOT_CONFIRMED, field="account_id")
    cloud = clouds.adopt(
        account,
        connection_id=connection.id,
        external_id=external_id,
        name=name,
        owners=owners,
        by=by,
    )
    if found.is_suspended:
        difference = Difference(cloud.id, DriftKind.SUSPENDED, external_id)
        keep(connection.id, [cloud.id], {difference})
    memberships.settle_cloud(cloud.id)
    return cloud


def _rename(cloud: Cloud, name: str) -> None:
    try:
        cloud.name = values.line(name, limit=clouds.MAX_NAME_LENGTH)
    except Invalid as error:
        raise Refused(error.code, field=None, **error.facts) from error
    cloud.name_key, cloud.carried_out_name = values.search_key(cloud.name), cloud.name


def _lock(
    drift: Drift, action: Action, kinds: frozenset[DriftKind], *, by: Actor
) -> tuple[Cloud, Drift]:
    """Check that the actor may, and that it still differs; the cloud and the drift, locked."""
    identity.require_recent(by)
    access.require_operator(by, action)
    cloud = db.lock(Cloud, drift.cloud_id)
    row = db.session.get(Drift, drift.id, with_for_update=True, populate_existing=True)
    if row is None or row.kind not in kinds or row.accepted_at is not None:
        raise Refused(Code.DRIFT_OVER)
    return cloud, row
