"""Post usage: prepare charges and prices of a delivery, an assignment or new rates; post them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from itertools import islice
from typing import Any, TypeVar

from portal import db, usage_files
from portal.domain import charges, ledger, prices, statements, totals, usage
from portal.domain.actors import Actor
from portal.domain.charges import Late, Outdated
from portal.domain.errors import Code, Refused
from portal.domain.ledger import Days
from portal.domain.totals import ChangeRow
from portal.domain.usage import Delivery, Preparation, UsageKey
from portal.usage_files import Attribution, Charging, LateRow, Term, Total

BATCH = 20_000
"""Rows of a transaction: no other writer waits longer than a second."""
ACCOUNTS_BATCH = 200
"""Accounts whose days are worked out at a time."""
CLOUDS_BATCH = 200
"""Clouds whose prices are worked out at a time."""
MAX_TRIES = 5
"""Of preparing, while links and other deliveries change what it is worked out from."""
T = TypeVar("T")
Row = tuple[Any, ...]


def publish(delivery_id: str, *, by: Actor, **options: bool) -> None:
    """Publish a delivery, prepared again if that is needed. Raises as `usage.publish`."""
    _post(
        lambda: usage.publish(_delivery(delivery_id), by=by, **options),
        lambda: prepare_publishing(delivery_id, by=by),
    )


def remove(delivery_id: str, *, by: Actor) -> None:
    """Remove a published delivery. Raises as `usage.remove`."""
    _post(
        lambda: usage.remove(_delivery(delivery_id), by=by),
        lambda: prepare_removal(delivery_id, by=by),
    )


def charge(delivery_id: str, *, by: Actor) -> None:
    """Charge a delivery that was published before there were charges."""
    _post(
        lambda: usage.charge(_delivery(delivery_id)),
        lambda: prepare_publishing(delivery_id, by=by),
    )


def assign(key_id: str, cloud_id: str | None, *, by: Actor) -> None:
    """Apply an assignment; None takes back the one there is. Raises as `usage.apply_assignment`."""

    def key() -> UsageKey:
        return db.session.get_one(UsageKey, key_id)

    plan = db.read(lambda: usage.plan_assignment(key(), cloud_id))
    _post(
        lambda: usage.apply_assignment(plan, assigned_by=by.id),
        lambda: prepare(lambda: usage.prepare_assignment(key(), cloud_id, by=by)),
    )


def reprice(partner_id: str, *, by: Actor) -> None:
    """Let a partner's prices, and its drafts of statements, follow its new rates. Raises
    Refused("usage-outdated")."""
    if not db.read(lambda: prices.is_applied(partner_id)):
        prepare_repricing(partner_id, by=by)
        _post(
            lambda: charges.apply_rates(partner_id),
            lambda: prepare_repricing(partner_id, by=by),
        )
    after = ""
    while after := db.write(lambda: statements.refresh_drafts(partner_id, after=after)):
        pass


def prepare_repricing(partner_id: str, *, by: Actor) -> None:
    """Stage what new rates change of a partner's prices, by short transactions."""
    posting_id, plan = db.write(lambda: charges.begin_repricing(partner_id, by=by))
    drafts = db.read(lambda: statements.drafts_without_prices(partner_id))
    first = 0
    for cloud_ids in _batches(iter(plan.cloud_ids), CLOUDS_BATCH):
        first += _stage_prices(
            posting_id,
            first,
            db.read(lambda: prices.find_repriced(partner_id, cloud_ids, plan.first_on, drafts)),  # noqa: B023
        )
    basis = {"usage": {}, "versions": plan.version}
    db.write(lambda: charges.finish_staging(posting_id, basis))


def _stage_prices(posting_id: str, first: int, changes: list[prices.Change]) -> int:
    """Stage changes of prices whose numbers run from `first`; how many there are."""
    for begin in range(0, len(changes), BATCH):
        some = changes[begin : begin + BATCH]
        db.write(lambda: prices.add_prices(posting_id, first + begin, some))  # noqa: B023
    return len(changes)


def _delivery(delivery_id: str) -> Delivery:
    return db.session.get_one(Delivery, delivery_id)


def _post(unit: Callable[[], None], prepare_again: Callable[[], None]) -> None:
    """Run the unit of work; while it is outdated, prepare it again. Raises
    Refused("usage-outdated")."""
    for _try in range(MAX_TRIES):
        try:
            return db.write(unit)
        except Outdated:
            prepare_again()
    raise Refused(Code.USAGE_OUTDATED)


def prepare_publishing(delivery_id: str, *, by: Actor) -> None:
    """Prepare what publishing a staged delivery posts."""
    prepare(lambda: usage.prepare_publishing(_delivery(delivery_id), by=by))


def prepare_removal(delivery_id: str, *, by: Actor) -> None:
    """Prepare what removing a published delivery posts."""
    prepare(lambda: usage.prepare_removal(_delivery(delivery_id), by=by))


def prepare(begin: Callable[[], Preparation]) -> None:
    """Stage all charges of a posting, by short transactions."""
    it = db.write(begin)
    versions = db.read(lambda: ledger.versions_of({each.payer_id for each in it.bearers}))
    terms = [Term(_contents(part.delivery_id), part.sign, part.periods) for part in it.parts]
    with usage_files.attribute(terms, it.spans) as attribution:
        days = _stage_charges(it, attribution)
        for payer_id in _stage_totals(it, attribution):
            days.setdefault(payer_id, {})  # also if its charges come to nothing: it is locked
        _stage_late_rows(it, attribution)
    _stage_draws(it.posting_id, days)
    basis = {"usage": it.basis, "versions": {payer_id: versions[payer_id] for payer_id in days}}
    db.write(lambda: charges.finish_staging(it.posting_id, basis))


def _contents(delivery_id: str) -> Iterator[bytes]:
    """The pieces of a delivery, each read in a transaction of its own."""
    for number in db.read(lambda: usage.part_numbers(delivery_id)):
        yield db.read(lambda: usage.part(delivery_id, number))  # noqa: B023 - runs at once


def _stage_charges(it: Preparation, attribution: Attribution) -> Days:
    """Stage all charges, and what they change of months and prices; what they add to days."""
    open_on = date.fromisoformat(it.open_on)
    charging = Charging(attribution, it.posting_id, it.bearers, open_on)
    _insert(charges.insert_charges, charging.charges(it.source_id))
    _insert(charges.insert_sums, charging.sums())
    _load_prices(charging)
    _insert(prices.insert_prices, charging.prices())
    _insert(prices.insert_totals, charging.price_totals())
    return charges.days_of(charging.days())


def _load_prices(charging: Charging) -> None:
    """Work out prices with what is posted, and the rates of now."""
    cloud_ids, first_on = charging.priced()
    for some in _batches(iter(cloud_ids), CLOUDS_BATCH):
        db.read(lambda: charging.add_posted(prices.posted_rows(some, first_on)))  # noqa: B023
    services = list(charging.services())
    charging.price(db.read(lambda: prices.factors_of(services)))


def _insert(insert: Callable[[list[Row]], None], batches: Iterator[list[Row]]) -> None:
    for rows in batches:
        db.write(lambda: insert(rows))  # noqa: B023 - runs at once


def _stage_totals(it: Preparation, attribution: Attribution) -> set[str]:
    """Stage what totals change by; the accounts that pay."""
    first, payer_ids = 0, set[str]()
    for batch in _batches(attribution.totals()):
        rows = [_change(it, total) for total in batch]
        db.write(lambda: totals.add_changes(it.posting_id, first, rows))  # noqa: B023
        first += len(rows)
        payer_ids |= {row.payer_id for row in rows}
    return payer_ids


def _change(it: Preparation, total: Total) -> ChangeRow:
    bearer = it.bearers[total.span]
    return ChangeRow(
        account_id=bearer.account_id,
        payer_id=bearer.payer_id,
        cloud_id=bearer.cloud_id,
        service=total.service,
        category=total.category,
        unit=total.unit,
        month_on=max(_month_of(total.period_on), it.open_on),
        is_correction=_month_of(total.period_on) < it.open_on,
        units=total.units,
        nanos=total.nanos,
    )


def _stage_draws(posting_id: str, days: Days) -> None:
    """Stage what bears the days."""
    for account_ids in _batches(iter(sorted(days)), ACCOUNTS_BATCH):
        added = {account_id: days[account_id] for account_id in account_ids}
        changes = db.read(lambda: ledger.find_changes(added))  # noqa: B023 - runs at once
        db.write(lambda: ledger.add_days(posting_id, added))  # noqa: B023 - runs at once
        db.write(lambda: ledger.add_draws(posting_id, changes))  # noqa: B023 - runs at once


def _month_of(day: str) -> str:
    """The first day of the month, as ISO text."""
    return f"{day[:7]}-01"


def _stage_late_rows(it: Preparation, attribution: Attribution) -> None:
    clouds = {
        span.key: bearer.cloud_id
        for span, bearer in zip(it.spans, it.bearers, strict=True)
        if span.sign > 0
    }
    first = 0
    for batch in _batches(attribution.late_rows(it.after_us)):
        rows = [_late(it, row, clouds[row.key]) for row in batch]
        db.write(lambda: charges.add_late_rows(it.posting_id, first, rows))  # noqa: B023
        first += len(rows)


def _late(it: Preparation, row: LateRow, cloud_id: str) -> Late:
    return Late(
        delivery_id=it.parts[row.term].delivery_id,
        source_id=it.source_id,
        key_id=it.key_ids[row.key],
        scope_on=row.period_on,
        cloud_id=cloud_id,
        service=row.service,
        category=row.category,
        usage_on=row.usage_on,
        month_on=_month_of(row.period_on),
        start_us=row.start_us,
        end_us=row.end_us,
        units=row.units,
        unit=row.unit,
        nanos=row.nanos,
    )


def _batches(rows: Iterator[T], size: int = BATCH) -> Iterator[list[T]]:
    while batch := list(islice(rows, size)):
        yield batch
