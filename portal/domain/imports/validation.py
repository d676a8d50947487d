"""What would become of a row, by the rules of *New customer*: all that is wrong with it at once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from portal.domain import access, customers, identity, values
from portal.domain.accounts import BillingAccount
from portal.domain.customers import COLUMNS, Customer, Draft, Status
from portal.domain.errors import Code, Refused
from portal.domain.values import Invalid

TEXTS = ("country", *(c for c in COLUMNS if c not in ("country", "manager", "with_cloud")))
"""The country first: tax number and phone are read by its rules."""
BY_COUNTRY = ("tin", "phone")
IS_YES = {"": True, "yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Validation(NamedTuple):
    """`known`: the live customer that the row is; `twin` warns of one with the same tax number."""

    draft: Draft
    known: Customer | None
    reasons: list[Refused]
    twin: Refused | None


def validate(partner: BillingAccount, cells: dict[str, str]) -> Validation:
    """The row as a draft without the fields that can't be read, and what speaks against it."""
    draft, reasons = _read(partner, cells)
    found = customers.find_problems(partner, draft)
    twin = next((one for one in found if one.code == Code.TIN_TAKEN), None)
    reasons += [one for one in found if one is not twin]
    return Validation(draft, customers.find_existing(partner, draft), reasons, twin)


def _read(partner: BillingAccount, cells: dict[str, str]) -> tuple[Draft, list[Refused]]:
    values: dict[str, Any] = {}
    reasons = []
    for name in TEXTS:
        if name in BY_COUNTRY and "country" not in values:
            continue
        try:
            country = values.get("country", "")
            values[name] = customers.normalise_field(name, cells.get(name, ""), country)
        except Invalid as error:
            is_name = error.code == Code.COUNTRY_UNKNOWN  # a file has no list to choose from
            fault = Refused(Code.COUNTRY_CODE if is_name else error.code, field=name, **error.facts)
            reasons.append(fault)
    word = cells.get("with_cloud", "").casefold()
    values["with_cloud"] = IS_YES.get(word, True)
    if word not in IS_YES:
        reasons.append(Refused(Code.NOT_YES_NO, field="with_cloud"))
    if address := cells.get("manager"):
        values["manager_id"] = manager = _staff(partner, address)
        if not manager:
            reasons.append(Refused(Code.MANAGER_UNKNOWN, field="manager"))
    if cells.get("status") == Status.INACTIVE:
        reasons.append(Refused(Code.WAS_INACTIVE, field="status"))
    return Draft(**values), reasons


def _staff(partner: BillingAccount, address: str) -> str:
    """The ID of the one of the staff with this address, or nothing."""
    with suppress(Invalid):
        user = identity.user_by_email(values.email(address).key)
        if user is not None and access.is_staff(user.id, partner.id):
            return user.id
    return ""
