"""Notices of lots: 80 % and all of one are used, or it expires soon; each once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select

from portal import db
from portal.domain import access, accounts, ledger
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.notifications import Kind, Notification
from tests.support.jobs import run_mails, run_upkeep
from tests.support.mails import mails_to, plain_text
from tests.support.money import row
from tests.support.usage import deliver, remove
from tests.support.world import DORA, EDDIE, OLGA, Clock, World, user


def notices(email: str) -> list[tuple[str, str, str]]:
    """The person's notices of lots: percent or "expires", what pays next, what is left."""
    kinds = Notification.kind.in_((Kind.LOT_USED, Kind.LOT_EXPIRES))
    query = select(Notification.facts).where(kinds, Notification.user_id == user(email).id)
    facts = db.read(lambda: list(db.session.scalars(query.order_by(Notification.id))))
    return [(f.get("percent", "expires"), f["next"], f.get("left", "")) for f in facts]


def notify() -> None:
    """Run the upkeep, whenever it is due."""
    assert db.write(accounts.notify_of_lots) is False


def last_on(account_id: str) -> date:
    return db.read(lambda: db.session.get_one(BillingAccount, account_id).lots[0].last_on)


def give_lot(account_id: str, amount: str, first_on: date, last_on: date) -> None:
    def unit() -> None:
        account = db.session.get_one(BillingAccount, account_id)
        days = {"first_on": first_on, "last_on": last_on}
        ledger.give_lot(account, amount=Decimal(amount), reason="Test", by=COMMAND, **days)

    db.write(unit)


def test_a_lot_may_last_until_the_last_day_there_is(app: Flask, world: World) -> None:
    give_lot(world.north, "1", date(2026, 1, 1), date.max)
    deliver(row("5000", world.ninas_cloud))
    notify()
    assert notices(OLGA) == [("100", "personal", "")] * 2


def test_owner_and_accountant_are_notified_once_of_80_percent_and_of_all_of_a_lot(
    app: Flask, world: World
) -> None:
    def add_accountant() -> None:
        account = db.session.get_one(BillingAccount, world.direct)
        to = user(EDDIE).id
        access.assign_account_role(AccountRole.ACCOUNTANT, to=to, account=account, by=COMMAND)

    db.write(add_accountant)
    deliver(row("3199.999999", world.doras_cloud))
    notify()
    assert notices(DORA) == []
    second = deliver(row("3200", world.doras_cloud))
    notify()
    notify()
    assert notices(DORA) == notices(EDDIE) == [("80", "waived", "")]
    remove(second)
    deliver(row("3500", world.doras_cloud))
    notify()
    assert notices(DORA) == [("80", "waived", "")]
    deliver(row("5000", world.doras_cloud))
    notify()
    remove(deliver(row("1", world.doras_cloud)))
    deliver(row("5000", world.doras_cloud))
    notify()
    assert notices(EDDIE) == [("80", "waived", ""), ("100", "waived", "")]
    assert notices(OLGA) == []  # has no role on this account


def test_a_lot_that_is_used_at_once_is_one_notice_and_names_the_lot_that_pays_next(
    app: Flask, world: World
) -> None:
    end = last_on(world.direct)
    give_lot(world.direct, "10", date(2026, 3, 2), end.replace(year=end.year + 1))
    deliver(row("4001", world.doras_cloud))
    notify()
    assert notices(DORA) == [("100", "lot", "")]


def test_a_lot_that_late_usage_uses_up_is_news_for_a_month_after_its_end(
    app: Flask, world: World, clock: Clock
) -> None:
    end = last_on(world.direct)
    clock.now = datetime.combine(end, time(12), ZoneInfo("UTC")) + timedelta(days=32)
    deliver(row("5000", world.doras_cloud))
    notify()
    assert notices(DORA) == []
    clock.now -= timedelta(days=1)
    notify()
    assert notices(DORA) == [("100", "waived", "")]


def test_seven_days_before_a_lot_expires_what_is_left_and_pays_then_is_mailed(
    app: Flask, world: World, clock: Clock
) -> None:
    end, account = last_on(world.direct), db.session.get_one(BillingAccount, world.direct)
    db.write(lambda: accounts.switch_to_paid(account, by=COMMAND))
    noon = datetime.combine(end, time(12), ZoneInfo("UTC"))
    clock.now = noon - timedelta(days=7)
    run_upkeep("notify-of-lots")
    assert notices(DORA) == []
    clock.forward(days=1)
    run_upkeep("notify-of-lots")
    clock.forward(days=1)
    run_upkeep("notify-of-lots")
    assert notices(DORA) == [("expires", "personal", "4000.000000")]
    run_mails()
    mail = mails_to(DORA)[-1]
    assert mail["Subject"] == "A grant expires in seven days"
    text = " ".join(plain_text(mail).split())
    assert "€4,000.00 of it is left" in text
    assert "After it, the personal account pays." in text
    clock.now = noon
    deliver(row("1", world.doras_cloud))
    clock.forward(days=1)
    run_upkeep("notify-of-lots")
    assert len(notices(DORA)) == 1
