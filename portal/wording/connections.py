"""Wording of connections: what is to be done by hand, and what a test found."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.clouds import Task, ToCarryOut
from portal.wording import faults

TASKS = {
    Task.CREATE: lazy_gettext("create"),
    Task.RENAME: lazy_gettext("rename"),
    Task.SUSPEND: lazy_gettext("suspend"),
    Task.RESUME: lazy_gettext("resume"),
}
TO_DO = {
    Task.CREATE: lazy_gettext("Create a cloud with this name, and note its ID."),
    Task.RENAME: lazy_gettext("Rename the cloud; it was called %(former)s."),
    Task.SUSPEND: lazy_gettext("Refuse sign-ins to the cloud; leave what is in it."),
    Task.RESUME: lazy_gettext("Allow sign-ins to the cloud again."),
}
"""What an operator does by hand."""
PROGRESS = {
    Task.CREATE: lazy_gettext("Being created: agreed, and not carried out yet."),
    Task.RENAME: lazy_gettext("Being renamed: it still has its former name there."),
    Task.SUSPEND: lazy_gettext("Being suspended: it still works."),
    Task.RESUME: lazy_gettext("Being resumed: sign-ins are still refused."),
}
"""What people read while a task is not carried out."""
ABILITIES = {
    "suspend": lazy_gettext("suspend"),
    "access": lazy_gettext("give access"),
    "limits": lazy_gettext("limits"),
    "federation": lazy_gettext("federated people"),
    "usage-history": lazy_gettext("usage of past days"),
    "usage-sample": lazy_gettext("usage of now"),
}


def to_do(row: ToCarryOut) -> list[str]:
    """Return what an operator does for the cloud, a sentence a task."""
    return [str(TO_DO[task]) % {"former": row.cloud.carried_out_name} for task in row.tasks]


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
