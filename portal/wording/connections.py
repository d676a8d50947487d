"""Wording of connections: what a test found, what went wrong with usage, rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.actions import Action
from portal.domain.connections import Connection
from portal.domain.metering import RATED, Rates, Status
from portal.i18n.formats import iso_day, money, plain_day
from portal.wording import faults

ABILITIES = {
    "suspend": lazy_gettext("suspend"),
    "access": lazy_gettext("give access"),
    "limits": lazy_gettext("limits"),
    "federation": lazy_gettext("federated people"),
    "usage-history": lazy_gettext("usage of past days"),
    "usage-sample": lazy_gettext("usage of now"),
}


def fault(result: dict[str, Any]) -> str:
    """Return why a test failed; empty if it did not."""
    return faults.sentence(str(result.get("fault", "")), result.get("facts"))


def abilities(result: dict[str, Any]) -> list[str]:
    """Return what a test found that the connection can. With rights missing, only what suspends
    clouds is known to create and change them."""
    codes = result.get("abilities", ())
    manages = [_("create, rename and close clouds")]
    known = manages if not result.get("missing") or "suspend" in codes else []
    return [str(words) for words in (*known, *(ABILITIES.get(code, code) for code in codes))]


def missing(result: dict[str, Any]) -> list[str]:
    """Return the rights that a test found missing."""
    return [faults.right(right) for right in result.get("missing", ())]


def findings(connection: Connection) -> str:
    """Return what the last test found, in a few words; empty before the first test."""
    result = connection.test_result
    if not result or fault(result):
        return fault(result)
    if connection.tested_at is None:
        return str(_("Not tested since the change."))
    if rights := missing(result):
        return str(_("Missing: %(rights)s.", rights=", ".join(rights)))
    return str(_("It works: %(abilities)s.", abilities="; ".join(abilities(result))))


def usage_fault(status: Status) -> str:
    """Return why usage was not delivered at the last try; empty if it was."""
    return faults.sentence(status.fault, status.fault_facts)


def rates(of: Rates) -> list[str]:
    """Return the rates, each with its unit, and since when they are."""
    sentences = [
        _("%(amount)s for a vCPU and hour", amount=money(of.cpu)),
        _("%(amount)s for a GiB of memory and hour", amount=money(of.memory)),
        _("%(amount)s for a GiB of disk and month", amount=money(of.disk)),
        _("from %(day)s on", day=plain_day(of.since_on)),
    ]
    return [str(sentence) for sentence in sentences]


AUDIT_TITLES = {
    Action.CONNECTION_RATES: lazy_gettext("Rates of a connection set"),
    Action.USAGE_FETCH: lazy_gettext("Usage of a connection fetched"),
}
AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.CONNECTION_LIMIT: lambda f: _(
        "The limits of new clouds of the connection %(id)s were changed.", id=f["thing"]
    ),
    Action.CONNECTION_RECONCILE: lambda f: _(
        "A connection is compared with the portal: %(id)s.", id=f["thing"]
    ),
    Action.CONNECTION_RATES: lambda f: _(
        "The rates of the connection %(id)s were set from %(day)s on: %(rates)s.",
        id=f["thing"],
        day=iso_day(f["since"]),
        rates=", ".join(f"{name} {f[name]}" for name in RATED),
    ),
    Action.CONNECTION_REKEY: lambda f: _(
        "The credentials of a connection were sealed with a new key: %(id)s.", id=f["thing"]
    ),
    Action.USAGE_FETCH: lambda f: _(
        "The usage of the connection %(id)s was fetched again from %(day)s on.",
        id=f["thing"],
        day=iso_day(f["since"]),
    ),
}
