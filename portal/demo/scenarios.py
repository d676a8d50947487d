"""The scenario: the partners and their staff, customers with a name, all others, and today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from portal import db
from portal.demo import guide_feedback, stories
from portal.demo.companies import Company, companies, tax_number
from portal.demo.customer_actions import SimulatedCustomer, SimulatedPartner
from portal.demo.firm import fill_in_profile, set_prices
from portal.demo.people import (
    AMIRA,
    CARL,
    EDDIE,
    GLEB,
    LUCIA,
    MAREK,
    NOOR,
    OLGA,
    PIET,
    SAM,
    TINA,
    VERA,
    Directory,
    session_of,
)
from portal.demo.timeline import DAY, Story, Timeline, seeded_random
from portal.domain import access, accounts, clouds, customers, notifications, team, values
from portal.domain.access import AccountRole
from portal.domain.actors import COMMAND
from portal.domain.customers import ME, Customer, Draft, Filter, Status

HOUR = timedelta(hours=1)
HALDENS_SHARE = 11, 15
"""Of all customers; the others are Tidewater's. Saltmarsh is in trial and can't have any."""
UNREAD_NOTICES = timedelta(days=9)
"""Notices of this time before the end are unread."""

NAMED_CUSTOMERS = (
    # (days ago, contact, company, address, country, story)
    (140, "Zara Pascoe", "Zennor Tide Mills", "zennor@tidemills.example", "GB", stories.wait),
    (121, "Jonas Weiss", "Tarnhollow Mineral Water", "edv@tarnhollow.example", "DE",
     stories.decline),
    (58, "Helga Brandt", "Vantry Dental Supplies", "helga.brandt@vantry.example", "DE",
     stories.wait),
    (33, "Nina Castell", "Quillmoor Archive Trust", "nina@quillmoor.example", "IE",
     stories.confirm),
    (12, "Aksel Munk", "Saltbridge Ferries", "ops@saltbridge.example", "DK", stories.wait),
    (5, "Глеб Озерай", "ООО «Северный ветер»", GLEB, "RU", stories.sign_up),
)  # fmt: skip
PARTNER_CHANGES = (250, 130)
"""How many days ago a customer was added that moves from Halden to Tidewater."""
SCHEDULED_BY_NAME = {
    OLGA: len(NAMED_CUSTOMERS) + len(PARTNER_CHANGES) + 4,
    SAM: len(PARTNER_CHANGES) + 1,
}
"""Customers by the partner's owner that are no random stories: the 4 are Larkspur, Carl and two of
today; the 1 is Carl."""


def schedule(timeline: Timeline, directory: Directory, *, customers: int) -> None:
    """Schedule all stories, with that many customer records in all."""
    company_iterator, kinds = companies("firms"), stories.story_kinds("kinds")
    halden = SimulatedPartner(
        timeline, directory, OLGA, "HI", editors=[OLGA], managers=[OLGA, *[""] * 4]
    )
    tidewater = SimulatedPartner(timeline, directory, SAM, "TS", editors=[SAM], managers=[SAM, ""])
    timeline.schedule(_become_halden(halden), days=370)
    timeline.schedule(_become_partner(directory, SAM, "Tidewater Systems"), days=369)
    timeline.schedule(_become_partner(directory, TINA, "Saltmarsh Cloud", is_paid=False), days=21)
    _schedule_staff(halden, tidewater)
    _schedule_named_customers(halden, tidewater, company_iterator)
    haldens = customers * HALDENS_SHARE[0] // HALDENS_SHARE[1]
    for partner, count in ((halden, haldens), (tidewater, customers - haldens)):
        _schedule_other_customers(
            partner, company_iterator, kinds, count - SCHEDULED_BY_NAME[partner.owner_email]
        )
    guide_feedback.schedule(timeline, directory)
    _schedule_today(halden, tidewater, company_iterator)


def _schedule_other_customers(
    partner: SimulatedPartner,
    company_iterator: Iterator[Company],
    kinds: Iterator[stories.StoryKind],
    count: int,
) -> None:
    while count > 0:
        kind = next(kinds)
        if kind.records > count:
            continue
        rng = seeded_random(f"{partner.reference_prefix} {count}")
        customer = SimulatedCustomer(partner, next(company_iterator), rng)
        days = rng.randint(kind.min_days, kind.max_days)
        partner.timeline.schedule(kind.story(customer), days=days)
        count -= kind.records


# The partners


def _become_partner(directory: Directory, owner: str, name: str, *, is_paid: bool = True) -> Story:
    directory.sign_up(owner)
    yield HOUR
    account = directory.own_account(owner)
    accounts.grant_partner_status(account, name=name, by=COMMAND)
    if is_paid:
        yield HOUR
        with session_of(directory.actor(owner)) as signed_in:
            accounts.switch_to_paid(account, by=signed_in)


def _become_halden(halden: SimulatedPartner) -> Story:
    yield from _become_partner(halden.directory, OLGA, "Halden Integration")
    fill_in_profile(halden.account, by=halden.owner)
    set_prices(halden.account, percent=12, by=halden.owner)


def _schedule_staff(halden: SimulatedPartner, tidewater: SimulatedPartner) -> None:
    timeline = halden.timeline
    timeline.schedule(_join(halden, EDDIE, AccountRole.EDITOR, weight=7), days=367)
    timeline.schedule(_join(halden, MAREK, AccountRole.EDITOR, weight=3), days=367)
    timeline.schedule(_leave(halden, MAREK, successor=EDDIE), days=75)
    timeline.schedule(_join(halden, VERA, AccountRole.VIEWER), days=366)
    timeline.schedule(_join(halden, AMIRA, AccountRole.ADMIN), days=300)
    timeline.schedule(_join(halden, LUCIA, AccountRole.ACCOUNTANT), days=230)
    timeline.schedule(_join(halden, PIET, AccountRole.VIEWER), days=200)
    timeline.schedule(_change_role(halden, PIET, AccountRole.EDITOR, weight=4), days=180)
    timeline.schedule(_join(tidewater, NOOR, AccountRole.EDITOR, weight=2), days=290)
    until = timeline.end - UNREAD_NOTICES
    for partner, email, since in (
        (halden, OLGA, 360),
        (halden, EDDIE, 360),
        (halden, MAREK, 360),
        (halden, AMIRA, 294),
        (halden, PIET, 174),
        (tidewater, SAM, 360),
        (tidewater, NOOR, 284),
    ):
        timeline.schedule(_read_notices(partner.directory, email, until), days=since)


def _join(partner: SimulatedPartner, email: str, role: AccountRole, *, weight: int = 0) -> Story:
    """Join the staff. `weight` is the share of new customers to manage."""
    partner.directory.sign_up(email)
    yield HOUR
    team.add(partner.account, by=partner.owner, address=values.email(email), role=role)
    yield HOUR
    _begin_work(partner, email, role, weight)


def _change_role(partner: SimulatedPartner, email: str, role: AccountRole, *, weight: int) -> Story:
    user = partner.directory.user(email)
    team.change(role, of=user, partner=partner.account, by=partner.owner)
    yield HOUR
    _begin_work(partner, email, role, weight)


def _begin_work(partner: SimulatedPartner, email: str, role: AccountRole, weight: int) -> None:
    if role in access.STAFF_ROLES:
        partner.editors.append(email)
    partner.managers += [email] * weight


def _leave(partner: SimulatedPartner, email: str, *, successor: str) -> Story:
    """Get no new customers, hand over every other one, and leave the staff."""
    partner.managers = [manager for manager in partner.managers if manager != email]
    yield 15 * DAY
    actor = partner.directory.actor(email)
    successor_id = partner.directory.user(successor).id
    rows = customers.page_for(actor, partner.account, Filter(manager=ME))
    live_ids = [row.id for row in rows if row.status is not Status.INACTIVE]
    for customer_id in live_ids[::2]:
        customer = db.session.get_one(Customer, customer_id)
        draft = replace(customers.draft_of(customer), manager_id=successor_id)
        customers.edit(customer, by=actor, draft=draft, version=customer.version)
    yield HOUR
    partner.editors.remove(email)
    user = partner.directory.user(email)
    team.remove(of=user, partner=partner.account, by=partner.owner)


def _read_notices(directory: Directory, email: str, until: datetime) -> Story:
    while db.now() < until:
        notifications.mark_read(by=directory.actor(email))
        yield 7 * DAY


# Customers with a name


def _schedule_named_customers(
    halden: SimulatedPartner, tidewater: SimulatedPartner, company_iterator: Iterator[Company]
) -> None:
    timeline = halden.timeline
    for days, contact, name, email, country, story in NAMED_CUSTOMERS:
        rng = seeded_random(name)
        tin = tax_number(rng, "##########", country) if country == "RU" else ""
        draft = Draft(name=name, invitation_email=email, country=country, tin=tin)
        customer = SimulatedCustomer(halden, Company(draft, contact), rng)
        timeline.schedule(story(customer), days=days)
    timeline.schedule(_larkspur(halden), days=96)
    for days in PARTNER_CHANGES:
        rng, company = seeded_random(str(days)), next(company_iterator)
        first = SimulatedCustomer(halden, company, rng)
        second = SimulatedCustomer(tidewater, company, rng)
        timeline.schedule(stories.change_partner(first, second), days=days)


def _larkspur(partner: SimulatedPartner) -> Story:
    """A customer with a manager, Eddie, and his notes."""
    rng = seeded_random("Larkspur")
    draft = Draft(
        name="Larkspur & Finch Bakery",
        invitation_email="orders@larkspur-finch.example",
        country="AT",
        tin=tax_number(rng, "ATU########", "AT"),
        longname="Larkspur & Finch Bäckerei GmbH",
        email="ines.carvalho@larkspur-finch.example",
        legal_address="Lindenplatz 4, 6617 Eschenhollen",
        post_code="6617",
        description="Bakery with eleven shops and a web shop of its own.",
    )
    customer = SimulatedCustomer(partner, Company(draft, "Ines Carvalho"), rng)
    yield from stories.create_folders(customer)
    yield customer.random_days(10, 20)
    customer.edit(manager_id=partner.directory.user(EDDIE).id)
    eddie = partner.directory.actor(EDDIE)
    for text in (
        "Ines prefers to be called after 14:00.",
        "Moves its shop in spring; wants a second cloud by then.\nAsk about backups.",
    ):
        yield customer.random_days(2, 20)
        customers.add_note(customer.record, by=eddie, text=text)


# Today


def _schedule_today(
    halden: SimulatedPartner, tidewater: SimulatedPartner, company_iterator: Iterator[Company]
) -> None:
    """One customer was added two hours ago, one has just confirmed, and Carl, who pays for two
    clouds himself, was invited by two partners."""
    timeline = halden.timeline
    draft = Draft(name="Nettlecombe Instruments", invitation_email=CARL, country="GB")
    nettlecombe = Company(draft, "Carl Lindqvist")
    rng = seeded_random("today")
    added = SimulatedCustomer(halden, next(company_iterator), rng)
    confirming = SimulatedCustomer(halden, next(company_iterator), rng)
    timeline.schedule(_run_once(added.add), minutes=130)
    timeline.schedule(_run_once(lambda: confirming.add(manager=EDDIE)), days=2)
    timeline.schedule(_run_once(confirming.sign_up), minutes=50)
    timeline.schedule(_run_once(confirming.accept), minutes=40)
    timeline.schedule(_create_carls_clouds(halden.directory), days=45)
    for partner, minutes in ((tidewater, 14), (halden, 7)):
        customer = SimulatedCustomer(partner, nettlecombe, rng)
        timeline.schedule(_run_once(customer.add), minutes=minutes)


def _run_once(step: Callable[[], object]) -> Story:
    step()
    yield from ()


def _create_carls_clouds(directory: Directory) -> Story:
    directory.sign_up(CARL)
    yield 5 * DAY
    account, carl = directory.own_account(CARL), directory.actor(CARL)
    clouds.create(account, by=carl, name="shop-production")
    yield 20 * DAY
    clouds.create(account, by=carl, name="analytics-archive")
