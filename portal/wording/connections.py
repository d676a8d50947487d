"""Wording of connections: their kinds and settings, and what a test found."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.connections import Kind
from portal.domain.errors import Code

KINDS = {
    Kind.BUILTIN: lazy_gettext("Built in"),
    Kind.MANUAL: lazy_gettext("By hand"),
}
MEANINGS = {
    Kind.BUILTIN: lazy_gettext("Clouds exist in the portal alone; nothing is carried out."),
    Kind.MANUAL: lazy_gettext("An operator creates the cloud, and says so here."),
}
FIELDS: dict[str, str] = {}
"""The labels of settings and credentials, by name."""
ABILITIES = {
    "suspend": lazy_gettext("suspend"),
    "access": lazy_gettext("give access"),
    "limits": lazy_gettext("limits"),
    "federation": lazy_gettext("federated people"),
    "usage-history": lazy_gettext("usage of past days"),
    "usage-sample": lazy_gettext("usage of now"),
}
FAULTS = {
    Code.CREDENTIALS_UNREADABLE: lazy_gettext(
        "The credentials can’t be decrypted. Enter them again."
    ),
    "kind-not-installed": lazy_gettext("The program for this kind is not installed."),
}
"""Faults with a sentence; others are the cloud’s own words."""


def kind(code: str) -> str:
    """Return the name of a kind; its code, if another version has it."""
    return str(KINDS.get(code, code))  # type: ignore[call-overload]


def field(name: str) -> str:
    """Return the label of a setting."""
    return str(FIELDS.get(name, name))


def findings(result: dict[str, object]) -> str:
    """Return what a test found, in a sentence; empty before the first test."""
    if not result:
        return ""
    if fault := str(result["fault"]):
        return str(FAULTS.get(fault, fault))
    if missing := _words(result["missing"]):
        return str(_("Missing: %(rights)s.", rights=", ".join(missing)))
    abilities = [str(ABILITIES.get(code, code)) for code in _words(result["abilities"])]
    if not abilities:
        return str(_("It works."))
    return str(_("It works: %(abilities)s.", abilities=", ".join(abilities)))


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list | tuple) else []
