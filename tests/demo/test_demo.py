"""The demonstration's world: a small one, and all of it, on SQLite.

tests/cli/test_cli.py seeds both databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal import db, demo
from portal.demo.companies import companies
from portal.demo.people import AMIRA, CARL, EDDIE, GLEB, MAREK, OLGA
from portal.demo.stories import STORY_KINDS, story_kinds
from portal.domain import accounts, audit, budgets, doctor, identity, notifications, policy, usage
from portal.domain.access import AccountAccess, AccountRole, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.budgets import Budget
from portal.domain.charges import Charge
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.customers import Customer, Status, acceptance_by_week, draft_of
from portal.domain.identity import User
from portal.domain.invitations import Answer, Invitation
from portal.domain.ledger import Ledger
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from portal.domain.notifications import Notification
from portal.domain.policy import Policy
from portal.domain.prices import PriceSum
from portal.domain.statements import Kind as StatementKind
from portal.domain.statements import State, Statement, StatementLine
from portal.domain.usage import Delivery, DeliveryScope
from tests.conftest import Databases, make_app
from tests.support import demonstration
from tests.support.world import Clock, actor, user

TUESDAY = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
SATURDAY_NIGHT = datetime(2026, 3, 7, 23, 58, tzinfo=UTC)
MONDAY_EARLY = datetime(2026, 3, 9, 0, 4, tzinfo=UTC)


@contextmanager
def opened(url: str, **settings: str) -> Iterator[Flask]:
    """Inside the application on this database."""
    agreed, app = policy.current(), make_app(url, **settings)
    try:
        with app.app_context():
            yield app
    finally:
        with app.app_context():
            db.extension.engine.dispose()
        policy.configure(agreed)


@contextmanager
def planted(
    databases: Databases, customers: int, at: datetime = TUESDAY, **settings: str
) -> Iterator[None]:
    """Inside the application on a database with a world of so many customers."""
    url, before = databases.empty("sqlite"), db.time.clock
    db.time.clock = Clock(at)
    try:
        with opened(url, **settings) as app:
            for command in (["db", "upgrade"], ["seed", "--customers", str(customers)]):
                assert app.test_cli_runner().invoke(args=command).exit_code == 0
            yield
    finally:
        db.time.clock = before
        databases.drop(url)


@pytest.fixture(scope="module")
def small(databases: Databases) -> Iterator[None]:
    """A world of as few customers as possible, which tests only read."""
    with planted(databases, demo.MIN_CUSTOMERS):
        yield


def rows(*columns: Any) -> list[Any]:
    """All rows of a table, or those columns of it."""
    found = db.session.execute(select(*columns)).all()
    return [row[0] for row in found] if len(columns) == 1 else [tuple(row) for row in found]


def rows_of(found: Any) -> list[Any]:
    return [tuple(row) for row in db.session.execute(found)]


def grouped(model: Any, by: Any, then: Any) -> dict[str, list[Any]]:
    """The rows of a table by their `by`, each in the order of `then`."""
    groups: dict[str, list[Any]] = {}
    for row in db.session.scalars(select(model).order_by(then)):
        groups.setdefault(getattr(row, by.key), []).append(row)
    return groups


def test_every_state_occurs(small: None) -> None:
    assert set(rows(Customer.status)) == set(Status)
    assert set(rows(Invitation.answer)) == {*Answer, None}


def test_everything_that_can_happen_to_a_customer_has_happened(small: None) -> None:
    assert set(rows(AuditLine.action)) >= {
        *("customer.add", "customer.edit", "customer.correct_address", "customer.remove"),
        *("customer.suspend", "customer.resume", "partnership.end", "note.add"),
        *("invitation.accept", "invitation.decline"),
        *("cloud.create", "cloud.link", "cloud.leave", "folder.create"),
        *("cloud_access.grant", "cloud_access.revoke_partner"),
        *("access.grant", "access.change", "access.revoke", "account.switch_to_paid"),
    }


def test_the_log_verifies_and_each_chain_is_told_in_order(small: None) -> None:
    assert audit.find_broken_links() == []
    for lines in grouped(AuditLine, AuditLine.chain, AuditLine.seq).values():
        assert all(a.at <= b.at for a, b in pairwise(lines))


def test_the_demonstration_is_healthy(small: None) -> None:
    assert [result for result in doctor.run() if result.total] == []


def test_a_customer_has_one_subaccount_one_invitation_and_a_default_folder(small: None) -> None:
    subaccounts = {
        account.id: account.parent_id
        for account in db.session.scalars(
            select(BillingAccount).where(BillingAccount.kind == Kind.SUBACCOUNT)
        )
    }
    customers = rows(Customer)
    assert {c.subaccount_id: c.partner_id for c in customers} == subaccounts
    assert len(customers) == len(subaccounts)
    assert sorted(subaccounts) == sorted(rows(Invitation.subaccount_id))
    assert sum(folder.is_default for folder in rows(Folder)) == len(rows(Cloud))


def test_a_customers_state_fits_its_subaccount_and_its_answer(small: None) -> None:
    for customer in rows(Customer):
        account = db.session.get_one(BillingAccount, customer.subaccount_id)
        asked = db.session.get_one(Invitation, customer.subaccount_id)
        assert (customer.status is Status.WAITING) == asked.is_open
        assert (customer.status is Status.INACTIVE) == (account.closed_at is not None)
        assert (customer.status is Status.SUSPENDED) == (
            account.suspended_at is not None and account.closed_at is None
        )
        assert (asked.answer is Answer.CONFIRMED) == (account.confirmed_at is not None)


def test_only_the_invited_answered(small: None) -> None:
    for asked in rows(Invitation):
        if asked.answer in (Answer.CONFIRMED, Answer.DECLINED):
            assert db.session.get_one(User, asked.answered_by).email_key == asked.email_key


def test_links_leave_no_gap_and_do_not_overlap(small: None) -> None:
    chains = grouped(Link, Link.cloud_id, Link.since_at)
    assert sorted(chains) == sorted(rows(Cloud.id))
    assert max(map(len, chains.values())) == 3, "there, and back again"
    for links in chains.values():
        assert links[-1].until_at is None
        assert all(a.until_at == b.since_at for a, b in pairwise(links))


def test_every_cloud_and_every_account_has_an_owner(small: None) -> None:
    owners = select(CloudAccess.cloud_id).where(
        CloudAccess.role == CloudRole.OWNER, CloudAccess.revoked_at.is_(None)
    )
    assert set(db.session.scalars(owners)) == set(rows(Cloud.id))
    owning = select(AccountAccess.account_id).where(
        AccountAccess.role == AccountRole.OWNER, AccountAccess.revoked_at.is_(None)
    )
    others = select(BillingAccount.id).where(BillingAccount.kind != Kind.SUBACCOUNT)
    assert set(db.session.scalars(owning)) == set(db.session.scalars(others))


def test_ids_sort_by_creation_and_nothing_lies_ahead(small: None) -> None:
    for model in (Customer, BillingAccount, Cloud, User, Notification, MailDelivery):
        times = list(db.session.scalars(select(model.created_at).order_by(model.id)))
        assert times == sorted(times)
        assert times[-1] < db.now()


def test_only_todays_mails_are_still_to_leave(small: None) -> None:
    states = {entry.state for entry in rows(MailDelivery) if entry.kind == "invitation"}
    assert states == {
        *(DeliveryState.PENDING, DeliveryState.SENT, DeliveryState.REFUSED),
        *(DeliveryState.FAILED, DeliveryState.UNKNOWN, DeliveryState.ARRIVED),
    }
    pending = [entry for entry in rows(MailDelivery) if entry.state is DeliveryState.PENDING]
    assert sorted((entry.kind, entry.recipient) for entry in pending) == [
        ("invitation", CARL),
        ("invitation", CARL),
        ("notice", EDDIE),
    ]


def test_notices_of_the_last_days_are_unread_and_older_ones_read(small: None) -> None:
    a_week_ago = db.now() - timedelta(days=6)
    assert 0 < notifications.count_unread(actor(EDDIE)) < 30
    mine = [n for n in rows(Notification) if n.user_id == user(EDDIE).id]
    assert {n.read_at is None for n in mine if n.created_at > a_week_ago} == {True}
    assert {n.read_at is None for n in mine if n.created_at < a_week_ago - timedelta(16)} == {False}


def test_values_are_as_a_form_would_have_stored_them_and_nobodys(small: None) -> None:
    for customer in rows(Customer):
        draft = draft_of(customer)
        assert draft.normalised() == draft
        assert draft.invitation_email.endswith(".example")
        assert not draft.email or draft.email.endswith(".example")


def test_all_have_one_password_hashed_as_anybodys(small: None) -> None:
    assert len(set(rows(User.password_hash))) == 1
    assert identity.check_password(OLGA, demo.PASSWORD) is not None


def test_people_who_left_the_staff_stay_on_some_records(small: None) -> None:
    left = user(MAREK).id
    live = [c.manager_id for c in rows(Customer) if c.status is not Status.INACTIVE]
    assert left in live
    held = select(AccountAccess.account_id).where(
        AccountAccess.user_id == left, AccountAccess.revoked_at.is_(None)
    )
    assert len(list(db.session.scalars(held))) == 1, "only an account of his own"


def test_who_can_be_told_at_the_start_is_there(small: None) -> None:
    said = demo.accounts_table()
    assert all(email in said for email in demo.PEOPLE)
    assert user(AMIRA).language == user(GLEB).language == "ru"
    waiting = select(Invitation.answer).where(Invitation.email == GLEB)
    assert list(db.session.scalars(waiting)) == [None], "who reads Russian can answer"
    kinds = dict(rows(BillingAccount.name, BillingAccount.kind))
    modes = dict(rows(BillingAccount.name, BillingAccount.mode))
    partners = {name for name, kind in kinds.items() if kind is Kind.PARTNER}
    assert partners == {"Halden Integration", "Tidewater Systems", "Saltmarsh Cloud"}
    assert modes["Saltmarsh Cloud"] is Mode.TRIAL


def test_the_whole_world_has_three_hundred_customers_and_a_year_of_history(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = demonstration.first_start(tmp_path_factory)
    begun = datetime.fromtimestamp((folder / "begun").stat().st_mtime, UTC)
    monkeypatch.setattr(db.time, "clock", Clock(begun))
    keys = str(folder / "keys")
    with opened(f"sqlite:///{folder}/portal.db", CREDENTIALS_KEY_FILE=keys):
        owned = select(BillingAccount.name, func.count()).group_by(BillingAccount.name)
        owned = owned.join(Customer, Customer.partner_id == BillingAccount.id)
        assert rows_of(owned) == [("Halden Integration", 220), ("Tidewater Systems", 80)]
        states = rows_of(select(Customer.status, func.count()).group_by(Customer.status))
        assert min(count for _status, count in states) >= 10
        halden = accounts.first_own_account(user(OLGA))
        assert halden is not None
        weeks = acceptance_by_week(actor(OLGA), halden)
        assert sum(week.added > 0 for week in weeks) >= len(weeks) - 2
        declined = [week.declined for week in weeks if week.declined]
        assert sum(declined) >= 5
        assert len(declined) >= 4, "on some days of the week, two fall into one week"
        for email in (OLGA, EDDIE):
            assert 0 < notifications.count_unread(actor(email)) < 30
        added = sorted(rows(Customer.created_at))
        assert added[0] < db.now() - timedelta(days=350)
        assert db.now() - added[-1] < timedelta(minutes=10)
        assert most_in_a_day() <= Policy().invitations_per_day
        assert audit.find_broken_links() == []
        assert_a_year_of_usage()


def assert_a_year_of_usage() -> None:
    """With a rise, a stop, a correction, a late row and an unassigned cloud."""
    assert not demo.usage.is_missing()
    assert sum(delivery.rows for delivery in rows(Delivery)) <= demo.usage.MAX_ROWS
    by_cloud = grouped(Charge, Charge.cloud_id, Charge.usage_on)
    assert len(by_cloud) > 100
    spent = {row.usage_on for charges in by_cloud.values() for row in charges}
    assert (max(spent) - min(spent)).days >= demo.usage.DAYS - 20
    last_days = [charges[-1].usage_on for charges in by_cloud.values()]
    assert any(day < max(spent) - timedelta(days=30) for day in last_days)
    months = Counter(scope for (scope,) in rows_of(select(DeliveryScope.scope_on)))
    assert max(months.values()) == 3, "imported, corrected, and one late row"
    priced = select(func.sum(PriceSum.missing), func.count()).where(PriceSum.whole > 0)
    ((missing, priced_months),) = rows_of(priced)
    assert (missing, priced_months > 12) == (0, True), "Halden has had rates from its first day on"
    (budget,) = rows(Budget)
    spending = budgets.spending_of(budget.account_id, budget.kind)
    assert spending is not None
    assert spending.percent in (0, *range(80, 99)), "0 on the first day of a month"
    assert min(rows(Ledger.balance)) >= 0, "a debt would refuse new clouds"
    assert [row.key for row in usage.unassigned_for(COMMAND)] == [demo.usage.UNASSIGNED]
    assert_statements()
    assert [result for result in doctor.run() if result.total] == []


def assert_statements() -> None:
    """Of all months but the last two, with customers' drafts; their mails are sent."""
    states = Counter((row.kind, row.state) for row in rows(Statement))
    assert set(states) == {
        (StatementKind.ACCOUNT, State.RELEASED),
        (StatementKind.CUSTOMER, State.RELEASED),
        (StatementKind.CUSTOMER, State.DRAFT),
    }
    assert len({row.month_on for row in rows(Statement)}) in (10, 11)
    assert any(row.is_correction for row in rows(StatementLine))


@pytest.mark.deploy
def test_usage_whose_import_was_killed_is_completed_by_the_next_start(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.usage, "DAYS", 80)

    class Killed(Exception):
        pass

    def kill(_days: int) -> None:
        raise Killed

    with planted(databases, demo.MIN_CUSTOMERS):
        assert db.read(demo.usage.is_missing)
        with pytest.raises(Killed):
            demo.usage.import_all(kill)
        assert db.read(demo.usage.is_missing)
        demo.usage.import_all()
        assert not db.read(demo.usage.is_missing)
        files = [delivery.sha256 for delivery in rows(Delivery)]
        assert len(files) == len(set(files)) in (5, 6), "a correction, a late row, 80 days"
        assert [result for result in doctor.run() if result.total] == []


def most_in_a_day() -> int:
    """Of the customers of any partner."""
    most = 0
    for partner in set(rows(Customer.partner_id)):
        added = sorted(c.created_at for c in rows(Customer) if c.partner_id == partner)
        for at in added:
            most = max(most, sum(at <= other < at + timedelta(days=1) for other in added))
    return most


@pytest.mark.parametrize(
    "at",
    [SATURDAY_NIGHT, pytest.param(MONDAY_EARLY, marks=pytest.mark.deploy)],
    ids=["saturday", "monday"],
)
def test_it_can_be_told_on_any_day_and_whatever_is_set(databases: Databases, at: datetime) -> None:
    settings = {
        "INVITATIONS_PER_DAY": "1",
        "CUSTOMER_EMAIL_DOMAINS": "yandex.ru",
        "ACCESS_PROPAGATION_SECONDS": "86400",
        "INITIAL_GRANT_DAYS": "1",
    }
    with planted(databases, demo.MIN_CUSTOMERS, at, **settings):
        assert len(rows(Customer.id)) == demo.MIN_CUSTOMERS
        assert set(rows(Customer.status)) == set(Status)
        agreed = policy.current()
        assert (agreed.invitations_per_day, agreed.customer_email_domains) == (1, ("yandex.ru",))
        assert (agreed.access_propagation.days, agreed.initial_grant_lasts.days) == (1, 1)


def test_the_same_firms_come_each_time_no_name_twice() -> None:
    some = list(islice(companies("some"), 300))
    assert some == list(islice(companies("some"), 300))
    assert len({company.draft.name for company in some}) == 300
    assert len({company.email for company in some}) == 300


def test_each_kind_of_story_is_told_before_any_is_told_again() -> None:
    assert tuple(islice(story_kinds("some"), len(STORY_KINDS))) == STORY_KINDS
    assert list(islice(story_kinds("some"), 200)) == list(islice(story_kinds("some"), 200))
