"""The cast: the people and data of the database that every test starts from.

Built once, by the domain's verbs. Olga owns the partner North, Eddie is an editor there, Vera a
viewer. Carl is a customer that North has invited, Nina one that has accepted. Sam owns the partner
South and is the stranger. Tina's partner is in trial.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import select

from portal import db
from portal.domain import (
    access,
    accounts,
    clouds,
    connections,
    customers,
    identity,
    imports,
    invitations,
    jobs,
    links,
    mail_deliveries,
    notifications,
    partner_profiles,
    usage,
    values,
)
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.claims import LIFETIME, Claim, ClaimState
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Customer, Draft
from portal.domain.identity import User
from portal.domain.imports import Line
from portal.domain.memberships import Access, Membership
from portal.domain.statements import Kind, State, Statement
from portal.domain.usage import Mode
from portal.usage_files import BadRows, FileFacts, Terms
from tests.support.logos import picture_file

PASSWORD = "correct horse"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""A hash that is cheap to verify: its own parameters decide the cost."""

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
    """A frozen clock; each reading advances it by a millisecond, so that IDs sort by creation."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, **span: float) -> None:
        """Move the clock forward: `forward(hours=4)`."""
        self.now += timedelta(**span)


@dataclass(frozen=True)
class World:
    """The IDs of the cast's data."""

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
    carls_job: str
    """Of the invitation's mail."""
    connection: str
    """The default one."""
    ninas_statement: str
    """The draft of December."""
    olgas_access: str
    """To Nina's cloud, revoked since."""
    doras_claim: str
    """Withdrawn since."""
    delivery: str
    """Of usage, staged and without rows."""
    usage_key: str
    """Of its source; names no cloud."""

    @classmethod
    def ids(cls) -> list[str]:
        return [field.name for field in fields(cls)]


@cache
def _key(email: str) -> str:
    """Tests look the same few people up; to check an address takes longer than the query."""
    return values.email(email).key


def user(email: str) -> User:
    account = identity.user_by_email(_key(email))
    assert account is not None, f"{email} has no account"
    return account


def actor(email: str) -> Actor:
    """The person as an actor, without a session."""
    return identity.as_actor(user(email))


def signed_in(who: str | Actor) -> Actor:
    """The person in a session that begins now, for sensitive actions; a system actor as it is.

    Call it inside or outside of a unit of work."""
    person = actor(who) if isinstance(who, str) else who
    if person.is_system:
        return person
    begin = partial(identity.open_session, person.id, user_agent="Browser")
    token = begin() if db.session.info.get("writing") else db.write(begin)
    session_actor = identity.actor_of_session(token)
    assert session_actor is not None
    return session_actor[0]


def giver(email: str, role: AccountRole | CloudRole) -> Actor:
    """The person as one who gives this role: signed in just now for the owner role alone."""
    is_owner = role in (AccountRole.OWNER, CloudRole.OWNER)
    return signed_in(email) if is_owner else actor(email)


def register(email: str, name: str) -> BillingAccount:
    """Register the person; the person's own account."""
    _user, account = accounts.register(
        values.email(email), name=name, password_hash=PASSWORD_HASH, language="en", by=COMMAND
    )
    return account


def build() -> World:
    """Create the cast, in one transaction."""
    return db.write(_build)


def _build() -> World:
    own_accounts = {email: register(email, name) for email, name in NAMES.items()}
    for email, name in ((OLGA, "North"), (SAM, "South"), (TINA, "Trial Partner")):
        accounts.grant_partner_status(own_accounts[email], name=name, by=COMMAND)
    for email in (OLGA, SAM):
        accounts.switch_to_paid(own_accounts[email], by=COMMAND)
    north, south = own_accounts[OLGA], own_accounts[SAM]
    for email, role in STAFF_ROLES.items():
        if email != OLGA:
            access.assign_account_role(role, to=user(email).id, account=north, by=COMMAND)
    partner_profiles.set_logo(north, by=actor(OLGA), logo=values.picture(picture_file()))
    import_id = _create_checked_import(north)
    carls = customers.add(north, by=actor(OLGA), draft=draft(CARL, name="Carl & Sons"))
    ninas = customers.add(north, by=actor(OLGA), draft=draft(NINA, name="Nina GmbH"))
    customers.accept(invitations.open_for(actor(NINA))[0], by=actor(NINA))
    souths = customers.add(
        south, by=actor(SAM), draft=draft("other@else.example", name="Elsewhere")
    )
    note = customers.add_note(ninas, by=actor(EDDIE), text="Pays late, asks early.")
    view = customers.save_view(north, by=actor(OLGA), name="Mine", query="manager=me")
    delivery_id, key_id = _create_staged_delivery()
    doras_cloud = clouds.create(own_accounts[DORA], by=actor(DORA), name="dora-cloud")
    assert carls.default_cloud_id
    assert ninas.default_cloud_id
    return World(
        north=north.id,
        south=south.id,
        trial=own_accounts[TINA].id,
        direct=own_accounts[DORA].id,
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
        ninas_statement=_draft_statement(ninas),
        eddie=user(EDDIE).id,
        ninas_note=note.id,
        olgas_notice=notifications.notifications_for(actor(OLGA))[0].id,
        olgas_view=view.id,
        norths_import=import_id,
        carls_job=_job_of_invitation(carls.subaccount_id),
        connection=connections.BUILTIN_ID,
        doras_claim=_add_withdrawn_claim(own_accounts[DORA]),
        olgas_access=_add_revoked_access(OLGA, ninas.default_cloud_id),
        delivery=delivery_id,
        usage_key=key_id,
    )


def _add_withdrawn_claim(account: BillingAccount) -> str:
    """The ID of a claim of Dora's; a built-in connection has nothing to claim."""
    now, dora = db.now(), user(DORA).id
    claim = Claim(
        id=db.new_id("clm"),
        user_id=dora,
        account_id=account.id,
        connection_id=connections.BUILTIN_ID,
        external_id="prj-dora",
        name="Old racks",
        state=ClaimState.WITHDRAWN,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    db.session.add(claim)
    db.session.flush()
    return claim.id


def _add_revoked_access(email: str, cloud_id: str) -> str:
    """The ID of an access that was revoked; the cloud's connection could not make one."""
    now = db.now()
    times = dict.fromkeys(("created_at", "settled_at", "revoking_at", "revoked_at", "ends_by"), now)
    membership = Membership(id=db.new_id("mem"), cloud_id=cloud_id, user_id=user(email).id, **times)
    db.session.add(membership)
    db.session.flush()
    times = dict.fromkeys(("created_at", "until", "ending_at", "ended_at"), now)
    access_ = Access(id=db.new_id("acs"), membership_id=membership.id, name="Laptop", **times)
    db.session.add(access_)
    db.session.flush()
    return access_.id


def _create_checked_import(partner: BillingAccount) -> str:
    """The ID of an import with a valid and an invalid row, after the worker has checked it."""
    valid = {"name": "From a file", "invitation_email": "file@client.example", "country": "DE"}
    invalid = {"name": "No address", "country": "DE"}
    import_ = imports.upload(partner, by=actor(OLGA), lines=[Line(2, valid), Line(3, invalid)])
    while imports.run_step(import_.id) is not None:
        pass
    jobs.cancel(f"import:{import_.id}")
    return import_.id


def _create_staged_delivery() -> tuple[str, str]:
    """The IDs of a delivery of usage without rows, and of a key of its source."""
    source = usage.add_source("Issuer", by=COMMAND)
    file = FileFacts("usage.csv", "0" * 64, 1, Path("usage.csv"), is_parquet=False)
    staging = usage.begin(source, mode=Mode.OVERWRITE, files=[file], by=COMMAND)
    identified = usage.identify_keys(staging, ["project-0"])
    nothing = {"keys": (), "scopes": (), "total": (0, 0, 0), "bad": BadRows(), "rounded": ()}
    nothing |= {"terms": Terms("EUR", "UTC"), "points": 0}
    usage.finish(staging, identified, **nothing)  # type: ignore[arg-type]
    return staging.delivery_id, identified.ids["project-0"]


def _draft_statement(customer: Customer) -> str:
    """The ID of a draft of the customer's statement, as the closing of a month makes it."""
    draft = Statement(
        id=db.new_id("stm"),
        kind=Kind.CUSTOMER,
        state=State.DRAFT,
        account_id=customer.subaccount_id,
        issuer_id=customer.partner_id,
        month_on=date(2025, 12, 1),
        created_at=db.now(),
        currency="EUR",
    )
    db.session.add(draft)
    db.session.flush()
    return draft.id


def _job_of_invitation(subaccount_id: str) -> str:
    """The ID of the job that mails the invitation."""
    delivery = invitations.delivery_of(subaccount_id)
    assert delivery is not None
    key = mail_deliveries.lane_of(delivery.id)
    return db.session.scalars(select(jobs.Job.id).where(jobs.Job.key == key)).one()


def draft(email: str = "new@client.example", *, name: str = "New Client", **facts: object) -> Draft:
    """A valid draft of a customer, with these facts changed."""
    return Draft(**{"name": name, "invitation_email": email, "country": "DE", **facts})  # type: ignore[arg-type]


def all_rows() -> dict[str, list[str]]:
    """All rows of all tables, by table: compare before and after to prove that nothing changed."""

    def rows() -> dict[str, list[str]]:
        connection = db.session.connection()
        tables = list(db.Base.metadata.tables)
        if connection.dialect.name == "sqlite":
            cursor = connection.connection.cursor()
            return {
                name: sorted(map(repr, cursor.execute(f'SELECT * FROM "{name}"')))
                for name in tables
            }
        # One round trip: there are some fifty tables.
        query = " UNION ALL ".join(f"SELECT '{name}', t::text FROM \"{name}\" t" for name in tables)
        found: dict[str, list[str]] = {name: [] for name in tables}
        for name, row in connection.exec_driver_sql(query):
            found[name].append(row)
        return {name: sorted(rows) for name, rows in found.items()}

    return db.read(rows)


def link_cloud(cloud_id: str, account_id: str, by: Actor) -> Link:
    """Preview the link and confirm it, as a person does who presses *Link*."""
    cloud = db.session.get_one(Cloud, cloud_id)
    payer = db.session.get_one(BillingAccount, account_id)
    target = links.target_for(payer, by)
    digest = links.preview_link(target, links.find_candidate(target, cloud)).digest
    return links.link(cloud, by=by, to=payer, preview_digest=digest)
