"""*Export*: the customers that the list's filter shows, as a file that can be imported."""

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
from portal.partner.customers.filters import filter_of


@blueprint.get("/export")
def export(account_id: str) -> Any:
    """All of them, whichever page is shown; an import's columns first, then what only we know."""
    actor = web.actor()
    access.require(actor, Action.ACCOUNT_SEE, g.partner)
    wanted = replace(filter_of(request.args), after="")
    return web.csv_file("customers", _rows(account_id, wanted, actor))


def _rows(account_id: str, wanted: Filter, actor: Actor) -> Iterator[list[str]]:
    """Read in portions, each in a transaction of its own: a slow reader holds none open."""
    yield [*customers.COLUMNS, *customers.ONLY_EXPORTED]
    while True:
        portion = db.read(partial(_portion, account_id, wanted, actor))
        shown = portion[: customers.EXPORT_PAGE]
        yield from (cells for _ident, cells in shown)
        if len(portion) == len(shown):
            return
        wanted = replace(wanted, after=shown[-1][0])


def _portion(account_id: str, wanted: Filter, actor: Actor) -> list[tuple[str, list[str]]]:
    """IDs and cells; nothing more for whoever lost their role while the file was read."""
    partner = db.find(BillingAccount, account_id, actor)
    if partner is None:
        return []
    rows = customers.records_for(actor, partner, wanted, page=customers.EXPORT_PAGE)
    return [(row.record.id, _cells(row)) for row in rows]


def _cells(row: ExportRow) -> list[str]:
    record = row.record
    ids = [record.id, record.subaccount_id, record.default_cloud_id or ""]
    answered = formats.iso_time(row.answered_at) if row.answered_at else ""
    when = [formats.iso_time(record.created_at), answered]
    return [*customers.cells_of(row), record.status, *ids, *when]
