"""What tests of linking do to clouds, as people would: create, share, link; and what they read."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import insert

from portal import db
from portal.domain import access, accounts, cloud_access, clouds, customers, invitations, links
from portal.domain.access import AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.customers import Customer
from portal.domain.errors import Refused
from portal.domain.links import LinkPreview, Target
from tests.support.world import CARL, OLGA, actor, all_rows, link_cloud, user

OWNER = CloudRole.OWNER


def own_account_id(email: str) -> str:
    """The ID of somebody's own account."""
    found = accounts.first_own_account(user(email))
    assert found is not None
    return found.id


def create_cloud(email: str, name: str = "shop", *, payer: str = "") -> str:
    """The ID of a cloud that somebody creates in their own account."""

    def unit() -> str:
        paying = db.lock(BillingAccount, payer or own_account_id(email))
        return clouds.create(paying, by=actor(email), name=name).id

    return db.write(unit)


def grant(cloud_id: str, *, by: str, to: str, role: CloudRole = OWNER) -> None:
    found = db.session.get_one(Cloud, cloud_id)
    db.write(lambda: cloud_access.grant(found, by=actor(by), role=role, to=to))


def assign_account_role(email: str, role: AccountRole, account_id: str) -> None:
    def unit() -> None:
        thing = db.lock(BillingAccount, account_id)
        access.assign_account_role(role, to=user(email).id, account=thing, by=COMMAND)

    db.write(unit)


def assign_cloud_role(email: str, cloud_id: str, role: CloudRole = OWNER) -> None:
    db.write(
        lambda: access.assign_cloud_role(
            role, cloud_id=cloud_id, user_id=user(email).id, by=COMMAND
        )
    )


def run_customer_verb(verb: Callable[..., object], ident: str, by: str = OLGA) -> None:
    db.write(lambda: verb(db.lock(Customer, ident), by=actor(by)))


def accept_carls_invitation() -> None:
    def unit() -> None:
        customers.accept(invitations.open_for(actor(CARL))[0], by=actor(CARL))

    db.write(unit)


def switch_to_paid(email: str) -> None:
    ident = own_account_id(email)
    db.write(lambda: accounts.switch_to_paid(db.lock(BillingAccount, ident), by=actor(email)))


def move_cloud(cloud_id: str, to: str, *, by: str) -> None:
    db.write(lambda: link_cloud(cloud_id, to, actor(by)))


def link_target(account_id: str, by: str) -> Target:
    return links.target_for(db.session.get_one(BillingAccount, account_id), actor(by))


def find_refusal(cloud_id: str, to: str, by: str) -> Refused | None:
    """What the drop-down says."""

    def question() -> Refused | None:
        at = link_target(to, by)
        return links.find_refusal(at, links.find_candidate(at, db.session.get_one(Cloud, cloud_id)))

    return db.read(question)


def refusal_code(cloud_id: str, to: str, *, by: str) -> str | None:
    """The code of what speaks against it; the verb refuses by the same, and changes nothing."""
    why = find_refusal(cloud_id, to, by)
    if why is None:
        return None
    before = all_rows()
    with pytest.raises(Refused) as refused:
        move_cloud(cloud_id, to, by=by)
    assert refused.value.code == why.code
    assert all_rows() == before
    return why.code


def payer_ids(cloud_id: str) -> list[str | None]:
    """Who paid for the cloud, newest first, as the system sees it; without a gap."""
    found = db.read(lambda: clouds.payers_of(db.session.get_one(Cloud, cloud_id), actor=COMMAND))
    for newer, older in itertools.pairwise(found):
        assert newer.since_at == older.until_at
    assert found[0].until_at is None
    return [payer.account_id for payer in found]


def link_preview(cloud_id: str, to: str, by: str) -> LinkPreview:
    """What somebody is shown before."""

    def question() -> LinkPreview:
        at = link_target(to, by)
        return links.preview_link(at, links.find_candidate(at, db.session.get_one(Cloud, cloud_id)))

    return db.read(question)


def insert_clouds(email: str, payer: str, count: int, *, begin: int = 0) -> list[str]:
    """The IDs of clouds that somebody owns, oldest first; written in bulk, for they are many."""
    owner, at = user(email).id, db.read(db.now)
    ids = [f"b1g{number:017d}" for number in range(begin, begin + count)]
    common = {"granted_at": at, "effective_at": at, "granted_by": owner}

    def unit() -> None:
        clouds = [
            {"id": ident, "name": f"cloud-{ident[-5:]}", "name_key": f"cloud-{ident[-5:]}"}
            | {"created_at": at}
            for ident in ids
        ]
        links = [
            {"id": f"lnk{ident}", "cloud_id": ident, "account_id": payer, "since_at": at}
            | {"linked_by": owner}
            for ident in ids
        ]
        roles = [
            {"id": f"acc{ident}", "cloud_id": ident, "user_id": owner, "role": CloudRole.OWNER}
            | common
            for ident in ids
        ]
        folders = [
            {"id": f"f{ident}", "cloud_id": ident, "name": "default", "created_at": at}
            | {"is_default": True}
            for ident in ids
        ]
        for model, rows in (
            (Cloud, clouds),
            (Link, links),
            (CloudAccess, roles),
            (Folder, folders),
        ):
            db.session.execute(insert(model), rows)

    db.write(unit)
    return ids
