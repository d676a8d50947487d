"""Posting: what bears the days that a posting changes, and the entries of the accounts.

What bears the days is worked out before a posting is posted, for many accounts by short
transactions. The version of a ledger says whether it still holds: each change of an account's days,
lots or trial raises it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, insert, select, update

from portal import db
from portal.domain import billing_days, billing_months, installation, policy
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
from portal.domain.ledger.record import DaySum, Draw, Entry, Ledger, Lot, Posting, PostingKind

BATCH = 500
"""Accounts in one statement."""
KIND = ("account_id", "usage_on", "is_purchase", "is_waivable")
Days = dict[str, dict[DayKind, int]]
"""By account, what a posting adds to its days, in 10⁻¹⁵."""


class Change(NamedTuple):
    """By how much a bearer bears more of an account's day."""

    account_id: str
    key: DayKind
    bearer: str
    micros: int


def open_ledger(account_id: str) -> Ledger:
    """Open the ledger of a new account that pays."""
    row = Ledger(account_id=account_id, closed_on=billing_months.last_closed())
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
        open_on=billing_months.oldest_open(),
    )
    db.session.add(posting)
    db.session.flush()
    return posting


def settle(posting: Posting, added: Days) -> None:
    """Add to days of few accounts, pay them, and enter it, in this transaction. The caller has
    locked the accounts."""
    changes = find_changes(added)  # before the days are there, which would count twice
    add_days(posting.id, added)
    add_draws(posting.id, changes)
    enter(posting, added)


def add_days(posting_id: str, added: Days) -> None:
    """Add day sums to a posting."""
    db.insert_rows(
        DaySum,
        ("posting_id", *KIND, "micros", "rest"),
        (
            (posting_id, account_id, *_columns(key), *divmod(units, UNITS_OF_MICRO))
            for account_id, days in added.items()
            for key, units in days.items()
            if units
        ),
    )


def add_draws(posting_id: str, changes: Iterable[Change]) -> None:
    """Add draws to a posting."""
    db.insert_rows(
        Draw,
        ("posting_id", *KIND, "bearer", "micros"),
        ((posting_id, it.account_id, *_columns(it.key), it.bearer, it.micros) for it in changes),
    )


def _columns(key: DayKind) -> tuple[str, bool, bool]:
    return key.usage_on.isoformat(), key.is_purchase, key.is_waivable


def versions_of(account_ids: Collection[str]) -> dict[str, int]:
    """The versions of ledgers. Read them before what is worked out with them."""
    found: dict[str, int] = {}
    for ids in _batches(account_ids):
        query = select(Ledger.account_id, Ledger.version).where(Ledger.account_id.in_(ids))
        found |= {row[0]: row[1] for row in db.session.execute(query)}
    return found


def find_changes(added: Days) -> list[Change]:
    """By how much what bears the accounts' days from the first in `added` on differs from what
    `payment.draw` says, once this is added."""
    changed = [account_id for account_id, days in added.items() if days]
    return [change for ids in _batches(changed) for change in _changes(ids, added)]


def _changes(account_ids: list[str], added: Days) -> Iterator[Change]:
    first = min(key.usage_on for account_id in account_ids for key in added[account_id])
    open_on = billing_months.oldest_open()
    sums, drawn = _load_days(account_ids, first), _load_draws(account_ids, first, date.max)
    frozen = _load_draws(account_ids, first, open_on) if first < open_on else {}
    lots = _load_lots(account_ids, first, open_on)
    lots_pay_all = policy.current().grant_pays_all
    query = select(Ledger.account_id, Ledger.paid_since).where(Ledger.account_id.in_(account_ids))
    for account_id, paid_since in db.session.execute(query):
        units, old = sums[account_id], drawn[account_id]
        for key, more in added[account_id].items():
            units[key] = units.get(key, 0) + more
        closed = frozen.get(account_id, {})
        days = {key: Day(round_units(sum_), closed.get(key, {})) for key, sum_ in units.items()}
        until = billing_days.day_of(paid_since) if paid_since else date.max
        new = draw(days, lots[account_id], trial_until=until, lots_pay_all=lots_pay_all)
        for key, bears in new.items():
            before = old.get(key, {})
            for bearer in sorted(before.keys() | bears.keys()):
                if difference := bears.get(bearer, 0) - before.get(bearer, 0):
                    yield Change(account_id, key, bearer, difference)


def _load_days(account_ids: list[str], first: date) -> defaultdict[str, dict[DayKind, int]]:
    """The posted sums of the accounts' days from `first` on, in 10⁻¹⁵."""
    columns = [getattr(DaySum, name) for name in KIND]
    query = (
        select(*columns, func.sum(DaySum.micros), func.sum(DaySum.rest))
        .join(Posting, Posting.id == DaySum.posting_id)
        .where(
            DaySum.account_id.in_(account_ids),
            DaySum.usage_on >= first,
            Posting.posted_at.is_not(None),
        )
    )
    days: defaultdict[str, dict[DayKind, int]] = defaultdict(dict)
    for account_id, *key, micros, rest in db.session.execute(query.group_by(*columns)):
        days[account_id][DayKind(*key)] = int(micros) * UNITS_OF_MICRO + int(rest)
    return days


def _load_draws(
    account_ids: list[str], first: date, open_on: date
) -> defaultdict[str, dict[DayKind, Draws]]:
    """What bears the accounts' days from `first` on, as the closing before `open_on` has frozen it;
    now with date.max."""
    columns = [getattr(Draw, name) for name in (*KIND, "bearer")]
    query = (
        select(*columns, func.sum(Draw.micros))
        .join(Posting, Posting.id == Draw.posting_id)
        .where(
            Draw.account_id.in_(account_ids),
            Draw.usage_on >= first,
            Draw.closed_before(open_on),
            Posting.posted_at.is_not(None),
        )
    )
    drawn: defaultdict[str, dict[DayKind, Draws]] = defaultdict(dict)
    for account_id, *key, bearer, micros in db.session.execute(query.group_by(*columns)):
        drawn[account_id].setdefault(DayKind(*key), {})[bearer] = int(micros)
    return drawn


def _load_lots(account_ids: list[str], first: date, open_on: date) -> defaultdict[str, list[Terms]]:
    """By account the lots in the order in which they were given, less what earlier days used. What
    is left of a lot when the month of its last day is closed has expired."""
    is_frozen, is_earlier = Draw.closed_before(open_on), Draw.usage_on < first
    used = (
        select(
            Draw.bearer,
            func.sum(case((is_earlier, Draw.micros), else_=0)).label("earlier"),
            func.sum(case((is_frozen, Draw.micros), else_=0)).label("frozen"),
        )
        .join(Posting, Posting.id == Draw.posting_id)
        .where(
            Draw.account_id.in_(account_ids),
            Draw.bearer.not_in((PERSONAL, WAIVED)),
            Posting.posted_at.is_not(None),
        )
        .group_by(Draw.bearer)
        .subquery()
    )
    query = (
        select(Lot, used.c.earlier, used.c.frozen)
        .outerjoin(used, used.c.bearer == Lot.id)
        .where(Lot.account_id.in_(account_ids), Lot.last_on >= first)
        .order_by(Lot.granted_at, Lot.id)
    )
    lots: defaultdict[str, list[Terms]] = defaultdict(list)
    for lot, earlier, frozen in db.session.execute(query):
        amount = int(lot.amount.scaleb(6)) if lot.last_on >= open_on else int(frozen or 0)
        terms = Terms(lot.id, amount - int(earlier or 0), lot.first_on, lot.last_on)
        lots[lot.account_id].append(terms)
    return lots


def enter(posting: Posting, account_ids: Iterable[str]) -> None:
    """Enter a posting's draws: use the lots, add the entries, raise the versions. The caller has
    locked the accounts."""
    columns = Draw.account_id, Draw.bearer
    query = select(*columns, func.sum(Draw.micros)).where(Draw.posting_id == posting.id)
    totals: defaultdict[str, Draws] = defaultdict(dict)
    for account_id, bearer, micros in db.session.execute(query.group_by(*columns)):
        if micros:
            totals[account_id][bearer] = int(micros)
    _use_lots(totals)
    add_entries(posting, {account_id: _negated(bears) for account_id, bears in totals.items()})
    for ids in _batches(account_ids):
        raise_versions(ids)


def raise_versions(account_ids: Collection[str]) -> None:
    """What was worked out for these ledgers holds no more."""
    db.session.execute(
        update(Ledger)
        .where(Ledger.account_id.in_(account_ids))
        .values(version=Ledger.version + 1)
        .execution_options(synchronize_session=False)
    )


def _use_lots(totals: Mapping[str, Draws]) -> None:
    rows = [
        {"lot": bearer, "more": _money(micros)}
        for bears in totals.values()
        for bearer, micros in sorted(bears.items())
        if bearer not in (PERSONAL, WAIVED)
    ]
    if rows:
        more = bindparam("more", type_=Lot.used.type)
        statement = update(Lot).where(Lot.id == bindparam("lot")).values(used=Lot.used + more)
        db.session.connection().execute(statement, rows)
        db.session.expire_all()


def _negated(bears: Draws) -> dict[str, Decimal]:
    """What a posting does to each bearer; lots first, the personal account last."""
    order = sorted(bears, key=lambda bearer: (bearer == PERSONAL, bearer == WAIVED, bearer))
    return {bearer: _money(-bears[bearer]) for bearer in order}


def _money(micros: int) -> Decimal:
    return Decimal(f"{micros}E-6")


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    listed = sorted(ids)
    for begin_at in range(0, len(listed), BATCH):
        yield listed[begin_at : begin_at + BATCH]


def add_entries(posting: Posting, amounts: Mapping[str, Mapping[str, Decimal]]) -> None:
    """Append an entry for each account and bearer. The caller has locked the accounts."""
    rows, heads = list[dict[str, Any]](), list[dict[str, Any]]()
    for account_ids in _batches(amounts):
        ledgers = select(Ledger.account_id, Ledger.balance, Ledger.entries).where(
            Ledger.account_id.in_(account_ids)
        )
        for head in db.session.execute(ledgers.order_by(Ledger.account_id)):
            balance, count = head.balance, head.entries
            for seq, (bearer, amount) in enumerate(amounts[head.account_id].items(), count + 1):
                balance, count = balance + (amount if bearer == PERSONAL else 0), seq
                values = {"seq": seq, "bearer": bearer, "amount": amount, "balance": balance}
                rows.append(values | {"account_id": head.account_id})
            heads.append({"account_id": head.account_id, "balance": balance, "entries": count})
    if rows:
        more = {"posting_id": posting.id, "at": db.now()}
        db.session.execute(insert(Entry), [row | more for row in rows])
        db.session.execute(update(Ledger), heads)
