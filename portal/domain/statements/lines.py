"""Lines of statements: what clouds cost by service and category, with quantities and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select

from portal import db
from portal.domain.accounts import BillingAccount
from portal.domain.charges import ChargeSum
from portal.domain.clouds import Cloud
from portal.domain.ledger import UNITS_OF_MICRO, Posting
from portal.domain.statements.record import Statement, StatementLine
from portal.domain.totals import NANO, CorrectedTotal, UsageTotal

LINE_COLUMNS = (
    *("statement_id", "number", "account_id", "customer", "cloud_id", "cloud", "service"),
    *("category", "is_correction", "amount", "micros", "rest", "unit", "quantity", "nanos"),
)
NAMES_BATCH = 5_000


class LineKey(NamedTuple):
    """What is one line of a statement."""

    account_id: str
    cloud_id: str
    service: str
    category: str
    is_correction: bool


class CostLine(NamedTuple):
    """What an account's cloud cost in a month, or its price, in `units` of 10⁻¹⁵; of its quantity
    `nanos` of 10⁻⁹. `unit` is empty unless one applies to all of it."""

    key: LineKey
    units: int
    unit: str = ""
    nanos: int = 0


Quantities = Mapping[LineKey, tuple[str, int]]
"""Unit, and 10⁻⁹ of it."""


def cost_lines(payer_id: str, month_on: date) -> list[CostLine]:
    """What an account that pays has to pay for in a month, without zeros."""
    columns = [getattr(ChargeSum, name) for name in LineKey._fields]
    query = (
        select(*columns, func.sum(ChargeSum.micros), func.sum(ChargeSum.rest))
        .join(Posting, Posting.id == ChargeSum.posting_id)
        .where(
            ChargeSum.month_on == month_on,
            ChargeSum.payer_id == payer_id,
            Posting.posted_at.is_not(None),
        )
        .group_by(*columns)
        .order_by(columns[4], *columns[:4])
    )
    rows = db.session.execute(query).all()
    quantities = quantities_in(month_on, payer_id=payer_id) if rows else {}
    nothing = ("", 0)
    return [
        CostLine(key, units, *quantities.get(key, nothing))
        for *values, micros, rest in rows
        if (units := int(micros) * UNITS_OF_MICRO + int(rest))
        for key in [LineKey._make(values)]
    ]


def quantities_in(month_on: date, *, payer_id: str, account_id: str = "") -> Quantities:
    """The quantities of lines that have one unit alone: of all that an account pays for, or of one
    account."""
    sums = Counter[tuple[LineKey, str]]()
    for key, unit, nanos in _totals(UsageTotal, month_on, payer_id, account_id):
        sums[key, unit] += nanos
    for key, unit, nanos in _totals(CorrectedTotal, month_on, payer_id, account_id):
        sums[key, unit] -= nanos
        sums[key._replace(is_correction=True), unit] += nanos
    units: dict[LineKey, list[tuple[str, int]]] = {}
    for (key, unit), nanos in sums.items():
        if nanos:
            units.setdefault(key, []).append((unit, nanos))
    return {key: found[0] for key, found in units.items() if len(found) == 1}


def _totals(
    model: type[UsageTotal] | type[CorrectedTotal], month_on: date, payer_id: str, account_id: str
) -> Iterator[tuple[LineKey, str, int]]:
    """Key, unit and quantity of totals that have a unit."""
    names = (*LineKey._fields[:4], "unit", "quantity", "nanos")
    which = [model.payer_id == payer_id, model.month_on == month_on, model.unit != ""]
    if account_id:
        which.append(model.account_id == account_id)
    query = select(*(getattr(model, name) for name in names)).where(*which)
    for *key, unit, quantity, nanos in db.session.execute(query):
        yield LineKey._make((*key, False)), unit, quantity * NANO + nanos


def add_lines(
    statement: Statement, lines: Sequence[CostLine], amounts: Sequence[Decimal], *, first: int = 0
) -> None:
    """Add lines of a statement, numbered from `first`, with the names of customers and clouds as
    they are now."""
    clouds = names_of(lines)
    others = {line.key.account_id for line in lines} - {statement.account_id}
    customers = _names(BillingAccount, others)
    db.insert_rows(
        StatementLine,
        LINE_COLUMNS,
        (
            (
                *(statement.id, number, key.account_id, customers.get(key.account_id, "")),
                *(key.cloud_id, clouds.get(key.cloud_id, ""), *key[2:], int(amount.scaleb(6))),
                *(*divmod(units, UNITS_OF_MICRO), unit, *divmod(nanos, NANO)),
            )
            for number, ((key, units, unit, nanos), amount) in enumerate(
                zip(lines, amounts, strict=True), start=first
            )
        ),
    )


def names_of(lines: Iterable[CostLine]) -> dict[str, str]:
    """The names of the clouds of lines."""
    return _names(Cloud, {line.key.cloud_id for line in lines})


def _names(model: type[Cloud] | type[BillingAccount], ids: set[str]) -> dict[str, str]:
    """The names of things by their IDs."""
    listed, names = sorted(ids), dict[str, str]()
    for begin in range(0, len(listed), NAMES_BATCH):
        some = listed[begin : begin + NAMES_BATCH]
        query = select(model.id, model.name).where(model.id.in_(some))
        names |= {row[0]: row[1] for row in db.session.execute(query)}
    return names
