"""THE role table: what each role on an account or a cloud allows."""

from __future__ import annotations

from enum import StrEnum

from portal.domain.actions import Action


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

ACCOUNT_TABLE: dict[Action, frozenset[AccountRole]] = {
    Action.ACCOUNT_SEE: frozenset({_O, _A, _E, _AC, _V}),
    Action.ACCOUNT_SEE_MONEY: frozenset({_O, _A, _AC}),
    Action.PRICE_SET_RATE: frozenset({_O, _A}),
    Action.PRICE_PUBLISH: frozenset({_O, _A}),
    Action.PRICE_WITHDRAW: frozenset({_O, _A}),
    Action.STATEMENT_RELEASE: frozenset({_O, _A}),
    Action.BUDGET_SET: frozenset({_O, _A}),
    Action.BUDGET_SET_FOR_CUSTOMER: frozenset({_O, _A, _E}),
    Action.BUDGET_CHOOSE_STEPS: frozenset({_O}),
    Action.CLOUD_CREATE: frozenset({_O, _A, _E}),
    Action.CLOUD_LINK: frozenset({_O, _A, _E}),
    Action.CUSTOMER_ADD: frozenset({_O, _A, _E}),
    Action.CUSTOMER_EDIT: frozenset({_O, _A, _E}),
    Action.CUSTOMER_SUSPEND: frozenset({_O, _A, _E}),
    Action.CUSTOMER_RESUME: frozenset({_O, _A, _E}),
    Action.CUSTOMER_REMOVE: frozenset({_O}),
    Action.INVITATION_SEND_AGAIN: frozenset({_O, _A, _E}),
    Action.PARTNERSHIP_END: frozenset({_O}),
    Action.PARTNERSHIP_GIVE_NOTICE: frozenset({_O}),
    Action.PARTNERSHIP_WITHDRAW_NOTICE: frozenset({_O}),
    Action.NOTE_ADD: frozenset({_O, _A, _E}),
    Action.NOTE_DELETE: frozenset({_O}),
    Action.PARTNER_EDIT_PROFILE: frozenset({_O}),
    Action.ACCESS_MANAGE: frozenset({_O, _A}),
    Action.ACCESS_MANAGE_OWNERS: frozenset({_O}),
    Action.ACCOUNT_SWITCH_TO_PAID: frozenset({_O}),
}
"""The roles on an account that allow an action; for `customer.…` it is the partner's account."""

_EDITORS = frozenset({CloudRole.OWNER, CloudRole.ADMIN, CloudRole.EDITOR})

CLOUD_TABLE: dict[Action, frozenset[CloudRole]] = {
    Action.CLOUD_RENAME: _EDITORS,
    Action.CLOUD_CLOSE: frozenset({CloudRole.OWNER}),
    Action.FOLDER_CREATE: _EDITORS,
    Action.FOLDER_RENAME: _EDITORS,
    Action.CLOUD_GET_ACCESS: _EDITORS | {CloudRole.VIEWER},
    Action.CLOUD_MANAGE_ACCESS: frozenset({CloudRole.OWNER}),
    Action.CLOUD_RELINK: frozenset({CloudRole.OWNER}),
}
"""The roles on a cloud that allow an action; relinking also needs a role on the target account."""

INVITED_TABLE = frozenset({Action.INVITATION_ACCEPT, Action.INVITATION_DECLINE})
"""Actions that need no role: only the user with the invited, verified address may do them."""

STAFF_ROLES = ACCOUNT_TABLE[Action.CLOUD_CREATE]
"""The roles on a partner's account whose holders share the account's roles on clouds."""
