"""Validate a row of an import by the rules of *New customer*, and report all errors at once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from portal.domain import access, customers, identity, values
from portal.domain.accounts import BillingAccount
from portal.domain.customers import COLUMNS, Customer, Draft, Status
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid

TEXTS = ("country", *(c for c in COLUMNS if c not in ("country", "manager", "with_cloud")))
"""Text columns, the country first: tax number and phone are read by its rules."""
BY_COUNTRY = ("tin", "phone")
YES_NO = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Validation(NamedTuple):
    """The result for a row: `existing` is the live customer that it describes, `reasons` refuse it,
    `tin_conflict` warns of another customer with the same tax number."""

    draft: Draft
    existing: Customer | None
    reasons: list[Refused]
    tin_conflict: Refused | None


def validate(partner: BillingAccount, cells: dict[str, str]) -> Validation:
    """Return the validation of a row; its draft leaves out fields with invalid values."""
    draft, reasons = _parse_draft(partner, cells)
    problems = customers.find_problems(partner, draft)
    tin_conflict = next((error for error in problems if error.code == Code.TIN_TAKEN), None)
    reasons += [error for error in problems if error is not tin_conflict]
    return Validation(
        draft=draft,
        existing=customers.find_existing(partner, draft),
        reasons=reasons,
        tin_conflict=tin_conflict,
    )


def _parse_draft(partner: BillingAccount, cells: dict[str, str]) -> tuple[Draft, list[Refused]]:
    fields: dict[str, Any] = {}
    reasons = []
    for name in TEXTS:
        if name in BY_COUNTRY and "country" not in fields:
            continue
        try:
            country = fields.get("country", "")
            fields[name] = customers.normalise_field(name, cells.get(name, ""), country)
        except Invalid as error:
            if error.code == Code.COUNTRY_UNKNOWN:  # its sentence refers to the form's list
                reasons.append(Refused(Code.COUNTRY_CODE, field=name, **error.facts))
            else:
                reasons.append(Refused(error.code, field=name, **error.facts))
    word = cells.get("with_cloud", "").casefold()
    fields["with_cloud"] = YES_NO.get(word, True)
    if word not in YES_NO:
        reasons.append(Refused(Code.NOT_YES_NO, field="with_cloud"))
    if address := cells.get("manager"):
        fields["manager_id"] = manager_id = _staff_id(partner, address)
        if not manager_id:
            reasons.append(Refused(Code.MANAGER_UNKNOWN, field="manager"))
    if cells.get("status") == Status.INACTIVE:
        reasons.append(Refused(Code.WAS_INACTIVE, field="status"))
    return Draft(**fields), reasons


def _staff_id(partner: BillingAccount, address: str) -> str:
    """Return the ID of the staff member with this address, or an empty string."""
    with suppress(Invalid):
        user = identity.user_by_email(values.email(address).key)
        if user is not None and access.is_staff(user.id, partner.id):
            return user.id
    return ""
