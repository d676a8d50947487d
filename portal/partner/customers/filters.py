"""The filter of the list of customers in its URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from flask import g, url_for
from flask_babel import gettext as _

from portal.domain import customers
from portal.domain.customers import CustomerRow, Filter, Manager, Status

STATUSES = list(Status)


def parse_filter(parameters: Mapping[str, str]) -> Filter:
    """Return the filter in a URL's parameters; ignore unknown and malformed ones."""
    status, days = parameters.get("status", ""), parameters.get("waiting", "")
    return Filter(
        search=parameters.get("q", "").strip()[:200],
        status=Status(status) if status in set(Status) else None,
        manager=parameters.get("manager", "")[:20],
        waiting_days=int(days) if re.fullmatch("[0-9]{1,4}", days) else None,
        oldest_first=parameters.get("sort") == "oldest",
        after=parameters.get("after", "")[:20],
    )


def filter_parameters(filter_: Filter) -> dict[str, str]:
    """Return the URL's parameters of a filter at its first page; `parse_filter` reads them."""
    values = {
        "q": filter_.search,
        "status": filter_.status or "",
        "manager": filter_.manager,
        "waiting": "" if filter_.waiting_days is None else str(filter_.waiting_days),
        "sort": "oldest" if filter_.oldest_first else "",
    }
    return {name: value for name, value in values.items() if value}


def list_url(account_id: str, filter_: Filter, view: str = "index", **changes: Any) -> str:
    """Return the URL of the list, or of another view with this filter, with `changes`."""
    parameters = {**filter_parameters(filter_), **changes}
    return url_for(f"partner.customers.{view}", account_id=account_id, **parameters)


def changes_url(rows: Iterable[CustomerRow], filter_: Filter) -> str:
    """Return the URL from which the open list polls changes: it holds each row's ID and shown
    status. Empty where no row waits for an answer."""
    statuses = {row.id: row.status for row in rows}
    if Status.WAITING not in statuses.values():
        return ""
    shown = ".".join(f"{row_id}-{STATUSES.index(status)}" for row_id, status in statuses.items())
    parameters: dict[str, Any] = {**filter_parameters(filter_), "shown": shown, "poll": 1}
    return url_for("partner.customers.changes", account_id=g.partner.id, **parameters)


def context_of_filter(account_id: str, filter_: Filter) -> dict[str, Any]:
    """Return context of the list: the filter, its links, the search form's fields and choices."""
    return {
        "filter_": filter_,
        "url": partial(list_url, account_id, filter_),
        "export_url": list_url(account_id, filter_, "export"),
        "filter_parameters": filter_parameters(filter_),
        "managers": _manager_choices(),
        "statuses": STATUSES,
    }


def _manager_choices() -> dict[str, str]:
    """Return the managers to filter by: values of the URL with their labels."""
    choices = {"": _("anybody"), customers.ME: _("me"), customers.NOBODY: _("nobody")}
    managers = customers.managers_of(g.partner)
    return choices | {manager.id: manager_label(manager) for manager in managers}


def manager_label(manager: Manager) -> str:
    """Return the manager's name, marked where they left the staff."""
    if manager.is_staff:
        return manager.name
    return str(_("%(name)s (no longer on the staff)", name=manager.name))
