"""*Export CSV*: the customers that the filter matches, in a file that can be imported again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from flask import g, request

from portal import db, web
from portal.domain import access, customers
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers import ExportRow, Filter
from portal.i18n import formats
from portal.partner.customers.blueprint import blueprint
from portal.partner.customers.filters import parse_filter


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """Download all matching customers: the columns of an import, then those of an export alone."""
    actor = web.actor()
    access.require(actor, Action.ACCOUNT_SEE, g.partner)
    filter_ = replace(parse_filter(request.args), after="")
    return web.csv_file("customers", _csv_rows(account_id, filter_, actor))


def _csv_rows(account_id: str, filter_: Filter, actor: Actor) -> Iterator[list[str]]:
    """Yield a header and the rows. Each page has its own transaction: a slow client holds none."""
    yield [*customers.COLUMNS, *customers.ONLY_EXPORTED]
    while True:
        page = db.read(partial(_read_page, account_id, filter_, actor))
        shown, after = web.paginate(page, customers.EXPORT_PAGE, cursor=lambda row: row[0])
        yield from (cells for _customer_id, cells in shown)
        if after is None:
            return
        filter_ = replace(filter_, after=after)


def _read_page(account_id: str, filter_: Filter, actor: Actor) -> list[tuple[str, list[str]]]:
    """Read a page of IDs and cells. Raises Interrupted once the actor has lost the role."""
    partner = db.find(BillingAccount, account_id, actor)
    if partner is None:
        raise web.Interrupted
    rows = customers.export_rows(actor, partner, filter_, page_size=customers.EXPORT_PAGE)
    return [(row.customer.id, _cells(row)) for row in rows]


def _cells(row: ExportRow) -> list[str]:
    customer = row.customer
    ids = [customer.id, customer.subaccount_id, customer.default_cloud_id or ""]
    answered = formats.iso_time(row.answered_at) if row.answered_at else ""
    times = [formats.iso_time(customer.created_at), answered]
    return [*customers.cells_of(row), customer.status, *ids, *times]
