"""Clouds in tests of linking: create, share and link them, and read the result."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import insert

from portal import db
from portal.domain import (
    access,
    accounts,
    cloud_access,
    clouds,
    connections,
    customers,
    invitations,
    links,
)
from portal.domain.access import AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.links import LinkPreview, Target
from portal.domain.values import EmailAddress
from tests.support.world import CARL, OLGA, actor, all_rows, link_cloud, signed_in, user

OWNER = CloudRole.OWNER


def own_account_id(email: str) -> str:
    """The ID of the person's own account."""
    account = accounts.first_own_account(user(email))
    assert account is not None
    return account.id


def create_cloud(email: str, name: str = "shop", *, payer: str = "") -> str:
    """Create a cloud in the account `payer`, else in the person's own; the cloud's ID."""

    def unit() -> str:
        account = db.lock(BillingAccount, payer or own_account_id(email))
        return clouds.create(account, by=actor(email), name=name).id

    return db.write(unit)


def grant(cloud_id: str, *, by: str, to: EmailAddress | str, role: CloudRole = OWNER) -> None:
    """Grant access as the person `by`, within the rules."""
    cloud = db.session.get_one(Cloud, cloud_id)
    db.write(lambda: cloud_access.grant(cloud, by=signed_in(by), role=role, to=to))


def assign_account_role(email: str, role: AccountRole, account_id: str) -> None:
    """Assign the role without a check of permissions."""

    def unit() -> None:
        account = db.lock(BillingAccount, account_id)
        access.assign_account_role(role, to=user(email).id, account=account, by=COMMAND)

    db.write(unit)


def assign_cloud_role(email: str, cloud_id: str, role: CloudRole = OWNER) -> None:
    """Assign the role without a check of permissions."""
    db.write(
        lambda: access.assign_cloud_role(
            role, cloud_id=cloud_id, user_id=user(email).id, by=COMMAND
        )
    )


def run_customer_verb(verb: Callable[..., object], customer_id: str, by: str = OLGA) -> None:
    db.write(lambda: verb(db.lock(Customer, customer_id), by=signed_in(by)))


def accept_carls_invitation() -> None:
    def unit() -> None:
        customers.accept(invitations.open_for(actor(CARL))[0], by=actor(CARL))

    db.write(unit)


def switch_to_paid(email: str) -> None:
    account_id = own_account_id(email)
    db.write(
        lambda: accounts.switch_to_paid(db.lock(BillingAccount, account_id), by=signed_in(email))
    )


def move_cloud(cloud_id: str, to: str, *, by: str) -> None:
    db.write(lambda: link_cloud(cloud_id, to, actor(by)))


def link_target(account_id: str, by: str) -> Target:
    return links.target_for(db.session.get_one(BillingAccount, account_id), actor(by))


def find_refusal(cloud_id: str, to: str, by: str) -> Refused | None:
    """Why the list of clouds says that this one can't be linked; None if it can."""

    def read() -> Refused | None:
        target = link_target(to, by)
        cloud = db.session.get_one(Cloud, cloud_id)
        return links.find_refusal(target, links.find_candidate(target, cloud))

    return db.read(read)


def refusal_code(cloud_id: str, to: str, *, by: str) -> str | None:
    """The code of the refusal, after a check that the verb refuses the same and changes nothing;
    None if the cloud can be linked."""
    refusal = find_refusal(cloud_id, to, by)
    if refusal is None:
        return None
    before = all_rows()
    with pytest.raises(Refused) as refused:
        move_cloud(cloud_id, to, by=by)
    assert refused.value.code == refusal.code
    assert all_rows() == before
    return refusal.code


def payer_ids(cloud_id: str) -> list[str | None]:
    """The account IDs of the cloud's payers, newest first, after a check that there is no gap."""
    payers = db.read(lambda: clouds.payers_of(db.session.get_one(Cloud, cloud_id), actor=COMMAND))
    for newer, older in itertools.pairwise(payers):
        assert newer.since_at == older.until_at
    assert payers[0].until_at is None
    return [payer.account_id for payer in payers]


def link_preview(cloud_id: str, to: str, by: str) -> LinkPreview:
    """The preview that the person sees before linking."""

    def read() -> LinkPreview:
        target = link_target(to, by)
        cloud = db.session.get_one(Cloud, cloud_id)
        return links.preview_link(target, links.find_candidate(target, cloud))

    return db.read(read)


def insert_clouds(email: str, payer: str, count: int, *, start: int = 0) -> list[str]:
    """Insert many clouds that the person owns, in bulk; their IDs, oldest first."""
    owner, now = user(email).id, db.read(db.now)
    ids = [f"b1g{number:017d}" for number in range(start, start + count)]
    common = {"granted_at": now, "effective_at": now, "granted_by": owner}

    def unit() -> None:
        cloud_rows = [
            {"id": cloud_id, "name": f"cloud-{cloud_id[-5:]}", "name_key": f"cloud-{cloud_id[-5:]}"}
            | {"created_at": now, "connection_id": connections.BUILTIN_ID}
            for cloud_id in ids
        ]
        link_rows = [
            {"id": f"lnk{cloud_id}", "cloud_id": cloud_id, "account_id": payer, "since_at": now}
            | {"linked_by": owner}
            for cloud_id in ids
        ]
        access_rows = [
            {
                "id": f"acc{cloud_id}",
                "cloud_id": cloud_id,
                "user_id": owner,
                "role": CloudRole.OWNER,
            }
            | common
            for cloud_id in ids
        ]
        folder_rows = [
            {"id": f"f{cloud_id}", "cloud_id": cloud_id, "name": "default", "created_at": now}
            | {"is_default": True}
            for cloud_id in ids
        ]
        for model, rows in (
            (Cloud, cloud_rows),
            (Link, link_rows),
            (CloudAccess, access_rows),
            (Folder, folder_rows),
        ):
            db.session.execute(insert(model), rows)

    db.write(unit)
    return ids
