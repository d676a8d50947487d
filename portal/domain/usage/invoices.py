"""Invoices of vendors: what a source's issuer asks for a month, beside our sum of it."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import ForeignKey, Select, select
from sqlalchemy.orm import Mapped, mapped_column

from portal import db
from portal.domain import access, audit, billing_days, identity
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.billing_months import month_of
from portal.domain.errors import Code, Refused
from portal.domain.ledger import UNITS_OF_MICRO
from portal.domain.usage.amounts import exact, total
from portal.domain.usage.record import Delivery, DeliveryScope, UsageSource, is_in_force
from portal.domain.usage.sources import file_sources_for

MONTHS = 24
"""That are compared."""
LARGEST, STEP = Decimal(10) ** 12, Decimal("0.000001")


class UsageInvoice(db.Base):
    """What the issuer of a source asks for a month, as an operator recorded it last."""

    __tablename__ = "usage_invoices"

    source_id: Mapped[str] = mapped_column(ForeignKey("usage_sources.id"), primary_key=True)
    month_on: Mapped[date] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class Comparison(NamedTuple):
    """A source's month: our exact sum in force, and its invoice if one is recorded."""

    month_on: date
    source: UsageSource
    ours: Decimal
    invoiced: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        return None if self.invoiced is None else self.invoiced - self.ours


def record_invoice(source: UsageSource, *, month_on: date, amount: Decimal, by: Actor) -> None:
    """An operator records a vendor's invoice of a month; a later one takes its place.

    Raises ReauthenticationRequired, Forbidden, Refused("invoice-amount", "invoice-early").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_INVOICE)
    is_exact = amount.is_finite() and abs(amount) < LARGEST and amount == amount.quantize(STEP)
    if not is_exact:
        raise Refused(Code.INVOICE_AMOUNT, field="amount")
    if month_of(month_on) > billing_days.today():
        raise Refused(Code.INVOICE_EARLY, field="month")
    db.lock(UsageSource, source.id)
    values = {"amount": amount, "recorded_at": db.now(), "recorded_by": by.id}
    row = UsageInvoice(source_id=source.id, month_on=month_of(month_on), **values)
    db.session.merge(row)
    db.session.flush()
    facts = {"month": row.month_on.isoformat(), "amount": str(amount)}
    audit.record(Action.USAGE_INVOICE, by=by, chain=audit.INSTALLATION, thing=source.id, **facts)


def find_invoice(source: UsageSource, month_on: date) -> UsageInvoice | None:
    """The invoice that is recorded for a source's month."""
    return db.session.get(UsageInvoice, (source.id, month_on))


def remove_invoice(source: UsageSource, *, month_on: date, by: Actor) -> None:
    """An operator removes an invoice that was recorded by mistake.

    Raises ReauthenticationRequired, Forbidden, Refused("invoice-unknown").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.USAGE_INVOICE_REMOVE)
    db.lock(UsageSource, source.id)
    row = find_invoice(source, month_on)
    if row is None:
        raise Refused(Code.INVOICE_UNKNOWN)
    facts = {"month": month_on.isoformat(), "amount": str(row.amount)}
    db.session.delete(row)
    db.session.flush()
    chain = audit.INSTALLATION
    audit.record(Action.USAGE_INVOICE_REMOVE, by=by, chain=chain, thing=source.id, **facts)


def comparisons_for(actor: Actor) -> list[Comparison]:
    """The newest MONTHS with rows of files or an invoice, newest first, by source."""
    sources = {source.id: source for source in file_sources_for(actor)}
    ours: Counter[tuple[date, str]] = Counter()
    for source_id, day, micros, rest in db.session.execute(_sums()):
        ours[month_of(day), source_id] += int(micros) * UNITS_OF_MICRO + int(rest)
    recorded = db.session.scalars(select(UsageInvoice))
    invoices = {(row.month_on, row.source_id): row.amount for row in recorded}
    keys = [key for key in ours.keys() | invoices.keys() if key[1] in sources]
    keys.sort(key=lambda key: (-key[0].toordinal(), sources[key[1]].name_key))
    newest = sorted({month_on for month_on, _source in keys}, reverse=True)[:MONTHS]
    return [
        Comparison(key[0], sources[key[1]], exact(0, ours[key]), invoices.get(key))
        for key in keys
        if key[0] in newest
    ]


def _sums() -> Select[str, date, int, int]:
    """The sums in force by source and period."""
    sums = total(DeliveryScope.micros), total(DeliveryScope.rest)  # type: ignore[arg-type]
    query = (
        select(Delivery.source_id, DeliveryScope.scope_on, *sums)
        .join(Delivery, Delivery.id == DeliveryScope.delivery_id)
        .where(is_in_force())
    )
    return query.group_by(Delivery.source_id, DeliveryScope.scope_on)
