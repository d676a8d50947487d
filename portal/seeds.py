"""The demonstration world, told in the verbs of the domain; every firm and person is invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from portal import db
from portal.domain import access, account, cloud, contact, customer, identity, invitation, outbox
from portal.domain.access import AccountRole
from portal.domain.account import BillingAccount
from portal.domain.actor import COMMAND, Actor
from portal.domain.customer import Customer, Draft
from portal.domain.identity import User
from portal.domain.invitation import Invitation

PASSWORD = "demonstration"  # noqa: S105 - of invented people, in a local run only

PEOPLE = {
    # address: (name, what to try with it)
    "olga@halden.example": ("Olga Brandt", "owner of the partner Halden Integration"),
    "eddie@halden.example": ("Eddie Moreau", "editor there: adds customers"),
    "vera@halden.example": ("Vera Lind", "viewer there: only looks"),
    "carl@nettlecombe.example": ("Carl Lindqvist", "customer, invited by two partners"),
    "sam@tidewater.example": ("Sam Okafor", "owner of another partner, Tidewater Systems"),
    "tina@saltmarsh.example": ("Tina Roux", "owner of a partner still in trial"),
}
BEHIND_THE_SCENES = {
    "nina@quillmoor.example": "Nina Castell",
    "orders@larkspur-finch.example": "Ines Carvalho",
    "edv@tarnhollow.example": "Jonas Weiss",
}
NEWER = {"carl@nettlecombe.example": 45, "tina@saltmarsh.example": 21}
"""Days since they signed up, where their initial grant is not over yet."""
HALDENS = (
    # (days ago, name, address, country, tax number, what became of it)
    (140, "Zennor Tide Mills", "zennor@tidemills.example", "GB", "", "waits"),
    (121, "Tarnhollow Mineral Water", "edv@tarnhollow.example", "DE", "DE136695976", "declined"),
    (96, "Larkspur & Finch Bakery", "orders@larkspur-finch.example", "AT", "", "confirmed"),
    (58, "Vantry Dental Supplies", "helga.brandt@vantry.example", "DE", "", "waits"),
    (33, "Quillmoor Archive Trust", "nina@quillmoor.example", "IE", "", "confirmed"),
    (12, "Saltbridge Ferries", "ops@saltbridge.example", "DK", "", "waits"),
    (5, "ООО «Северный ветер»", "it@severny-veter.example", "RU", "7707083893", "waits"),
)


def is_empty() -> bool:
    """Whether nobody has an account here yet."""
    return not identity.anyone()


def sign_ins() -> str:
    """Who one can be in the demonstration, as a table for the terminal; empty without one."""
    known = [email for email in PEOPLE if identity.user_by_email(email) is not None]
    if not known:
        return ""
    lines = [f"  {email:28} {PEOPLE[email][1]}" for email in known]
    return f"Sign in with the password {PASSWORD!r} as\n" + "\n".join(lines) + "\n"


def plant() -> None:
    """Three partners and their customers over the last months, and the present; all or nothing,
    for half a world would be taken for one that is in use."""
    password_hash = identity.hash_password(PASSWORD)
    db.write(partial(_plant, password_hash))


def _plant(password_hash: str) -> None:
    started = db.now()

    def at(days: float, change: Callable[[], object]) -> None:
        db.now_is(started - timedelta(days=days))
        change()

    names = {email: name for email, (name, _role) in PEOPLE.items()} | BEHIND_THE_SCENES
    for email, name in names.items():
        days = NEWER.get(email, 150)
        at(days, partial(_register, email, name, password_hash))
    at(149, lambda: _partner("olga@halden.example", "Halden Integration", is_paid=True))
    at(149, lambda: _partner("sam@tidewater.example", "Tidewater Systems", is_paid=True))
    at(20, lambda: _partner("tina@saltmarsh.example", "Saltmarsh Cloud", is_paid=False))
    at(148, _staff)
    for days, name, email, country, tin, became in HALDENS:
        draft = Draft(name=name, invitation_email=email, country=country, tin=tin)
        at(days, partial(_add, "olga@halden.example", draft))
        at(days - 0.01, _deliver)
        if became != "waits":
            at(days - 2, partial(_answer, email, became))
            at(days - 2.01, _deliver)
    at(3, _notes)
    at(40, lambda: _own_cloud("carl@nettlecombe.example", "shop-production"))
    at(19, lambda: _own_cloud("carl@nettlecombe.example", "analytics-archive"))
    carls = Draft(
        name="Nettlecombe Instruments", invitation_email="carl@nettlecombe.example", country="GB"
    )
    at(0.01, lambda: _add("sam@tidewater.example", carls))
    at(0.005, lambda: _add("olga@halden.example", carls))


def _register(email: str, name: str, password_hash: str) -> None:
    address = contact.email(email)
    account.register(address, name=name, password_hash=password_hash, language="en", by=COMMAND)


def _user(email: str) -> User:
    user = identity.user_by_email(email)
    if user is None:
        raise LookupError(email)
    return user


def _actor(email: str) -> Actor:
    return identity.as_actor(_user(email))


def _own(email: str) -> BillingAccount:
    own = account.own_account_of(_user(email))
    if own is None:
        raise LookupError(email)
    return own


def _partner(email: str, name: str, *, is_paid: bool) -> None:
    own = _own(email)
    account.grant_partner_status(own, name=name, by=COMMAND)
    if is_paid:
        account.switch_to_paid(own, by=_actor(email))


def _staff() -> None:
    halden = _own("olga@halden.example")
    for email, role in (("eddie", AccountRole.EDITOR), ("vera", AccountRole.VIEWER)):
        user = _user(f"{email}@halden.example")
        access.grant(role, to=user, account=halden, by=_actor("olga@halden.example"))


def _add(owner: str, draft: Draft) -> None:
    customer.add(_own(owner), by=_actor(owner), draft=draft)


def _notes() -> None:
    """Eddie looks after one customer, and wrote down what he learned."""
    eddie, partner = _actor("eddie@halden.example"), _own("olga@halden.example")
    wanted = customer.Filter(search="Larkspur")
    record = db.lock(Customer, customer.page_for(eddie, partner, wanted)[0].id)
    draft = replace(customer.draft_of(record), manager_id=eddie.id)
    customer.edit(record, by=eddie, draft=draft, version=record.version)
    for text in (
        "Ines prefers to be called after 14:00.",
        "Moves its shop in spring; wants a second cloud by then.\nAsk about backups.",
    ):
        customer.add_note(record, by=eddie, text=text)


def _deliver() -> None:
    """The mails of long ago were handed over then; only the newest ones really leave."""
    while (entry := outbox.claim()) is not None:
        outbox.mark(entry.id, entry.claim or "")
        outbox.sent(entry.id, entry.claim or "", "250 2.0.0 Ok: queued")


def _answer(email: str, became: str) -> None:
    actor = _actor(email)
    asked: Invitation = invitation.open_for(actor)[0]
    verb: Callable[..., Customer] = customer.accept if became == "confirmed" else customer.decline
    verb(asked, by=actor)


def _own_cloud(email: str, name: str) -> None:
    cloud.create(_own(email), by=_actor(email), name=name)
