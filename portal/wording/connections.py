"""Wording of connections: what is to be done by hand, and what a test found."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.connections import Connection
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
