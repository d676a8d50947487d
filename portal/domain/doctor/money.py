"""Checks of money: rows, charges, days, draws, entries and balances have one sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased

from portal import db, usage_files
from portal.domain import billing_months, usage
from portal.domain.accounts import BillingAccount, Mode
from portal.domain.charges import Charge
from portal.domain.doctor.check import Problem, Query, check, select_check, stream
from portal.domain.ledger import (
    PERSONAL,
    UNITS_OF_MICRO,
    WAIVED,
    WITHOUT_DRAWS,
    DaySum,
    Draw,
    Entry,
    Ledger,
    Lot,
    Posting,
)
from portal.domain.usage import (
    Delivery,
    DeliveryKey,
    UsageGroup,
    UsageKey,
    UsageSource,
    counts,
)
from portal.usage_files import Term

DAY = ("account_id", "usage_on", "is_purchase", "is_waivable")
IS_POSTED = Posting.posted_at.is_not(None)
ZERO = literal(0, BigInteger)


def _columns(model: Any, names: tuple[str, ...]) -> list[Any]:
    return [getattr(model, name) for name in names]


def _sum(column: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def is_not_zero(micros: Any, rest: Any, unit: int = UNITS_OF_MICRO) -> ColumnElement[bool]:
    """Whether both integers together are not 0. SQLite makes too large a product a float, which is
    not 0 either."""
    return _sum(micros) * unit + _sum(rest) != 0


def _micros(amount: Any) -> ColumnElement[int]:
    """The stored integer of an amount."""
    return type_coerce(amount, BigInteger)


@select_check("I9", "The source {0} has other charges in the period {1} than rows in force.")
def charges_differ_from_rows() -> Query:
    """Rows that are unassigned, or before the portal, have no charges."""
    is_assigned = UsageKey.cloud_id.is_not(None)
    groups = (
        select(Delivery.source_id, UsageGroup.scope_on, UsageGroup.micros, UsageGroup.rest)
        .join(Delivery, Delivery.id == UsageGroup.delivery_id)
        .join(UsageKey, UsageKey.id == UsageGroup.key_id)
        .where(is_assigned, counts(UsageGroup))
    )
    before = (
        select(
            Delivery.source_id,
            DeliveryKey.scope_on,
            -DeliveryKey.before_micros,
            -DeliveryKey.before_rest,
        )
        .join(Delivery, Delivery.id == DeliveryKey.delivery_id)
        .join(UsageKey, UsageKey.id == DeliveryKey.key_id)
        .where(is_assigned, DeliveryKey.before_rows > 0, counts(DeliveryKey))
    )
    charged = (
        select(Charge.source_id, Charge.scope_on, -Charge.micros, -Charge.rest)
        .join(Posting, Posting.id == Charge.posting_id)
        .where(IS_POSTED)
    )
    rows = union_all(groups, before, charged).subquery()
    query = select(rows.c.source_id, rows.c.scope_on)
    query = query.group_by(rows.c.source_id, rows.c.scope_on)
    return query.having(is_not_zero(rows.c.micros, rows.c.rest))


BORNE = ("scope_on", "account_id", "cloud_id", "usage_on", "category", "is_waivable")


@check("I9")
def charges_differ_from_links() -> Iterator[Problem]:
    """While rows are kept, each account bears what the links of its clouds say."""
    columns = _columns(Charge, BORNE)
    for source in list(db.session.scalars(select(UsageSource).order_by(UsageSource.id))):
        try:
            sums, periods = _attribute(source)
        except duckdb.Error:  # kept_rows_differ reports it
            continue
        query = (
            select(*columns, _sum(Charge.micros), _sum(Charge.rest))
            .join(Posting, Posting.id == Charge.posting_id)
            .where(IS_POSTED, Charge.source_id == source.id, Charge.scope_on.in_(periods))
        )
        for *key, micros, rest in stream(query.group_by(*columns)):
            sums[tuple(map(str, key))] -= int(micros) * UNITS_OF_MICRO + int(rest)
        for (_scope, account_id, cloud_id, day, *_kind), units in sorted(sums.items()):
            if units:
                yield Problem(account_id, f"It bears another sum of {cloud_id} on {day}.")


def _attribute(source: UsageSource) -> tuple[Counter[tuple[str, ...]], set[date]]:
    """What each account bears of the source's kept rows by BORNE, in 10⁻¹⁵, and their periods."""
    parts, spans, bearers = usage.kept_in_force(source)
    terms = [Term(usage.parts_of(it.delivery_id), it.sign, it.periods) for it in parts]
    sums: Counter[tuple[str, ...]] = Counter()
    if not terms:
        return sums, set()
    with usage_files.attribute(terms, spans) as attribution:
        for share in attribution.shares():
            bearer = bearers[share.span]
            key = (share.period_on, bearer.account_id, bearer.cloud_id, share.usage_on)
            sums[*key, share.category, str(bearer.is_waivable)] += share.units
    return sums, {day for part in parts for day in part.periods}


@select_check("I9", "The posting {2} has another sum of the account's day {1} than its charges.")
def day_differs_from_charges() -> Query:
    charged = (
        select(
            Charge.payer_id.label("account_id"),
            *_columns(Charge, DAY[1:]),
            Charge.posting_id,
            Charge.micros,
            Charge.rest,
        )
        .join(Posting, Posting.id == Charge.posting_id)
        .where(IS_POSTED)
    )
    summed = (
        select(*_columns(DaySum, DAY), DaySum.posting_id, -DaySum.micros, -DaySum.rest)
        .join(Posting, Posting.id == DaySum.posting_id)
        .where(IS_POSTED)
    )
    rows = union_all(charged, summed).subquery()
    query = select(rows.c.account_id, rows.c.usage_on, rows.c.posting_id)
    query = query.group_by(*_columns(rows.c, DAY), rows.c.posting_id)
    return query.having(is_not_zero(rows.c.micros, rows.c.rest))


@select_check("I9", "What bears the account's day {1} is not its rounded sum.")
def draws_differ_from_day() -> Query:
    """So entries and charges differ by half a micro at most."""
    summed = select(*_columns(DaySum, DAY), DaySum.micros, DaySum.rest, ZERO.label("drawn"))
    drawn = select(*_columns(Draw, DAY), ZERO, ZERO, Draw.micros)
    rows = union_all(
        summed.join(Posting, Posting.id == DaySum.posting_id).where(IS_POSTED),
        drawn.join(Posting, Posting.id == Draw.posting_id).where(IS_POSTED),
    ).subquery()
    days, total = _columns(rows.c, DAY), _sum(rows.c.drawn)
    off = ((_sum(rows.c.micros) - total) * UNITS_OF_MICRO + _sum(rows.c.rest)) * 2
    is_rounded = or_(
        and_(off < UNITS_OF_MICRO, off > -UNITS_OF_MICRO),
        and_(off == UNITS_OF_MICRO, total < 0),  # half away from zero
        and_(off == -UNITS_OF_MICRO, total > 0),
    )
    return select(*days).group_by(*days).having(~is_rounded)


@select_check("I9", "The posting {1} has other draws than entries of {2}.")
def entries_differ_from_draws() -> Query:
    columns = ("account_id", "posting_id", "bearer")
    drawn = (
        select(*_columns(Draw, columns), Draw.micros)
        .join(Posting, Posting.id == Draw.posting_id)
        .where(IS_POSTED)
    )
    entered = (
        select(*_columns(Entry, columns), _micros(Entry.amount))
        .join(Posting, Posting.id == Entry.posting_id)
        .where(Posting.kind.not_in(WITHOUT_DRAWS))
    )
    rows = union_all(drawn, entered).subquery()
    query = select(*_columns(rows.c, columns)).group_by(*_columns(rows.c, columns))
    return query.having(_sum(rows.c.micros) != 0)


@select_check("I9", "The entry {1} does not continue the one before it.")
def entries_chain_broken() -> Query:
    """Each balance is that of the entry before, plus what the personal account got."""
    earlier = aliased(Entry)
    is_next = and_(earlier.account_id == Entry.account_id, earlier.seq == Entry.seq - 1)
    change = case((Entry.bearer == PERSONAL, _micros(Entry.amount)), else_=0)
    begins = Entry.seq == 1
    expected = func.coalesce(_micros(earlier.balance), 0) + change
    query = select(Entry.account_id, Entry.seq).outerjoin(earlier, is_next)
    lost = and_(~begins, earlier.seq.is_(None))
    return query.where(or_(lost, _micros(Entry.balance) != expected))


@select_check("I9", "The account's balance or number of entries is not that of its last entry.")
def balance_differs_from_entries() -> Query:
    is_last = and_(Entry.account_id == Ledger.account_id, Entry.seq == Ledger.entries)
    later = aliased(Entry)
    more = exists().where(later.account_id == Ledger.account_id, later.seq > Ledger.entries)
    query = select(Ledger.account_id).outerjoin(Entry, is_last)
    balance = func.coalesce(_micros(Entry.balance), 0)
    lost = and_(Ledger.entries > 0, Entry.seq.is_(None))
    return query.where(or_(more, lost, _micros(Ledger.balance) != balance))


@select_check("I9", "What the lot was used for is not the sum of its draws.")
def lot_differs_from_draws() -> Query:
    drawn = (
        select(func.coalesce(func.sum(Draw.micros), 0))
        .join(Posting, Posting.id == Draw.posting_id)
        .where(Draw.bearer == Lot.id, Draw.account_id == Lot.account_id, IS_POSTED)
    )
    return select(Lot.id).where(_micros(Lot.used) != drawn.scalar_subquery())


def _borne() -> Subquery:
    """What each bearer bears of each day."""
    columns = _columns(Draw, (*DAY, "bearer"))
    query = select(*columns, func.sum(Draw.micros).label("micros"))
    query = query.join(Posting, Posting.id == Draw.posting_id).where(IS_POSTED)
    return query.group_by(*columns).subquery()


@check("I9")
def debited_before_lot_is_spent() -> Iterator[Problem]:
    """What closings froze stays, whatever a lot gets back later."""
    borne = _borne().c
    covers = and_(
        Lot.account_id == borne.account_id,
        Lot.first_on <= borne.usage_on,
        Lot.last_on >= borne.usage_on,
        Lot.used < Lot.amount,
    )
    query = select(borne.account_id, borne.usage_on, Lot.id).join(Lot, covers)
    is_debited = borne.bearer == PERSONAL, borne.micros > 0, ~borne.is_purchase
    query = query.where(*is_debited, borne.usage_on >= billing_months.oldest_open())
    for account_id, day, lot_id in stream(query):
        yield Problem(account_id, f"Its day {day} was debited while {lot_id} has money for it.")


@select_check("I9", "The lot {1} or trial does not cover the day {2}, which it bears.")
def day_not_covered() -> Query:
    borne = _borne().c
    covers = exists().where(
        Lot.id == borne.bearer,
        Lot.account_id == borne.account_id,
        Lot.first_on <= borne.usage_on,
        Lot.last_on >= borne.usage_on,
    )
    is_waived = and_(borne.bearer == WAIVED, borne.is_waivable)
    query = select(borne.account_id, borne.bearer, borne.usage_on)
    return query.where(borne.micros != 0, borne.bearer != PERSONAL, ~covers, ~is_waived)


@select_check("I9", "The account has no ledger, or one of another mode.")
def ledger_missing_or_of_another_mode() -> Query:
    """Subaccounts have none: their partner pays."""
    ledger = Ledger.account_id == BillingAccount.id
    query = select(BillingAccount.id).outerjoin(Ledger, ledger)
    is_subaccount = BillingAccount.parent_id.is_not(None)
    is_paid = BillingAccount.mode == Mode.PAID
    return query.where(
        or_(
            is_subaccount & Ledger.account_id.is_not(None),
            ~is_subaccount & Ledger.account_id.is_(None),
            ~is_subaccount & (is_paid != Ledger.paid_since.is_not(None)),
        )
    )
