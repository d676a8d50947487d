"""Posting: pay the changed days of accounts, and write the differences as draws and entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select, text, update

from portal import db
from portal.domain import billing_days, installation, policy
from portal.domain.actors import Actor
from portal.domain.ledger.payment import (
    PERSONAL,
    UNITS_OF_MICRO,
    WAIVED,
    Day,
    DayKind,
    Draws,
    Terms,
    draw,
    round_units,
)
from portal.domain.ledger.record import (
    Draw,
    DrawSum,
    Entry,
    Ledger,
    LedgerDay,
    Lot,
    Posting,
    PostingKind,
)

BATCH = 500
"""Accounts whose days are in memory at a time."""
KIND = ("account_id", "usage_on", "is_purchase", "is_waivable", "bearer")
ADD_TO_SUMS = text(
    """INSERT INTO draw_sums (account_id, usage_on, is_purchase, is_waivable, bearer, micros,
    frozen) SELECT account_id, usage_on, is_purchase, is_waivable, bearer, micros, 0 FROM draws
    WHERE posting_id = :posting_id
    ON CONFLICT (account_id, usage_on, is_purchase, is_waivable, bearer)
    DO UPDATE SET micros = draw_sums.micros + excluded.micros"""
)


class Change(NamedTuple):
    """By how much a bearer bears more of an account's day."""

    account_id: str
    key: DayKind
    bearer: str
    micros: int


def open_ledger(account_id: str, *, is_paid: bool = False) -> Ledger:
    """Open the ledger of a new account that pays."""
    row = Ledger(account_id=account_id, paid_since=db.now() if is_paid else None)
    db.session.add(row)
    db.session.flush()
    return row


def begin(
    kind: PostingKind, *, subject: str, by: Actor, reason: str = "", is_staged: bool = False
) -> Posting:
    """Begin a posting, in effect at once unless it is staged."""
    if not is_staged:
        installation.fix_money()
    posting = Posting(
        id=db.new_id("pst"),
        kind=kind,
        subject=subject,
        reason=reason,
        created_by=by.id,
        created_at=db.now(),
        posted_at=None if is_staged else db.now(),
    )
    db.session.add(posting)
    db.session.flush()
    return posting


def settle(posting: Posting, since: Mapping[str, date]) -> None:
    """Pay the days of accounts again, each from a day on, as `payment.draw` says; post only the
    differences. The caller has locked the accounts."""
    totals: dict[str, Draws] = {}
    for account_ids in _batches(since):
        first = min(since[account_id] for account_id in account_ids)
        changes = list(_changes(account_ids, first))
        db.insert_rows(
            Draw,
            ("posting_id", *KIND, "micros"),
            (
                (posting.id, it.account_id, it.key.usage_on.isoformat(), *it.key[1:], *it[2:])
                for it in changes
            ),
        )
        for change in changes:
            bears = totals.setdefault(change.account_id, {})
            bears[change.bearer] = bears.get(change.bearer, 0) + change.micros
    db.session.execute(ADD_TO_SUMS, {"posting_id": posting.id})
    _use_lots(totals)
    add_entries(posting, {account_id: _negated(bears) for account_id, bears in totals.items()})


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    listed = sorted(ids)
    for begin_at in range(0, len(listed), BATCH):
        yield listed[begin_at : begin_at + BATCH]


def _negated(bears: Draws) -> dict[str, Decimal]:
    """What a posting does to each bearer; lots first, the personal account last."""
    order = sorted(bears, key=lambda bearer: (bearer == PERSONAL, bearer == WAIVED, bearer))
    return {bearer: _money(-bears[bearer]) for bearer in order if bears[bearer]}


def _money(micros: int) -> Decimal:
    return Decimal(f"{micros}E-6")


def _micros(amount: Decimal) -> int:
    return int(amount.scaleb(6))


def _changes(account_ids: Sequence[str], first: date) -> Iterator[Change]:
    """The differences between what bears the days from `first` on and what shall."""
    days, drawn, lots = _load_days(account_ids, first)
    lots_pay_all = policy.current().grant_pays_all
    query = select(Ledger.account_id, Ledger.paid_since).where(Ledger.account_id.in_(account_ids))
    for account_id, paid_since in db.session.execute(query):
        until = billing_days.day_of(paid_since) if paid_since else date.max
        mine, old = days.get(account_id, {}), drawn.get(account_id, {})
        new = draw(mine, lots.get(account_id, ()), trial_until=until, lots_pay_all=lots_pay_all)
        for key, bears in new.items():
            before = old.get(key, {})
            for bearer in sorted(before.keys() | bears.keys()):
                if difference := bears.get(bearer, 0) - before.get(bearer, 0):
                    yield Change(account_id, key, bearer, difference)


def _load_days(
    account_ids: Sequence[str], first: date
) -> tuple[dict[str, dict[DayKind, Day]], dict[str, dict[DayKind, Draws]], dict[str, list[Terms]]]:
    """By account the rounded days from `first` on, what bears them now, and the lots with what is
    left for these days."""
    drawn: dict[str, dict[DayKind, Draws]] = defaultdict(dict)
    frozen: dict[tuple[str, DayKind], Draws] = defaultdict(dict)
    is_theirs = DrawSum.account_id.in_(account_ids)
    columns = (*(getattr(DrawSum, name) for name in KIND), DrawSum.micros, DrawSum.frozen)
    query = select(*columns).where(is_theirs, DrawSum.usage_on >= first)
    for account_id, usage_on, purchase, waivable, bearer, micros, kept in db.session.execute(query):
        key = DayKind(usage_on, purchase, waivable)
        drawn[account_id].setdefault(key, {})[bearer] = micros
        if kept:
            frozen[account_id, key][bearer] = kept
    days: dict[str, dict[DayKind, Day]] = defaultdict(dict)
    for row in db.session.execute(
        select(*(getattr(LedgerDay, name) for name in (*KIND[:4], "micros", "rest"))).where(
            LedgerDay.account_id.in_(account_ids), LedgerDay.usage_on >= first
        )
    ):
        key = DayKind(*row[1:4])
        rounded = round_units(row.micros * UNITS_OF_MICRO + row.rest)
        days[row.account_id][key] = Day(rounded, frozen.get((row.account_id, key), {}))
    return days, drawn, _load_lots(account_ids, first)


def _load_lots(account_ids: Sequence[str], first: date) -> dict[str, list[Terms]]:
    """By account the lots in the order in which they were given, less what earlier days used."""
    used = (
        select(DrawSum.bearer, func.sum(DrawSum.micros).label("micros"))
        .where(DrawSum.account_id.in_(account_ids), DrawSum.usage_on < first)
        .group_by(DrawSum.bearer)
        .subquery()
    )
    query = (
        select(Lot, used.c.micros)
        .outerjoin(used, used.c.bearer == Lot.id)
        .where(Lot.account_id.in_(account_ids))
        .order_by(Lot.granted_at, Lot.id)
    )
    lots: dict[str, list[Terms]] = defaultdict(list)
    for lot, micros in db.session.execute(query):
        amount = _micros(lot.amount) - int(micros or 0)
        lots[lot.account_id].append(Terms(lot.id, amount, lot.first_on, lot.last_on))
    return lots


def _use_lots(totals: Mapping[str, Draws]) -> None:
    used = {
        bearer: micros
        for bears in totals.values()
        for bearer, micros in bears.items()
        if micros and bearer not in (PERSONAL, WAIVED)
    }
    for lot_ids in _batches(used):
        for lot in db.session.scalars(select(Lot).where(Lot.id.in_(lot_ids))):
            lot.used += _money(used[lot.id])
    db.session.flush()


def add_entries(posting: Posting, amounts: Mapping[str, Mapping[str, Decimal]]) -> None:
    """Append an entry for each account and bearer. The caller has locked the accounts."""
    rows: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for account_ids in _batches(amounts):
        ledgers = select(Ledger.account_id, Ledger.balance, Ledger.entries).where(
            Ledger.account_id.in_(account_ids)
        )
        for head in db.session.execute(ledgers.order_by(Ledger.account_id)):
            balance, count = head.balance, head.entries
            for seq, (bearer, amount) in enumerate(amounts[head.account_id].items(), count + 1):
                balance, count = balance + (amount if bearer == PERSONAL else 0), seq
                values = {"account_id": head.account_id, "seq": seq, "bearer": bearer}
                rows.append(values | {"amount": amount, "balance": balance})
            heads.append({"account_id": head.account_id, "balance": balance, "entries": count})
    if rows:
        more = {"posting_id": posting.id, "at": db.now()}
        db.session.execute(insert(Entry), [row | more for row in rows])
        db.session.execute(update(Ledger), heads)
