"""Rates: a partner's mark-ups and discounts from a day on; which of them decides a price."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from portal import db
from portal.domain import access, audit, billing_months, jobs, ledger
from portal.domain.accounts import BillingAccount, Kind
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.prices.record import PriceList, PriceSum, Rate
from portal.domain.values import line

SUBJECT = "price-list"
"""The kind of subject of a job that reprices."""
MAX_SERVICE = 300
LOWEST, HIGHEST, STEP = Decimal(-100), Decimal(10) ** 6, Decimal("0.0001")
"""Of a rate in percent."""
LAST = 2**31


def factor_of(percent: Decimal) -> int:
    """What a rate makes of a cost of 10⁶."""
    return int((100 + percent) * 10_000)


class RateTable:
    """The rates of a partner."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._by_key: dict[tuple[str, str], list[tuple[date, int, int]]] = {}
        self._late: dict[tuple[str, date], int] = {}
        for rate in rates:
            if rate.month_on is not None:
                self._late[rate.subaccount_id, rate.month_on] = factor_of(rate.percent)
                continue
            entry = (rate.starts_on, rate.number, factor_of(rate.percent))
            self._by_key.setdefault((rate.subaccount_id, rate.service), []).append(entry)
        for entries in self._by_key.values():
            entries.sort()

    def factor(self, subaccount_id: str, service: str, usage_on: date) -> int | None:
        """What the rate in force on the day makes of a cost of 10⁶; None without one. The most
        specific rate wins: customer and service, customer, service, partner."""
        if not self._by_key:
            return None
        for key in ((subaccount_id, service), (subaccount_id, ""), ("", service), ("", "")):
            entries = self._by_key.get(key, [])
            if before := bisect_right(entries, (usage_on, LAST, 0)):
                return entries[before - 1][2]
        return None

    def late_factors(self, subaccount_id: str, months: Iterable[date]) -> dict[date, int]:
        """What the last late rates for closed months make of a cost of 10⁶, by month; those of the
        customer win."""
        keys = [(whose, month_on) for month_on in months for whose in ("", subaccount_id)]
        return {key[1]: self._late[key] for key in keys if key in self._late}

    def factors(self, subaccount_id: str, service: str) -> Iterator[tuple[date, date, int]]:
        """From which usage day until before which, and the factor; without days that have none."""
        keys = ((subaccount_id, service), (subaccount_id, ""), ("", service), ("", ""))
        starts = sorted({entry[0] for key in keys for entry in self._by_key.get(key, [])})
        for first_on, until_on in pairwise([*starts, date.max]):
            if (factor := self.factor(subaccount_id, service, first_on)) is not None:
                yield first_on, until_on, factor


def factors_of(
    services: Sequence[tuple[str, str, str]],
) -> list[tuple[str, str, str, date, date, int]]:
    """The factors of partners, subaccounts and services."""
    tables = tables_of({partner_id for partner_id, _account, _service in services})
    return [
        (partner_id, account_id, service, *factor)
        for partner_id, account_id, service in services
        for factor in tables[partner_id].factors(account_id, service)
    ]


def tables_of(partner_ids: Collection[str]) -> dict[str, RateTable]:
    """The rates of each partner."""
    rates: dict[str, list[Rate]] = {partner_id: [] for partner_id in partner_ids}
    query = select(Rate).where(Rate.partner_id.in_(partner_ids)).order_by(Rate.number)
    for rate in db.session.scalars(query):
        rates[rate.partner_id].append(rate)
    return {partner_id: RateTable(found) for partner_id, found in rates.items()}


def lock_list(partner: BillingAccount) -> PriceList:
    """Lock a partner's account, and return its price list, a new one if it has none. Raises
    Refused("not-partner")."""
    partner = db.lock(BillingAccount, partner.id)
    if partner.kind is not Kind.PARTNER:
        raise Refused(Code.NOT_PARTNER)
    found = db.session.get(PriceList, partner.id, populate_existing=True)
    if found is None:
        found = PriceList(partner_id=partner.id)
        db.session.add(found)
        db.session.flush()
    return found


def check_subaccount(partner_id: str, subaccount_id: str) -> None:
    """Raises Refused("account-unknown") unless it is one of the partner's."""
    account = db.session.get(BillingAccount, subaccount_id)
    if account is None or account.parent_id != partner_id:
        raise Refused(Code.ACCOUNT_UNKNOWN, field="customer")


def services_of(partner: BillingAccount) -> list[str]:
    """The services that the partner's customers have used."""
    query = select(PriceSum.service).where(PriceSum.account_id == partner.id).distinct()
    return [name for name in db.session.scalars(query.order_by(PriceSum.service)) if name]


def set_rate(
    partner: BillingAccount,
    *,
    percent: Decimal,
    starts_on: date,
    by: Actor,
    service: str = "",
    subaccount_id: str = "",
) -> Rate:
    """Owners and admins of a partner's account set a mark-up from a day on, for all customers and
    services, or one of either. A worker reprices what is posted for these days.

    `percent` is from −100 to 10⁶, with up to four decimals. Raises Forbidden,
    Invalid, Refused("not-partner", "rate-range", "month-closed", "account-unknown",
    "rate-service").
    """
    price_list = lock_list(partner)
    access.require(by, Action.PRICE_SET_RATE, partner)
    _check_range(percent)
    if not billing_months.is_open(billing_months.month_of(starts_on)):
        raise Refused(Code.MONTH_CLOSED, field="starts_on")
    if subaccount_id:
        check_subaccount(partner.id, subaccount_id)
    name = line(service, limit=MAX_SERVICE) if service.strip() else ""
    _check_case(name, services_of(partner))
    terms = {"subaccount_id": subaccount_id, "service": name, "starts_on": starts_on}
    return _add(price_list, by, percent=percent, **terms)


def set_late_rate(
    partner: BillingAccount, *, percent: Decimal, month_on: date, by: Actor, subaccount_id: str = ""
) -> Rate:
    """Owners and admins of a partner's account set a mark-up for what has no price in a closed
    month, of one customer or of all, while their statements are drafts. A worker prices it.

    `percent` as in `set_rate`. Raises Forbidden, Refused("not-partner", "rate-range").
    """
    price_list = lock_list(partner)
    access.require(by, Action.PRICE_SET_RATE, partner)
    _check_range(percent)
    terms = {"subaccount_id": subaccount_id, "starts_on": month_on, "month_on": month_on}
    return _add(price_list, by, percent=percent, **terms)


def _check_case(name: str, services: list[str]) -> None:
    """Refuse a service that usage writes in another case: its rate would price nothing."""
    alike = [service for service in services if service.casefold() == name.casefold()]
    if alike and name not in alike:
        raise Refused(Code.RATE_SERVICE, field="service", service=alike[0])


def _check_range(percent: Decimal) -> None:
    """Raises Refused("rate-range")."""
    is_exact = percent.is_finite() and LOWEST <= percent <= HIGHEST
    if not is_exact or percent != percent.quantize(STEP):
        raise Refused(Code.RATE_RANGE, field="percent")


def _add(price_list: PriceList, by: Actor, **terms: Any) -> Rate:
    """Add a rate to a locked list. Let a worker reprice; what was staged with the former rates
    holds no more."""
    of, number = price_list.partner_id, price_list.rates + 1
    price_list.rates = number
    more = {"created_at": db.now(), "created_by": by.id}
    rate = Rate(partner_id=of, number=number, **{"service": "", **terms, **more})
    db.session.add(rate)
    db.session.flush()
    ledger.raise_versions([of])
    jobs.add(jobs.Kind.USAGE, key=f"prices:{of}", subject=(SUBJECT, of), account_id=of)
    audit.record(Action.PRICE_SET_RATE, by=by, chain=of, thing=of, rate=number)
    return rate
