"""Audit log wording: a title and a sentence for each action, and the actor's name.

A test checks that every action recorded by the code has both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext

from portal.domain.actions import Action
from portal.i18n.formats import iso_day
from portal.wording import budgets, claims, connections, partners, prices, statements, usage
from portal.wording.clouds import TASKS
from portal.wording.labels import BLOCK_REASONS, NOT_ARRIVED_REASONS, field, role

Facts = Mapping[str, Any]


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


def _with_stop(facts: Facts, sentence: str) -> str:
    stopped = _("All its instances were to be stopped.") if facts.get("stop") else ""
    return f"{sentence} {stopped}".strip()


TITLES = {
    Action.ACCOUNT_CREATE: lazy_gettext("Account opened"),
    Action.ACCOUNT_SWITCH_TO_PAID: lazy_gettext("Switched to paid"),
    **partners.AUDIT_TITLES,
    **(budgets.AUDIT_TITLES | prices.AUDIT_TITLES | statements.AUDIT_TITLES),
    Action.ACCESS_GRANT: lazy_gettext("Role given"),
    Action.ACCESS_CHANGE: lazy_gettext("Role changed"),
    Action.ACCESS_REVOKE: lazy_gettext("Role taken back"),
    Action.CUSTOMER_ADD: lazy_gettext("Customer added"),
    Action.CUSTOMER_EDIT: lazy_gettext("Record edited"),
    Action.CUSTOMER_CORRECT_ADDRESS: lazy_gettext("Address corrected"),
    Action.CUSTOMER_SUSPEND: lazy_gettext("Customer suspended"),
    Action.CUSTOMER_RESUME: lazy_gettext("Customer resumed"),
    Action.CUSTOMER_REMOVE: lazy_gettext("Customer removed"),
    Action.CUSTOMER_ERASE: lazy_gettext("Personal values erased"),
    Action.PARTNERSHIP_END: lazy_gettext("Partnership ended"),
    Action.PARTNERSHIP_GIVE_NOTICE: lazy_gettext("Notice given"),
    Action.PARTNERSHIP_WITHDRAW_NOTICE: lazy_gettext("Notice withdrawn"),
    Action.INVITATION_COPY_LINK: lazy_gettext("Confirmation link copied"),
    Action.INVITATION_ACCEPT: lazy_gettext("Partnership confirmed"),
    Action.INVITATION_DECLINE: lazy_gettext("Partnership declined"),
    Action.INVITATION_SEND_AGAIN: lazy_gettext("Invitation’s email sent again"),
    Action.DELIVERY_ARRIVED: lazy_gettext("Email found to have arrived"),
    Action.DELIVERY_NOT_ARRIVED: lazy_gettext("Email found not to have arrived"),
    Action.NOTE_ADD: lazy_gettext("Note written"),
    Action.NOTE_DELETE: lazy_gettext("Note deleted"),
    Action.IMPORT_UPLOAD: lazy_gettext("File uploaded"),
    Action.IMPORT_BEGIN: lazy_gettext("Import begun"),
    Action.IMPORT_END: lazy_gettext("Import ended"),
    Action.IMPORT_REMOVE: lazy_gettext("File removed"),
    Action.CLOUD_CREATE: lazy_gettext("Cloud created"),
    Action.CLOUD_RENAME: lazy_gettext("Cloud renamed"),
    Action.CLOUD_LIMIT: lazy_gettext("Limits of a cloud changed"),
    Action.CLOUD_CLOSE: lazy_gettext("Cloud to be closed"),
    Action.CLOUD_RESTORE: lazy_gettext("Cloud restored"),
    Action.CLOUD_CLOSED: lazy_gettext("Cloud closed"),
    Action.CLOUD_CARRY_OUT: lazy_gettext("Carried out at the cloud"),
    Action.CLOUD_CARRY_OUT_FAULT: lazy_gettext("Can’t be carried out at the cloud"),
    **claims.AUDIT_TITLES,
    **connections.AUDIT_TITLES,
    Action.CLOUD_LINK: lazy_gettext("Cloud linked"),
    Action.CLOUD_LEAVE: lazy_gettext("Cloud linked elsewhere"),
    Action.CLOUD_ACCESS_GRANT: lazy_gettext("Role on a cloud given"),
    Action.CLOUD_ACCESS_CHANGE: lazy_gettext("Role on a cloud changed"),
    Action.CLOUD_ACCESS_REVOKE: lazy_gettext("Role on a cloud taken back"),
    Action.CLOUD_ACCESS_REVOKE_PARTNER: lazy_gettext("Partner’s access to a cloud revoked"),
    Action.CLOUD_GET_ACCESS: lazy_gettext("Access to a cloud ordered"),
    Action.CLOUD_SHOW_ACCESS: lazy_gettext("Secret of an access shown"),
    Action.CLOUD_WITHDRAW_ACCESS: lazy_gettext("Access to a cloud withdrawn"),
    Action.MEMBERSHIP_GRANT: lazy_gettext("Role carried out at the cloud"),
    Action.MEMBERSHIP_REVOKE: lazy_gettext("Access revoked at the cloud"),
    Action.MEMBERSHIP_MAKE_ACCESS: lazy_gettext("Access made at the cloud"),
    Action.MEMBERSHIP_END_ACCESS: lazy_gettext("Access ended at the cloud"),
    Action.FOLDER_CREATE: lazy_gettext("Folder created"),
    Action.FOLDER_RENAME: lazy_gettext("Folder renamed"),
    Action.USER_CREATE: lazy_gettext("Person registered"),
    Action.USER_ALLOW: lazy_gettext("Address allowed to sign up"),
    Action.USER_OPERATOR: lazy_gettext("Operator appointed"),
    Action.USER_EDIT: lazy_gettext("Profile edited"),
    Action.USER_CHANGE_EMAIL: lazy_gettext("E-mail changed"),
    Action.USER_CHANGE_PASSWORD: lazy_gettext("Password changed"),
    Action.USER_RESET_PASSWORD: lazy_gettext("Forgotten password replaced"),
    Action.USER_DISABLE: lazy_gettext("Person disabled"),
    Action.USER_ENABLE: lazy_gettext("Person enabled"),
    Action.USER_BLOCK: lazy_gettext("Person blocked"),
    Action.USER_UNBLOCK: lazy_gettext("Person unblocked"),
    Action.USER_END_SESSIONS: lazy_gettext("Sessions ended by an operator"),
    Action.USER_MAP: lazy_gettext("Identity of a person at a connection set"),
    Action.JOB_RUN_AGAIN: lazy_gettext("Job run again"),
    Action.JOB_CANCEL: lazy_gettext("Job cancelled"),
    Action.CONNECTION_ADD: lazy_gettext("Connection added"),
    Action.CONNECTION_CHANGE: lazy_gettext("Settings of a connection changed"),
    Action.CONNECTION_TEST: lazy_gettext("Connection tested"),
    Action.CONNECTION_DEFAULT: lazy_gettext("Connection made the default"),
    Action.CONNECTION_CLOSE: lazy_gettext("Connection closed"),
    Action.CONNECTION_LIMIT: lazy_gettext("Limits of a connection’s new clouds changed"),
    Action.CONNECTION_RECONCILE: lazy_gettext("Connection compared with the portal"),
    Action.CONNECTION_REKEY: lazy_gettext("Credentials of a connection sealed with a new key"),
    **usage.AUDIT_TITLES,
    Action.MONEY_PAYMENT: lazy_gettext("Payment recorded"),
    Action.MONEY_CREDIT: lazy_gettext("Credit recorded"),
    Action.MONEY_LOT: lazy_gettext("Grant given"),
    Action.MONEY_COUNTER: lazy_gettext("Entry countered"),
    Action.AUDIT_KEYED: lazy_gettext("Key of the audit log changed"),
}
"""The name of each action, as filters list it."""

INSTALLATION_ACTIONS = {
    action for action in TITLES if action.startswith(("user.", "job.", "connection.", "usage."))
}
"""Actions recorded in the installation's chain, not in an account's."""

SENTENCES: dict[str, Callable[[Facts], str]] = {
    Action.ACCOUNT_CREATE: lambda f: _("The account was opened."),
    Action.ACCOUNT_SWITCH_TO_PAID: lambda f: _("The account was switched from trial to paid."),
    **partners.AUDIT_SENTENCES,
    **(budgets.AUDIT_SENTENCES | prices.AUDIT_SENTENCES | statements.AUDIT_SENTENCES),
    Action.ACCESS_GRANT: lambda f: _(
        "%(person)s came onto the staff, as %(role)s.", person=f["about"], role=role(f["role"])
    ),
    Action.ACCESS_CHANGE: lambda f: _(
        "%(person)s’s role was changed to %(role)s.", person=f["about"], role=role(f["role"])
    ),
    Action.ACCESS_REVOKE: lambda f: _("%(person)s was removed from the staff.", person=f["about"]),
    Action.CUSTOMER_ADD: lambda f: _("The customer was added and invited."),
    Action.CUSTOMER_EDIT: lambda f: _(
        "The record was edited: %(fields)s.", fields=", ".join(map(field, f["fields"]))
    ),
    Action.CUSTOMER_CORRECT_ADDRESS: lambda f: _(
        "The invited address was corrected; a new record took this one’s place."
    ),
    Action.CUSTOMER_SUSPEND: lambda f: _("The customer was suspended."),
    Action.CUSTOMER_RESUME: lambda f: _("The customer was resumed."),
    Action.CUSTOMER_REMOVE: lambda f: _("The customer was removed before answering."),
    Action.CUSTOMER_ERASE: lambda f: _("The customer’s personal values were erased."),
    Action.PARTNERSHIP_END: lambda f: _("The partnership was ended."),
    Action.PARTNERSHIP_GIVE_NOTICE: lambda f: _(
        "Notice was given: the partnership ends on %(day)s.", day=iso_day(f["ends_on"])
    ),
    Action.PARTNERSHIP_WITHDRAW_NOTICE: lambda f: _(
        "The notice for %(day)s was withdrawn.", day=iso_day(f["ends_on"])
    ),
    Action.INVITATION_COPY_LINK: lambda f: _("The confirmation link was copied, to pass it on."),
    Action.INVITATION_ACCEPT: lambda f: _("The customer confirmed the partnership."),
    Action.INVITATION_DECLINE: lambda f: _("The customer declined the partnership."),
    Action.INVITATION_SEND_AGAIN: lambda f: _("The invitation’s email was queued again."),
    Action.DELIVERY_ARRIVED: lambda f: _("An operator found that the invitation’s email arrived."),
    Action.DELIVERY_NOT_ARRIVED: lambda f: _(
        "An operator found that the invitation’s email did not arrive: %(reason)s.",
        reason=NOT_ARRIVED_REASONS[f["reason"]],
    ),
    Action.NOTE_ADD: lambda f: _("A note was written."),
    Action.NOTE_DELETE: lambda f: _("A note was deleted."),
    Action.IMPORT_UPLOAD: lambda f: _(
        "A file of customers was uploaded to be checked; rows: %(rows)s.", rows=f["rows"]
    ),
    Action.IMPORT_BEGIN: lambda f: _(
        "An import of customers was begun; rows to add: %(rows)s.", rows=f["rows"]
    ),
    Action.IMPORT_END: lambda f: _("An import of customers was ended early."),
    Action.IMPORT_REMOVE: lambda f: _("A file of customers was removed."),
    Action.CLOUD_CREATE: lambda f: _("A cloud was created: %(id)s.", id=f["thing"]),
    Action.CLOUD_RENAME: lambda f: _("The cloud %(id)s was renamed.", id=f["thing"]),
    Action.CLOUD_LIMIT: lambda f: _("The limits of the cloud %(id)s were changed.", id=f["thing"]),
    Action.CLOUD_CLOSE: lambda f: _("The cloud %(id)s was to be closed.", id=f["thing"]),
    Action.CLOUD_RESTORE: lambda f: _("The cloud %(id)s was restored.", id=f["thing"]),
    Action.CLOUD_CLOSED: lambda f: _("The cloud %(id)s was closed.", id=f["thing"]),
    Action.CLOUD_CARRY_OUT: lambda f: _(
        "Carried out for the cloud %(id)s: %(tasks)s.",
        id=f["thing"],
        tasks=", ".join(str(TASKS[task]) for task in f["tasks"]),
    ),
    Action.CLOUD_CARRY_OUT_FAULT: lambda f: _(
        "What is agreed for the cloud %(id)s can’t be carried out.", id=f["thing"]
    ),
    Action.CLOUD_LINK: lambda f: _("The cloud %(id)s was linked to this account.", id=f["thing"]),
    Action.CLOUD_LEAVE: lambda f: _(
        "The cloud %(id)s was linked to another account.", id=f["thing"]
    ),
    Action.CLOUD_ACCESS_GRANT: lambda f: _(
        "%(role)s was given on the cloud %(id)s.", role=f["role"], id=f["thing"]
    ),
    Action.CLOUD_ACCESS_CHANGE: lambda f: _(
        "A role on the cloud %(id)s was changed to %(role)s.", role=f["role"], id=f["thing"]
    ),
    Action.CLOUD_ACCESS_REVOKE: lambda f: _with_stop(
        f, _("A role on the cloud %(id)s was taken back.", id=f["thing"])
    ),
    Action.CLOUD_ACCESS_REVOKE_PARTNER: lambda f: _with_stop(
        f, _("The partner’s access to the cloud %(id)s was revoked.", id=f["thing"])
    ),
    Action.CLOUD_GET_ACCESS: lambda f: _(
        "A person ordered access to the cloud %(id)s.", id=f["thing"]
    ),
    Action.CLOUD_SHOW_ACCESS: lambda f: _(
        "A person saw the secret of their access to the cloud %(id)s.", id=f["thing"]
    ),
    Action.CLOUD_WITHDRAW_ACCESS: lambda f: _(
        "An access to the cloud %(id)s was withdrawn.", id=f["thing"]
    ),
    Action.MEMBERSHIP_GRANT: lambda f: _(
        "Carried out at the cloud %(id)s: a person is %(role)s.",
        id=f["thing"],
        role=role(f["role"]),
    ),
    Action.MEMBERSHIP_REVOKE: lambda f: _(
        "Carried out at the cloud %(id)s: a person’s access is revoked.", id=f["thing"]
    ),
    Action.MEMBERSHIP_MAKE_ACCESS: lambda f: _(
        "Carried out at the cloud %(id)s: an access is made.", id=f["thing"]
    ),
    Action.MEMBERSHIP_END_ACCESS: lambda f: _(
        "Carried out at the cloud %(id)s: an access is ended.", id=f["thing"]
    ),
    **claims.AUDIT_SENTENCES,
    **connections.AUDIT_SENTENCES,
    Action.FOLDER_CREATE: lambda f: _("A folder was created in the cloud %(id)s.", id=f["cloud"]),
    Action.FOLDER_RENAME: lambda f: _("A folder was renamed in the cloud %(id)s.", id=f["cloud"]),
    Action.USER_CREATE: lambda f: _("A person registered."),
    Action.USER_ALLOW: lambda f: _("An address was allowed to sign up."),
    Action.USER_OPERATOR: lambda f: _("A person was made operator."),
    Action.USER_EDIT: lambda f: _("A person edited their profile."),
    Action.USER_CHANGE_EMAIL: lambda f: _("A person changed their address."),
    Action.USER_CHANGE_PASSWORD: lambda f: _("A person changed their password."),
    Action.USER_RESET_PASSWORD: lambda f: _("A person replaced a forgotten password."),
    Action.USER_DISABLE: lambda f: _("A person was disabled."),
    Action.USER_ENABLE: lambda f: _("A person was enabled again."),
    Action.USER_BLOCK: lambda f: _(
        "A person was blocked: %(reason)s.", reason=BLOCK_REASONS[f["reason"]]
    ),
    Action.USER_UNBLOCK: lambda f: _("A person was unblocked."),
    Action.USER_END_SESSIONS: lambda f: _("An operator ended all sessions of a person."),
    Action.USER_MAP: lambda f: _(
        "An operator set as whom a person signs in at the connection %(id)s.", id=f["connection"]
    ),
    Action.JOB_RUN_AGAIN: lambda f: _("A job was run again: %(id)s.", id=f["thing"]),
    Action.JOB_CANCEL: lambda f: _("A job was cancelled: %(id)s.", id=f["thing"]),
    Action.CONNECTION_ADD: lambda f: _("A connection was added: %(id)s.", id=f["thing"]),
    Action.CONNECTION_CHANGE: lambda f: _(
        "The settings of a connection were changed: %(id)s.", id=f["thing"]
    ),
    Action.CONNECTION_TEST: lambda f: _("A connection was tested: %(id)s.", id=f["thing"]),
    Action.CONNECTION_DEFAULT: lambda f: _(
        "A connection was made the default for new clouds: %(id)s.", id=f["thing"]
    ),
    Action.CONNECTION_CLOSE: lambda f: _(
        "A connection was closed for new clouds: %(id)s.", id=f["thing"]
    ),
    **usage.AUDIT_SENTENCES,
    Action.MONEY_PAYMENT: lambda f: _("A payment was recorded: entry %(n)s.", n=f["entry"]),
    Action.MONEY_CREDIT: lambda f: _("A credit was recorded: entry %(n)s.", n=f["entry"]),
    Action.MONEY_LOT: lambda f: _("A further grant was given: %(id)s.", id=f["thing"]),
    Action.MONEY_COUNTER: lambda f: _("An entry was countered: entry %(n)s.", n=f["entry"]),
    Action.AUDIT_KEYED: lambda f: _("From here on, lines are signed with the installation’s key."),
}
"""The sentence of each action with its facts; the actor is shown separately."""


def describe(line: Any) -> str:
    """Return an audit line as a sentence. `line` has action, thing, facts and optionally `about`,
    the name of the person affected."""
    facts = {**line.facts, "thing": line.thing}
    facts["about"] = getattr(line, "about", None) or line.thing
    return SENTENCES[line.action](facts)


def actor_name(name: str | None, actor: str) -> str:
    """Return the person's name, or the name of a system actor."""
    if name:
        return name
    return {"command": _("An operator’s command"), "newcomer": _("A newcomer")}.get(
        actor, _("The portal itself")
    )
