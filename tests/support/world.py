"""The cast: built by the domain's verbs, once, into the database every test starts from.

Olga owns the partner North, Eddie edits there, Vera views. Carl is a customer North has invited,
Nina one who has confirmed. Sam owns the partner South: the stranger. Tina's partner is in trial.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher

from portal import db
from portal.domain import (
    access,
    accounts,
    clouds,
    customers,
    identity,
    imports,
    invitations,
    links,
    notifications,
    values,
)
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Draft
from portal.domain.identity import User
from portal.domain.imports import Line

PASSWORD = "correct horse"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Verifying costs what the hash says, so tests need not wait for a costly one."""

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

OLGA, EDDIE, VERA = "olga@north.example", "eddie@north.example", "vera@north.example"
AMIR, ACE = "amir@north.example", "ace@north.example"
CARL, NINA = "carl@customer.example", "nina@second.example"
SAM, TINA, DORA = "sam@south.example", "tina@trial.example", "dora@direct.example"

STAFF_ROLES = {
    OLGA: AccountRole.OWNER,
    AMIR: AccountRole.ADMIN,
    EDDIE: AccountRole.EDITOR,
    ACE: AccountRole.ACCOUNTANT,
    VERA: AccountRole.VIEWER,
}
NAMES = {
    OLGA: "Olga Owner",
    AMIR: "Amir Admin",
    EDDIE: "Eddie Editor",
    ACE: "Ace Accountant",
    VERA: "Vera Viewer",
    CARL: "Carl Customer",
    NINA: "Nina Customer",
    SAM: "Sam Stranger",
    TINA: "Tina Trial",
    DORA: "Dora Direct",
}


class Clock:
    """Stands still but for a millisecond a reading, so that IDs sort as they were made."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def forward(self, **span: float) -> None:
        """Let time pass: `forward(hours=4)`."""
        self.at += timedelta(**span)


@dataclass(frozen=True)
class World:
    """The IDs of what the cast has; everything else is found through the domain."""

    north: str
    south: str
    trial: str
    direct: str
    carls_customer: str
    carls_subaccount: str
    carls_cloud: str
    ninas_customer: str
    ninas_subaccount: str
    ninas_cloud: str
    ninas_folder: str
    doras_cloud: str
    doras_folder: str
    souths_customer: str
    eddie: str
    ninas_note: str
    olgas_notice: str
    olgas_view: str
    norths_import: str

    @classmethod
    def ids(cls) -> list[str]:
        return [field.name for field in fields(cls)]


def user(email: str) -> User:
    found = identity.user_by_email(values.email(email).key)
    assert found is not None, f"{email} has no account"
    return found


def actor(email: str) -> Actor:
    """The one who acts, without a session."""
    return identity.as_actor(user(email))


def register(email: str, name: str) -> BillingAccount:
    _user, own = accounts.register(
        values.email(email), name=name, password_hash=PASSWORD_HASH, language="en", by=COMMAND
    )
    return own


def build() -> World:
    """The world, in one transaction."""
    return db.write(_build)


def _build() -> World:
    own = {email: register(email, name) for email, name in NAMES.items()}
    for email, name in ((OLGA, "North"), (SAM, "South"), (TINA, "Trial Partner")):
        accounts.grant_partner_status(own[email], name=name, by=COMMAND)
    for email in (OLGA, SAM):
        accounts.switch_to_paid(own[email], by=actor(email))
    north, south = own[OLGA], own[SAM]
    for email, role in STAFF_ROLES.items():
        if email != OLGA:
            access.assign_account_role(role, to=user(email).id, account=north, by=COMMAND)
    file = _create_checked_import(north)
    carls = customers.add(north, by=actor(OLGA), draft=draft(CARL, name="Carl & Sons"))
    ninas = customers.add(north, by=actor(OLGA), draft=draft(NINA, name="Nina GmbH"))
    customers.accept(invitations.open_for(actor(NINA))[0], by=actor(NINA))
    souths = customers.add(
        south, by=actor(SAM), draft=draft("other@else.example", name="Elsewhere")
    )
    note = customers.add_note(ninas, by=actor(EDDIE), text="Pays late, asks early.")
    view = customers.save_view(north, by=actor(OLGA), name="Mine", query="manager=me")
    doras_cloud = clouds.create(own[DORA], by=actor(DORA), name="dora-cloud")
    assert carls.default_cloud_id
    assert ninas.default_cloud_id
    return World(
        north=north.id,
        south=south.id,
        trial=own[TINA].id,
        direct=own[DORA].id,
        carls_customer=carls.id,
        carls_subaccount=carls.subaccount_id,
        carls_cloud=carls.default_cloud_id,
        ninas_customer=ninas.id,
        ninas_subaccount=ninas.subaccount_id,
        ninas_cloud=ninas.default_cloud_id,
        ninas_folder=clouds.default_folder(ninas.default_cloud_id)[1].id,
        doras_cloud=doras_cloud.id,
        doras_folder=clouds.default_folder(doras_cloud.id)[1].id,
        souths_customer=souths.id,
        eddie=user(EDDIE).id,
        ninas_note=note.id,
        olgas_notice=notifications.notifications_for(actor(OLGA))[0].id,
        olgas_view=view.id,
        norths_import=file,
    )


def _create_checked_import(partner: BillingAccount) -> str:
    """A file with a good and a bad row, which the worker has checked."""
    good = {"name": "From a file", "invitation_email": "file@client.example", "country": "DE"}
    bad = {"name": "No address", "country": "DE"}
    held = imports.upload(partner, by=actor(OLGA), lines=[Line(2, good), Line(3, bad)])
    while imports.run_step(held.id):
        pass
    return held.id


def draft(email: str = "new@client.example", *, name: str = "New Client", **more: object) -> Draft:
    """A valid draft of a customer, with what the test wants different."""
    return Draft(**{"name": name, "invitation_email": email, "country": "DE", **more})  # type: ignore[arg-type]


def all_rows() -> dict[str, list[str]]:
    """All rows of all tables: equal before and after, where nothing may have been written."""

    def rows() -> dict[str, list[str]]:
        tables = db.Base.metadata.sorted_tables
        return {t.name: sorted(map(repr, db.session.execute(t.select()))) for t in tables}

    return db.read(rows)


def link_cloud(cloud_id: str, account_id: str, by: Actor) -> Link:
    """What somebody does who looks at the effect and presses *Link*."""
    found = db.session.get_one(Cloud, cloud_id)
    payer = db.session.get_one(BillingAccount, account_id)
    at = links.target_for(payer, by)
    shown = links.preview_link(at, links.find_candidate(at, found)).digest
    return links.link(found, by=by, to=payer, preview_digest=shown)
