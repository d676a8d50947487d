"""THE role table: what each role on an account or a cloud allows."""

from __future__ import annotations

from enum import StrEnum


class AccountRole(StrEnum):
    """Roles on billing accounts, strongest first."""

    OWNER = "billing.accounts.owner"
    ADMIN = "billing.accounts.admin"
    EDITOR = "billing.accounts.editor"
    ACCOUNTANT = "billing.accounts.accountant"
    VIEWER = "billing.accounts.viewer"


class CloudRole(StrEnum):
    """Roles on clouds, strongest first; `member` alone allows nothing."""

    OWNER = "resource-manager.clouds.owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    MEMBER = "resource-manager.clouds.member"


_O, _A, _E, _AC, _V = AccountRole

ACCOUNT_TABLE: dict[str, frozenset[AccountRole]] = {
    "account.see": frozenset({_O, _A, _E, _AC, _V}),
    "cloud.create": frozenset({_O, _A, _E}),
    "cloud.link": frozenset({_O, _A, _E}),
    "customer.add": frozenset({_O, _A, _E}),
    "customer.edit": frozenset({_O, _A, _E}),
    "customer.suspend": frozenset({_O, _A, _E}),
    "customer.resume": frozenset({_O, _A, _E}),
    "customer.remove": frozenset({_O}),
    "partnership.end": frozenset({_O}),
    "note.add": frozenset({_O, _A, _E}),
    "note.delete": frozenset({_O}),
    "access.manage": frozenset({_O, _A}),
    "access.manage_owners": frozenset({_O}),
    "account.switch_to_paid": frozenset({_O}),
}
"""What a role on an account allows; the account is the partner's own for `customer.…`."""

_EDITORS = frozenset({CloudRole.OWNER, CloudRole.ADMIN, CloudRole.EDITOR})

CLOUD_TABLE: dict[str, frozenset[CloudRole]] = {
    "cloud.rename": _EDITORS,
    "folder.create": _EDITORS,
    "folder.rename": _EDITORS,
    "cloud.manage_access": frozenset({CloudRole.OWNER}),
    "cloud.relink": frozenset({CloudRole.OWNER}),
}
"""What a role on a cloud allows; relinking it needs a role on the account to link it to as well."""

INVITED_TABLE = frozenset({"invitation.accept", "invitation.decline"})
"""What needs no role: the signed-in user whose verified address the open invitation names."""

STAFF_ROLES = ACCOUNT_TABLE["cloud.create"]
"""The roles on a partner's account for whose holders the account's cloud roles hold."""
