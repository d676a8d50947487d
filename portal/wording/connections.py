"""Wording of connections: what is to be done by hand, and what a test found."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

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
    """Return what a test found that the connection can."""
    return [str(ABILITIES.get(code, code)) for code in result.get("abilities", ())]


def missing(result: dict[str, Any]) -> list[str]:
    """Return the rights that a test found missing."""
    return [faults.right(right) for right in result.get("missing", ())]


def findings(result: dict[str, Any]) -> str:
    """Return what a test found, in a few words; empty before the first test."""
    if not result or fault(result):
        return fault(result)
    if rights := missing(result):
        return str(_("Missing: %(rights)s.", rights=", ".join(rights)))
    if can := abilities(result):
        return str(_("It works: %(abilities)s.", abilities=", ".join(can)))
    return str(_("It works."))
