"""The script: the partners and their staff, customers one should meet, all others, and today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from portal import db
from portal.demo import guide_feedback, stories
from portal.demo.companies import Firm, firms, tax_number
from portal.demo.customer_actions import Desk, Life
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
    Cast,
)
from portal.demo.timeline import DAY, Diary, Story, luck
from portal.domain import access, accounts, clouds, customers, notifications, team, values
from portal.domain.access import AccountRole
from portal.domain.actors import COMMAND
from portal.domain.customers import ME, Customer, Draft, Filter, Status

HOUR = timedelta(hours=1)
HALDENS_SHARE = 11, 15
"""Of all customers; the others are Tidewater's. Saltmarsh, in trial, can't have any."""
UNREAD = timedelta(days=9)

KNOWN = (
    # (days ago, person, firm, address, country, what becomes of it)
    (140, "Zara Pascoe", "Zennor Tide Mills", "zennor@tidemills.example", "GB", stories.waits),
    (121, "Jonas Weiss", "Tarnhollow Mineral Water", "edv@tarnhollow.example", "DE",
     stories.declines),
    (58, "Helga Brandt", "Vantry Dental Supplies", "helga.brandt@vantry.example", "DE",
     stories.waits),
    (33, "Nina Castell", "Quillmoor Archive Trust", "nina@quillmoor.example", "IE",
     stories.confirms),
    (12, "Aksel Munk", "Saltbridge Ferries", "ops@saltbridge.example", "DK", stories.waits),
    (5, "Глеб Озерай", "ООО «Северный ветер»", GLEB, "RU", stories.hesitates),
)  # fmt: skip
CHANGE_PARTNERS = (250, 130)
BESIDE_THE_CROWD = {OLGA: len(KNOWN) + len(CHANGE_PARTNERS) + 4, SAM: len(CHANGE_PARTNERS) + 1}
"""How many customers are told of by name below: Larkspur, Carl and two of today are the four."""


def write(diary: Diary, cast: Cast, *, customers: int) -> None:
    """Every story begins; the diary tells them."""
    some, others = firms("firms"), stories.deck("kinds")
    halden = Desk(diary, cast, OLGA, "HI", editors=[OLGA], managers=[OLGA, *[""] * 4])
    tidewater = Desk(diary, cast, SAM, "TS", editors=[SAM], managers=[SAM, ""])
    diary.begin(_becomes_partner(cast, OLGA, "Halden Integration"), days=370)
    diary.begin(_becomes_partner(cast, SAM, "Tidewater Systems"), days=369)
    diary.begin(_becomes_partner(cast, TINA, "Saltmarsh Cloud", is_paid=False), days=21)
    _staff(halden, tidewater)
    _by_name(halden, tidewater, some)
    haldens = customers * HALDENS_SHARE[0] // HALDENS_SHARE[1]
    for desk, count in ((halden, haldens), (tidewater, customers - haldens)):
        _crowd(desk, some, others, count - BESIDE_THE_CROWD[desk.owner])
    guide_feedback.begin(diary, cast)
    _today(halden, tidewater, some)


def _crowd(desk: Desk, some: Iterator[Firm], kinds: Iterator[stories.Kind], count: int) -> None:
    while count > 0:
        kind = next(kinds)
        if kind.records > count:
            continue
        chance = luck(f"{desk.prefix} {count}")
        life = Life(desk, next(some), chance)
        desk.diary.begin(kind.story(life), days=chance.randint(kind.least, kind.most))
        count -= kind.records


# The partners


def _becomes_partner(cast: Cast, owner: str, name: str, *, is_paid: bool = True) -> Story:
    cast.sign_up(owner)
    yield HOUR
    accounts.grant_partner_status(cast.own(owner), name=name, by=COMMAND)
    if is_paid:
        yield HOUR
        accounts.switch_to_paid(cast.own(owner), by=cast.actor(owner))


def _staff(halden: Desk, tidewater: Desk) -> None:
    diary = halden.diary
    diary.begin(_joins(halden, EDDIE, AccountRole.EDITOR, often=7), days=367)
    diary.begin(_joins(halden, MAREK, AccountRole.EDITOR, often=3), days=367)
    diary.begin(_leaves(halden, MAREK, heir=EDDIE), days=75)
    diary.begin(_joins(halden, VERA, AccountRole.VIEWER), days=366)
    diary.begin(_joins(halden, AMIRA, AccountRole.ADMIN), days=300)
    diary.begin(_joins(halden, LUCIA, AccountRole.ACCOUNTANT), days=230)
    diary.begin(_joins(halden, PIET, AccountRole.VIEWER), days=200)
    diary.begin(_rises(halden, PIET, AccountRole.EDITOR, often=4), days=180)
    diary.begin(_joins(tidewater, NOOR, AccountRole.EDITOR, often=2), days=290)
    until = diary.started - UNREAD
    for desk, email, since in (
        (halden, OLGA, 360),
        (halden, EDDIE, 360),
        (halden, MAREK, 360),
        (halden, AMIRA, 294),
        (halden, PIET, 174),
        (tidewater, SAM, 360),
        (tidewater, NOOR, 284),
    ):
        diary.begin(_reads_notices(desk.cast, email, until), days=since)


def _joins(desk: Desk, email: str, role: AccountRole, *, often: int = 0) -> Story:
    """Somebody joins the staff, and looks after customers as often."""
    desk.cast.sign_up(email)
    yield HOUR
    by = desk.cast.actor(desk.owner)
    team.add(desk.account, by=by, address=values.email(email), role=role)
    yield HOUR
    _works(desk, email, role, often)


def _rises(desk: Desk, email: str, role: AccountRole, *, often: int) -> Story:
    by, user = desk.cast.actor(desk.owner), desk.cast.user(email)
    access.change(role, of=user, account=desk.account, by=by)
    yield HOUR
    _works(desk, email, role, often)


def _works(desk: Desk, email: str, role: AccountRole, often: int) -> None:
    if role in access.STAFF_ROLES:
        desk.editors.append(email)
    desk.managers += [email] * often


def _leaves(desk: Desk, email: str, *, heir: str) -> Story:
    """Gets no new customers, hands over every other one, and leaves the staff."""
    desk.managers = [one for one in desk.managers if one != email]
    yield 15 * DAY
    leaver, manager_id = desk.cast.actor(email), desk.cast.user(heir).id
    rows = customers.page_for(leaver, desk.account, Filter(manager=ME))
    live = [row.id for row in rows if row.status is not Status.INACTIVE]
    for ident in live[::2]:
        record = db.session.get_one(Customer, ident)
        draft = replace(customers.draft_of(record), manager_id=manager_id)
        customers.edit(record, by=leaver, draft=draft, version=record.version)
    yield HOUR
    desk.editors.remove(email)
    by = desk.cast.actor(desk.owner)
    access.revoke(of=desk.cast.user(email), account=desk.account, by=by)


def _reads_notices(cast: Cast, email: str, until: datetime) -> Story:
    while db.now() < until:
        notifications.mark_read(by=cast.actor(email))
        yield 7 * DAY


# Customers one should meet


def _by_name(halden: Desk, tidewater: Desk, some: Iterator[Firm]) -> None:
    for days, person, name, email, country, story in KNOWN:
        chance = luck(name)
        tin = tax_number(chance, "##########", country) if country == "RU" else ""
        firm = Firm(Draft(name=name, invitation_email=email, country=country, tin=tin), person)
        halden.diary.begin(story(Life(halden, firm, chance)), days=days)
    halden.diary.begin(_larkspur(halden), days=96)
    for days in CHANGE_PARTNERS:
        chance, firm = luck(str(days)), next(some)
        first, second = Life(halden, firm, chance), Life(tidewater, firm, chance)
        halden.diary.begin(stories.changes_partner(first, second), days=days)


def _larkspur(desk: Desk) -> Story:
    """Eddie looks after it, and wrote down what he learned."""
    chance = luck("Larkspur")
    draft = Draft(
        name="Larkspur & Finch Bakery",
        invitation_email="orders@larkspur-finch.example",
        country="AT",
        tin=tax_number(chance, "ATU########", "AT"),
        longname="Larkspur & Finch Bäckerei GmbH",
        email="ines.carvalho@larkspur-finch.example",
        legal_address="Lindenplatz 4, 6617 Eschenhollen",
        post_code="6617",
        description="Bakery with eleven shops and a web shop of its own.",
    )
    life = Life(desk, Firm(draft, "Ines Carvalho"), chance)
    yield from stories.works(life)
    yield life.days(10, 20)
    life.edit(manager_id=desk.cast.user(EDDIE).id)
    eddie = desk.cast.actor(EDDIE)
    for text in (
        "Ines prefers to be called after 14:00.",
        "Moves its shop in spring; wants a second cloud by then.\nAsk about backups.",
    ):
        yield life.days(2, 20)
        customers.add_note(life.record, by=eddie, text=text)


# Today


def _today(halden: Desk, tidewater: Desk, some: Iterator[Firm]) -> None:
    """One customer was added two hours ago, one has just confirmed, and Carl, who has two clouds
    that nobody pays for but he, was invited by two partners."""
    diary, cast = halden.diary, halden.cast
    carls = Firm(
        Draft(name="Nettlecombe Instruments", invitation_email=CARL, country="GB"), "Carl Lindqvist"
    )
    chance = luck("today")
    newest, answering = Life(halden, next(some), chance), Life(halden, next(some), chance)
    diary.begin(_once(newest.add), minutes=130)
    diary.begin(_once(lambda: answering.add(manager=EDDIE)), days=2)
    diary.begin(_once(answering.sign_up), minutes=50)
    diary.begin(_once(answering.accept), minutes=40)
    diary.begin(_carls_clouds(cast), days=45)
    diary.begin(_once(Life(tidewater, carls, chance).add), minutes=14)
    diary.begin(_once(Life(halden, carls, chance).add), minutes=7)


def _once(change: Callable[[], object]) -> Story:
    change()
    yield from ()


def _carls_clouds(cast: Cast) -> Story:
    cast.sign_up(CARL)
    yield 5 * DAY
    clouds.create(cast.own(CARL), by=cast.actor(CARL), name="shop-production")
    yield 20 * DAY
    clouds.create(cast.own(CARL), by=cast.actor(CARL), name="analytics-archive")
