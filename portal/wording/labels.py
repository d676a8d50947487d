"""Labels of codes: fields, columns, roles, kinds and modes of accounts, abilities, deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from flask_babel import gettext, lazy_gettext, lazy_pgettext

from portal.domain import mail_deliveries
from portal.domain.actions import Action
from portal.domain.customers import NotArrivedReason
from portal.domain.identity import BlockReason


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


N_ = str
"""Marks a text for translation that is stored in English and translated when shown."""

FIELDS = {
    "name": lazy_gettext("customer name"),
    "invitation_email": lazy_gettext("e-mail of the cloud account"),
    "country": lazy_gettext("country"),
    "tin": lazy_gettext("tax number"),
    "longname": lazy_gettext("legal name"),
    "phone": lazy_gettext("phone"),
    "email": lazy_gettext("contact e-mail"),
    "legal_address": lazy_gettext("legal address"),
    "post_address": lazy_gettext("postal address"),
    "post_code": lazy_gettext("post code"),
    "description": lazy_gettext("description"),
    "reference": lazy_gettext("own reference"),
    "manager_id": lazy_gettext("account manager"),
}

COLUMNS = {
    **{name: label for name, label in FIELDS.items() if name != "manager_id"},
    "manager": FIELDS["manager_id"],
    "with_cloud": lazy_gettext("create an empty cloud and folder"),
    "status": lazy_gettext("status"),
}
"""Columns of customer files."""

ROLES = {
    "billing.accounts.owner": lazy_gettext("owner"),
    "billing.accounts.admin": lazy_gettext("admin"),
    "billing.accounts.editor": lazy_gettext("editor"),
    "billing.accounts.accountant": lazy_gettext("accountant"),
    "billing.accounts.viewer": lazy_gettext("viewer"),
}

CLOUD_ROLES = {
    "resource-manager.clouds.owner": lazy_gettext("owner"),
    "admin": lazy_gettext("admin"),
    "editor": lazy_gettext("editor"),
    "viewer": lazy_gettext("viewer"),
    "resource-manager.clouds.member": lazy_gettext("member"),
}

KINDS = {
    "direct": lazy_pgettext("kind of account", "direct"),
    "partner": lazy_pgettext("kind of account", "partner"),
    "subaccount": lazy_pgettext("kind of account", "subaccount"),
}

MODES = {"trial": lazy_gettext("trial"), "paid": lazy_gettext("paid")}
"""Consumption modes."""

ABILITIES = {
    Action.ACCOUNT_SEE: lazy_gettext(
        "See the account, its customers with their notes, its activity"
    ),
    Action.ACCOUNT_SEE_MONEY: lazy_gettext("See costs, balance, grants, entries and rates"),
    Action.PRICE_SET_RATE: lazy_gettext("Set rates of prices"),
    Action.PRICE_PUBLISH: lazy_gettext("Publish prices to customers"),
    Action.PRICE_WITHDRAW: lazy_gettext("Withdraw prices from customers"),
    Action.STATEMENT_RELEASE: lazy_gettext("Release statements of customers"),
    Action.BUDGET_SET: lazy_gettext("Set the account’s own budget"),
    Action.BUDGET_SET_FOR_CUSTOMER: lazy_gettext("Set a budget for a customer"),
    Action.BUDGET_CHOOSE_STEPS: lazy_gettext("Choose what a customer’s budget stops"),
    Action.CLOUD_CREATE: lazy_gettext("Create a cloud"),
    Action.CLOUD_LINK: lazy_gettext("Link a cloud to the account"),
    Action.CUSTOMER_ADD: lazy_gettext("Add a customer"),
    Action.CUSTOMER_EDIT: lazy_gettext("Edit a customer’s record, correct its address"),
    Action.CUSTOMER_SUSPEND: lazy_gettext("Suspend a customer"),
    Action.CUSTOMER_RESUME: lazy_gettext("Resume a customer"),
    Action.CUSTOMER_REMOVE: lazy_gettext("Remove an unconfirmed customer"),
    Action.INVITATION_SEND_AGAIN: lazy_gettext("Send an invitation’s email again"),
    Action.PARTNERSHIP_END: lazy_gettext("End a partnership"),
    Action.PARTNERSHIP_GIVE_NOTICE: lazy_gettext("Give notice of the end of a partnership"),
    Action.PARTNERSHIP_WITHDRAW_NOTICE: lazy_gettext("Withdraw a notice"),
    Action.NOTE_ADD: lazy_gettext("Write notes, delete one’s own"),
    Action.NOTE_DELETE: lazy_gettext("Delete anybody’s notes"),
    Action.PARTNER_EDIT_PROFILE: lazy_gettext("Edit the firm’s profile, its logo"),
    Action.ACCESS_MANAGE: lazy_gettext("Add staff, change their roles, remove them"),
    Action.ACCESS_MANAGE_OWNERS: lazy_gettext("Make somebody owner, change or remove an owner"),
    Action.ACCOUNT_SWITCH_TO_PAID: lazy_gettext("Switch to paid"),
    Action.CLOUD_SEE: lazy_gettext("See the cloud, its folders and who pays for it"),
    Action.CLOUD_GET_ACCESS: lazy_gettext("Get access to the cloud"),
    Action.CLOUD_RENAME: lazy_gettext("Rename the cloud"),
    Action.CLOUD_CLOSE: lazy_gettext("Close and restore the cloud"),
    Action.FOLDER_CREATE: lazy_gettext("Create a folder"),
    Action.FOLDER_RENAME: lazy_gettext("Rename a folder"),
    Action.CLOUD_MANAGE_ACCESS: lazy_gettext("See who has access, give and revoke it"),
    Action.CLOUD_RELINK: lazy_gettext(
        "Link the cloud to another account (with editor or higher there)"
    ),
}
"""What the actions of the role tables allow."""


def payer(account_name: str | None, partner_name: str | None) -> str:
    """Who pays for a cloud: of a subaccount its partner. No name is of an account that the reader
    can't see."""
    if not account_name:
        return _("another account")
    if not partner_name:
        return account_name
    return _("%(partner)s, in subaccount %(name)s", partner=partner_name, name=account_name)


def abilities(table: Mapping[Action, Set[str]]) -> list[tuple[Any, Set[str]]]:
    """Return the rows of a role table: what an action allows, and the roles that may."""
    return [(ABILITIES[action], roles) for action, roles in table.items()]


CANCELLED_BY_OPERATOR = mail_deliveries.CANCELLED_BY_OPERATOR
PORTAL_ANSWERS = {
    N_("MAIL_SERVER is not set"),
    N_("kept as a file: no mail server is configured"),
    N_("the address contains a line break"),
    N_("the mail worker ended at every try; see its log"),
    N_("the worker ended during the try; see its log"),
    N_("a newer order for the same subject replaced this one"),
    N_("an operator of this portal cancelled it"),
    N_("the portal’s database was unavailable"),
    N_("the portal was restored from a backup; this may have been done since that backup"),
    N_("the relay was too slow: the time for handing over ran out"),
}
"""The portal's own notes in `answer` of a delivery, as stored."""

NOT_ARRIVED_REASONS = {
    NotArrivedReason.RELAY_LOG: lazy_gettext("the mail server’s log has no such email"),
    NotArrivedReason.RELAY_LOST: lazy_gettext("the mail server lost it"),
    NotArrivedReason.RECIPIENT: lazy_gettext("the recipient’s mail server never got it"),
}
"""How an operator knows that a mail did not arrive."""

BLOCK_REASONS = {
    BlockReason.STOLEN: lazy_gettext("somebody else may use the account"),
    BlockReason.MISUSE: lazy_gettext("they misuse this portal"),
    BlockReason.LEFT: lazy_gettext("they left their organisation"),
    BlockReason.OTHER: lazy_gettext("another reason"),
}
"""Why an operator blocks a user."""

UNKNOWN_REASONS = {
    mail_deliveries.RESTORED: lazy_gettext(
        "The portal was restored from a backup, and the email may have left since that backup."
    ),
    mail_deliveries.WORKER_DIED: lazy_gettext("The portal stopped while it handed the email over."),
    mail_deliveries.FAULT: lazy_gettext("The portal failed while it handed the email over."),
}
"""Why the delivery of a mail is unknown, by its code."""


def unknown_reason(code: str | None) -> str:
    """Return why the delivery of a mail with this code is unknown."""
    return str(
        UNKNOWN_REASONS.get(code or "")
        or _("The mail server gave no answer after the text was sent.")
    )


def delivery(answer: str) -> str:
    """Return the answer of a delivery: the portal's notes translated, others unchanged."""
    error_name = answer.removeprefix("internal fault: ")
    if error_name != answer:
        return _("internal fault: %(name)s", name=error_name)
    return _(answer) if answer in PORTAL_ANSWERS else answer


def role(code: str) -> str:
    """Return the label of a role on an account or a cloud."""
    return str(ROLES.get(code) or CLOUD_ROLES[code])


def field(name: str) -> str:
    """Return the label of a field of a customer's record."""
    return str(FIELDS[name])


def column(name: str) -> str:
    """Return the label of a column of customer files."""
    return str(COLUMNS[name])


def columns_by_label() -> dict[str, str]:
    """Return the columns by their label in the reader's language, casefolded."""
    return {str(label).casefold(): name for name, label in COLUMNS.items()}


def yes_no_by_label() -> dict[str, str]:
    """Return "yes" and "no" by their label in the reader's language, casefolded."""
    return {_("yes").casefold(): "yes", _("no").casefold(): "no"}
