"""The sheet of a statement: what its page, its PDF and its CSV file say, in the reader's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_pgettext

from portal.domain import policy
from portal.domain.billing_months import next_month
from portal.domain.charges import Category
from portal.domain.ledger import PERSONAL, WAIVED, Lot
from portal.domain.statements import BROUGHT, CARRIED, Kind, Line, State, Statement, minor_digits
from portal.i18n.formats import local_day, month, plain_day, quantity
from portal.wording.errors import country_name
from portal.wording.usage import exact_text

CATEGORIES = {
    Category.PURCHASE: lazy_pgettext("charge", "purchase"),
    Category.TAX: lazy_pgettext("charge", "tax"),
    Category.CREDIT: lazy_pgettext("charge", "credit"),
    Category.ADJUSTMENT: lazy_pgettext("charge", "adjustment"),
}


class Row(NamedTuple):
    """A service of a cloud, or what bears the total; `unit` is empty without a quantity. `cells`
    are customer, cloud, its ID and service."""

    label: str
    amount: Decimal
    unit: str = ""
    quantity: Decimal = Decimal(0)
    cells: tuple[str, ...] = ()

    @property
    def used(self) -> str:
        """The quantity with its unit, empty without one."""
        return f"{quantity(self.quantity)} {self.unit}" if self.unit else ""


class Group(NamedTuple):
    """A cloud with its services, or the corrections of earlier months."""

    name: str
    note: str
    id: str
    amount: Decimal
    rows: list[Row]


@dataclass(frozen=True)
class Sheet:
    """A statement in words. `issuer` and `recipient` are lines, the first of which is the name."""

    title: str
    number: str
    heading: str
    issuer: list[str]
    recipient: list[str]
    facts: list[tuple[str, str]]
    groups: list[Group]
    total: Decimal
    payments: list[Row]
    notes: list[str]
    currency: str


def sheet(
    statement: Statement,
    lines: Iterable[Line],
    *,
    lots: Iterable[Lot],
    corrected: Sequence[date] = (),
    issuer: dict[str, Any],
    recipient: dict[str, Any],
) -> Sheet:
    """The sheet of a statement of these parties, with the lots of the account that pays, and the
    months that its corrections are of."""
    of_month = month(statement.month_on)
    printed = [it._replace(amount=_printed(it.amount, statement)) for it in lines]
    return Sheet(
        title=of_month,
        number=statement.full_number,
        heading=_("Cloud usage, %(month)s", month=of_month),
        issuer=_party(issuer),
        recipient=_party(recipient),
        facts=_facts(statement),
        groups=list(_groups(printed, corrected)),
        total=_printed(statement.total, statement),
        payments=_payments(statement, lots),
        notes=_notes(statement),
        currency=statement.currency,
    )


def _printed(amount: Decimal, statement: Statement) -> Decimal:
    """The amount with the decimals of the currency."""
    return round(amount, minor_digits(statement.currency))


def _party(party: dict[str, Any]) -> list[str]:
    if not party:
        return [_("name erased")]
    last = " · ".join(filter(None, (party["tin"], party["email"])))
    lines = [country_name(line) if len(line) == 2 else line for line in party["lines"]]
    return [line for line in (party["name"], *lines, last) if line]


def _facts(statement: Statement) -> list[tuple[str, str]]:
    last_on = next_month(statement.month_on) - timedelta(days=1)
    days = _("%(first)s to %(last)s", first=plain_day(statement.month_on), last=plain_day(last_on))
    released = statement.released_at
    account = _("Subaccount") if statement.kind is Kind.CUSTOMER else _("Account")
    facts = [
        (_("Statement"), statement.full_number or _("draft")),
        (_("Period"), days),
        (_("Released"), local_day(released) if released else ""),
        (account, statement.account_id),
    ]
    return [fact for fact in facts if fact[1]]


def _groups(lines: Iterable[Line], corrected: Sequence[date]) -> Iterator[Group]:
    """A group for each customer's cloud, and one for the corrections."""
    listed = sorted(lines, key=lambda line: (line.is_correction, line.customer, line.cloud))
    own = [line for line in listed if not line.is_correction]
    for (customer, cloud_id, name), some in groupby(own, lambda it: (it[0], it[1], it[2])):
        rows = [_row(_service(it), it) for it in some]
        yield Group(name or cloud_id, customer, cloud_id, _sum(rows), rows)
    corrections = [_row(_of_cloud(it), it) for it in listed if it.is_correction]
    if corrections:
        note = _("of months that were closed before")
        if corrected:
            note = _("of %(months)s", months=", ".join(map(month, corrected)))
        yield Group(_("Corrections"), note, "", _sum(corrections), corrections)


def _row(label: str, line: Line) -> Row:
    cells = line.customer, line.cloud or line.cloud_id, line.cloud_id, _service(line)
    return Row(label, line.amount, line.unit, line.quantity, cells)


def _service(line: Line) -> str:
    """The service, with the category of what is no usage."""
    service = line.service or _("without a service")
    if line.category == Category.USAGE:
        return service
    return f"{service} ({CATEGORIES[Category(line.category)]})"


def _of_cloud(line: Line) -> str:
    return ", ".join(filter(None, (line.customer, line.cloud or line.cloud_id, _service(line))))


def _sum(rows: list[Row]) -> Decimal:
    return sum((row.amount for row in rows), Decimal(0))


def _payments(statement: Statement, lots: Iterable[Lot]) -> list[Row]:
    """What bears the total; last, also if it is zero, what is debited."""
    rows = [_payment(bearer, amount, lots) for bearer, amount in statement.payments]
    if rows and PERSONAL not in dict(statement.payments):
        rows.append(_payment(PERSONAL, str(_printed(Decimal(0), statement)), lots))
    return rows


def _payment(bearer: str, amount: str, lots: Iterable[Lot]) -> Row:
    """What bears the total, with its sign: what the account owes is what remains."""
    value = Decimal(amount)
    if bearer == PERSONAL:
        return Row(_("Debited to the account"), value)
    if bearer == BROUGHT:
        return Row(_("Carried over from the statement before"), value)
    if bearer == CARRIED:
        return Row(_("Of usage days after the month, on the next statement"), -value)
    if bearer == WAIVED:
        return Row(_("Waived in trial"), -value)
    last_on = next((plain_day(lot.last_on) for lot in lots if lot.id == bearer), bearer)
    return Row(_("Paid by the grant until %(day)s", day=last_on), -value)


def _notes(statement: Statement) -> list[str]:
    current = policy.current()
    notes = [
        _("Lines are rounded so that they sum to the total."),
        _(
            "Usage measured by %(product)s; its days are those of %(zone)s.",
            product=current.product_name,
            zone=current.billing_time_zone.key,
        ),
    ]
    if statement.kind is Kind.CUSTOMER:
        notes.append(_("A statement of usage, not an invoice: payments are not kept here."))
    if statement.is_last:
        notes.append(_("The partnership ended in this month."))
    if statement.state is State.RELEASED and statement.missing:
        notes.append(_("Costs that have no price are not on it."))
    return notes


def table(sheet: Sheet) -> Iterator[list[object]]:
    """The table of a statement for a CSV file, with its header; amounts are plain numbers. The
    total, and what bears it, are in columns of their own, so that the amounts sum to it."""
    header = [_("Statement"), _("Customer"), _("Cloud"), _("Cloud ID"), _("Service")]
    yield [
        *(*header, _("Correction"), _("Quantity"), _("Unit"), _("Amount"), _("Currency")),
        *(_("Summary"), _("Sum")),
    ]
    for group in sheet.groups:
        correction = "" if group.id else group.note
        for row in group.rows:
            used = (Decimal(exact_text(row.quantity)), row.unit) if row.unit else ("", "")
            cells = (*row.cells, correction, *used, row.amount, sheet.currency)
            yield [sheet.number, *cells, "", ""]
    for row in (Row(_("Total"), sheet.total), *sheet.payments):
        yield [sheet.number, *[""] * 8, sheet.currency, row.label, row.amount]
