"""Amounts: what a usage day of a customer's cloud is priced, by the rate in force on that day.

The price of a day is a function of its whole cost, whatever was posted how often: each posting
holds the difference. Within a day the statement months share it in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import String, func, select, text, type_coerce

from portal import db
from portal.domain import billing_months
from portal.domain.ledger import UNITS_OF_MICRO, Posting
from portal.domain.prices.rates import tables_of
from portal.domain.prices.record import Price, PriceTotal

FACTOR = MICROS_OF_ONE = 10**6
AMOUNTS = ("micros", "rest", "whole", "millionths", "missing")
COLUMNS = (
    *("posting_id", "number", "payer_id", "account_id", "cloud_id", "service", "category"),
    *("usage_on", "month_on", *AMOUNTS),
)
TOTAL_COLUMNS = (
    *("posting_id", "number", "payer_id", "account_id", "cloud_id", "service", "category"),
    *("month_on", *AMOUNTS),
)
DAYS = ("usage_on", "month_on")
POSTED = [getattr(Price, name) for name in COLUMNS[2:]]


Drafts = Collection[tuple[str, date]]
"""Subaccounts and closed months whose statements are drafts."""


class Group(NamedTuple):
    """What has one price."""

    payer_id: str
    account_id: str
    cloud_id: str
    service: str
    category: str
    usage_on: date


class Cost(NamedTuple):
    """A difference of `units` of 10⁻¹⁵ that a subaccount's group cost."""

    group: Group
    month_on: date
    units: int


class Sums(NamedTuple):
    """What is posted of a group in a statement month: cost in 10⁻¹⁵, price in 10⁻⁶."""

    units: int = 0
    price: int = 0
    missing: int = 0


class Change(NamedTuple):
    """By how much a posting changes the sums of a group and month."""

    group: Group
    month_on: date
    units: int
    price: int
    missing: int


def price_of(units: int, factor: int) -> int:
    """The price in 10⁻⁶ of a cost in 10⁻¹⁵, rounded half away from zero."""
    product, one = abs(units) * factor, FACTOR * UNITS_OF_MICRO
    micros = (2 * product + one) // (2 * one)
    return micros if units >= 0 else -micros


def differences(
    posted: Mapping[date, Sums],
    added: Mapping[date, int],
    factor: int | None,
    *,
    open_on: date,
    late: Mapping[date, int] | None = None,
) -> Iterator[tuple[date, Sums]]:
    """By how much the sums of a group change in each month, once `added` is there and `factor` is
    that of its rate. Months before `open_on` are closed and keep their prices; what they lack
    goes to the next open one. If they have none, the factors `late` by month make one."""
    cost = priced = 0
    months = sorted(posted.keys() | added.keys())
    for month_on in months:
        before, more = posted.get(month_on, Sums()), added.get(month_on, 0)
        units, price, missing = before.units + more, before.price, before.missing
        cost += units
        if month_on >= open_on:
            price = 0 if factor is None else price_of(cost, factor) - priced
            missing = int(factor is None and units != 0)
        elif missing and (late_factor := (late or {}).get(month_on)) is not None:
            price, missing = price_of(cost, late_factor) - priced, 0
        priced += price
        change = Sums(more, price - before.price, missing - before.missing)
        if any(change):
            yield month_on, change
    if factor is not None and (left := price_of(cost, factor) - priced):
        yield max(months[-1], open_on), Sums(price=left)


def find_changes(costs: Iterable[Cost]) -> list[Change]:
    """What costs that are about to be posted change. All costs of a cloud come at once."""
    added: dict[Group, Counter[date]] = {}
    for cost in costs:
        added.setdefault(cost.group, Counter())[cost.month_on] += cost.units
    if not added:
        return []
    first = min(group.usage_on for group in added)
    posted = load_posted({group.cloud_id for group in added}, first)
    return changes_of(added, {group: posted.get(group, {}) for group in added})


def changes_of(
    added: Mapping[Group, Mapping[date, int]],
    posted: Mapping[Group, Mapping[date, Sums]],
    drafts: Drafts = frozenset(),
) -> list[Change]:
    """What the posted groups change by the rates of now and what is added to them; late rates price
    what has no price on the drafts."""
    open_on = billing_months.oldest_open()
    tables = tables_of({group.payer_id for group in posted})
    return [
        Change(group, month_on, *sums)
        for group, months in posted.items()
        for month_on, sums in differences(
            months,
            added.get(group, {}),
            tables[group.payer_id].factor(group.account_id, group.service, group.usage_on),
            open_on=open_on,
            late=tables[group.payer_id].late_factors(
                group.account_id, [each for each in months if (group.account_id, each) in drafts]
            ),
        )
    ]


def load_posted(cloud_ids: Iterable[str], first: date) -> dict[Group, dict[date, Sums]]:
    """What is posted of these clouds from a usage day on."""
    columns = [getattr(Price, name) for name in (*Group._fields, "month_on")]
    sums = [func.sum(getattr(Price, name)) for name in AMOUNTS]
    query = (
        select(*columns, *sums)
        .join(Posting, Posting.id == Price.posting_id)
        .where(
            Price.cloud_id.in_(cloud_ids),
            Price.usage_on >= first,
            Posting.posted_at.is_not(None),
        )
    )
    posted: dict[Group, dict[date, Sums]] = {}
    for row in db.session.execute(query.group_by(*columns)):
        key, month_on, amounts = row[:6], row[6], row[7:]
        posted.setdefault(Group(*key), {})[month_on] = sums_of(*amounts)
    return posted


def sums_of(micros: Any, rest: Any, whole: Any, millionths: Any, missing: Any) -> Sums:
    """The sums of these columns."""
    units = int(micros) * UNITS_OF_MICRO + int(rest)
    return Sums(units, int(whole) * MICROS_OF_ONE + int(millionths), int(missing))


def posted_rows(cloud_ids: Collection[str], first: date) -> Iterable[Sequence[Any]]:
    """What is posted of these clouds from a usage day on, with the columns from `payer_id` on; days
    are ISO text or dates."""
    columns = (type_coerce(column, String) if column.key in DAYS else column for column in POSTED)
    query = (
        select(*columns)
        .join(Posting, Posting.id == Price.posting_id)
        .where(
            Price.cloud_id.in_(cloud_ids),
            Price.usage_on >= first,
            Posting.posted_at.is_not(None),
        )
    )
    return db.session.connection().execute(query)


def insert_prices(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows with the columns COLUMNS."""
    db.insert_rows(Price, COLUMNS, rows)


def insert_totals(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows with the columns TOTAL_COLUMNS."""
    db.insert_rows(PriceTotal, TOTAL_COLUMNS, rows)


def add_prices(posting_id: str, first: int, changes: Sequence[Change]) -> None:
    """Add changes whose numbers run from `first`, and their totals, to a posting."""
    rows = [
        (posting_id, number, *_texts(*it.group, it.month_on), *_columns(it))
        for number, it in enumerate(changes, start=first)
    ]
    insert_prices(rows)
    totals: dict[tuple[str | date, ...], Sums] = {}
    for it in changes:
        key = (*it.group[:5], it.month_on)
        units, price, missing = totals.get(key, Sums())
        totals[key] = Sums(units + it.units, price + it.price, missing + it.missing)
    numbered = enumerate(totals.items(), start=first)
    insert_totals((posting_id, n, *_texts(*key), *_columns(sums)) for n, (key, sums) in numbered)


def _texts(*values: str | date) -> list[str]:
    return [str(value) for value in values]


def _columns(it: Change | Sums) -> tuple[int, ...]:
    """The values of the columns AMOUNTS."""
    return (*divmod(it.units, UNITS_OF_MICRO), *divmod(it.price, MICROS_OF_ONE), it.missing)


SUM_KEY = ", ".join(("account_id", "month_on", "service"))
ROWS = ", ".join(("month_on", "service", "payer_id", *AMOUNTS))
ADDED = ", ".join(f"SUM({name})" for name in AMOUNTS)
GROWN = ", ".join(f"{name} = price_sums.{name} + excluded.{name}" for name in AMOUNTS)
OF_POSTING = "FROM price_totals WHERE posting_id = :posting"
KEEP_TOTALS = text(
    f"""INSERT INTO price_sums (account_id, {ROWS})
    SELECT {SUM_KEY}, payer_id, {ADDED} FROM (
        SELECT account_id, {ROWS} {OF_POSTING}
        UNION ALL SELECT payer_id, {ROWS} {OF_POSTING}) AS added
    WHERE 1 = 1 GROUP BY {SUM_KEY}, payer_id
    ON CONFLICT ({SUM_KEY}) DO UPDATE SET {GROWN}"""  # noqa: S608 - our own names
)


def keep_totals(posting_id: str) -> None:
    """Add a posting's totals to the sums. The caller has locked the accounts that pay."""
    db.session.execute(KEEP_TOTALS, {"posting": posting_id})
