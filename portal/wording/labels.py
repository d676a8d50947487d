"""What was done, as people read it: a phrase for each action of the audit log; words for roles.

One catalogue; a test holds it complete against every line that the code records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext, lazy_gettext, lazy_pgettext

Facts = Mapping[str, Any]


def _(text: str, **facts: Any) -> str:
    return str(gettext(text, **facts))


N_ = str
"""Marks a text that is kept in English, and translated where it is shown."""

TITLES = {
    "account.create": lazy_gettext("Account opened"),
    "account.switch_to_paid": lazy_gettext("Switched to paid"),
    "partner.grant": lazy_gettext("Partner status given"),
    "partner.revoke": lazy_gettext("Partner status taken back"),
    "access.grant": lazy_gettext("Role given"),
    "access.change": lazy_gettext("Role changed"),
    "access.revoke": lazy_gettext("Role taken back"),
    "customer.add": lazy_gettext("Customer added"),
    "customer.edit": lazy_gettext("Record edited"),
    "customer.correct_address": lazy_gettext("Address corrected"),
    "customer.suspend": lazy_gettext("Customer suspended"),
    "customer.resume": lazy_gettext("Customer resumed"),
    "customer.remove": lazy_gettext("Customer removed"),
    "customer.erase": lazy_gettext("Personal values erased"),
    "partnership.end": lazy_gettext("Partnership ended"),
    "invitation.copy_link": lazy_gettext("Confirmation link copied"),
    "invitation.accept": lazy_gettext("Partnership confirmed"),
    "invitation.decline": lazy_gettext("Partnership declined"),
    "note.add": lazy_gettext("Note written"),
    "note.delete": lazy_gettext("Note deleted"),
    "import.upload": lazy_gettext("File uploaded"),
    "import.begin": lazy_gettext("Import begun"),
    "import.end": lazy_gettext("Import ended"),
    "import.remove": lazy_gettext("File removed"),
    "cloud.create": lazy_gettext("Cloud created"),
    "cloud.rename": lazy_gettext("Cloud renamed"),
    "cloud.link": lazy_gettext("Cloud linked"),
    "cloud.leave": lazy_gettext("Cloud linked elsewhere"),
    "cloud_access.grant": lazy_gettext("Role on a cloud given"),
    "cloud_access.change": lazy_gettext("Role on a cloud changed"),
    "cloud_access.revoke": lazy_gettext("Role on a cloud taken back"),
    "cloud_access.revoke_partner": lazy_gettext("Partner’s access to a cloud revoked"),
    "folder.create": lazy_gettext("Folder created"),
    "folder.rename": lazy_gettext("Folder renamed"),
    "user.create": lazy_gettext("Person registered"),
    "user.allow": lazy_gettext("Address allowed to sign up"),
    "user.operator": lazy_gettext("Operator appointed"),
    "user.edit": lazy_gettext("Profile edited"),
    "user.change_email": lazy_gettext("E-mail changed"),
    "user.change_password": lazy_gettext("Password changed"),
    "user.reset_password": lazy_gettext("Forgotten password replaced"),
    "user.disable": lazy_gettext("Person disabled"),
    "user.enable": lazy_gettext("Person enabled"),
}
"""What an action is called, where one chooses it."""

OF_THE_INSTALLATION = {action for action in TITLES if action.startswith("user.")}
"""Actions that stand in no account's chain."""

SENTENCES: dict[str, Callable[[Facts], str]] = {
    "account.create": lambda f: _("The account was opened."),
    "account.switch_to_paid": lambda f: _("The account was switched from trial to paid."),
    "partner.grant": lambda f: _("The account got partner status."),
    "partner.revoke": lambda f: _("The account lost partner status."),
    "access.grant": lambda f: _(
        "%(person)s came onto the staff, as %(role)s.", person=f["about"], role=role(f["role"])
    ),
    "access.change": lambda f: _(
        "%(person)s’s role was changed to %(role)s.", person=f["about"], role=role(f["role"])
    ),
    "access.revoke": lambda f: _("%(person)s was removed from the staff.", person=f["about"]),
    "customer.add": lambda f: _("The customer was added and invited."),
    "customer.edit": lambda f: _(
        "The record was edited: %(fields)s.", fields=", ".join(map(field, f["fields"]))
    ),
    "customer.correct_address": lambda f: _(
        "The invited address was corrected; a new record took this one’s place."
    ),
    "customer.suspend": lambda f: _("The customer was suspended."),
    "customer.resume": lambda f: _("The customer was resumed."),
    "customer.remove": lambda f: _("The customer was removed before answering."),
    "customer.erase": lambda f: _("The customer’s personal values were erased."),
    "partnership.end": lambda f: _("The partnership was ended."),
    "invitation.copy_link": lambda f: _("The confirmation link was copied, to pass it on."),
    "invitation.accept": lambda f: _("The customer confirmed the partnership."),
    "invitation.decline": lambda f: _("The customer declined the partnership."),
    "note.add": lambda f: _("A note was written."),
    "note.delete": lambda f: _("A note was deleted."),
    "import.upload": lambda f: _(
        "A file of customers was uploaded to be checked; rows: %(rows)s.", rows=f["rows"]
    ),
    "import.begin": lambda f: _(
        "An import of customers was begun; rows to add: %(rows)s.", rows=f["rows"]
    ),
    "import.end": lambda f: _("An import of customers was ended early."),
    "import.remove": lambda f: _("A file of customers was removed."),
    "cloud.create": lambda f: _("A cloud was created: %(id)s.", id=f["thing"]),
    "cloud.rename": lambda f: _("The cloud %(id)s was renamed.", id=f["thing"]),
    "cloud.link": lambda f: _("The cloud %(id)s was linked to this account.", id=f["thing"]),
    "cloud.leave": lambda f: _("The cloud %(id)s was linked to another account.", id=f["thing"]),
    "cloud_access.grant": lambda f: _(
        "%(role)s was given on the cloud %(id)s.", role=f["role"], id=f["thing"]
    ),
    "cloud_access.change": lambda f: _(
        "A role on the cloud %(id)s was changed to %(role)s.", role=f["role"], id=f["thing"]
    ),
    "cloud_access.revoke": lambda f: _("A role on the cloud %(id)s was taken back.", id=f["thing"]),
    "cloud_access.revoke_partner": lambda f: _(
        "The partner’s access to the cloud %(id)s was revoked.", id=f["thing"]
    ),
    "folder.create": lambda f: _("A folder was created in the cloud %(id)s.", id=f["cloud"]),
    "folder.rename": lambda f: _("A folder was renamed in the cloud %(id)s.", id=f["cloud"]),
    "user.create": lambda f: _("A person registered."),
    "user.allow": lambda f: _("An address was allowed to sign up."),
    "user.operator": lambda f: _("A person was made operator."),
    "user.edit": lambda f: _("A person edited their profile."),
    "user.change_email": lambda f: _("A person changed their address."),
    "user.change_password": lambda f: _("A person changed their password."),
    "user.reset_password": lambda f: _("A person replaced a forgotten password."),
    "user.disable": lambda f: _("A person was disabled."),
    "user.enable": lambda f: _("A person was enabled again."),
}
"""An action with its facts, as a sentence; who did it stands beside."""

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
"""Columns of a file of customers."""

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
    "account.see": lazy_gettext("See the account, its customers with their notes, its activity"),
    "cloud.create": lazy_gettext("Create a cloud"),
    "cloud.link": lazy_gettext("Link a cloud to the account"),
    "customer.add": lazy_gettext("Add a customer"),
    "customer.edit": lazy_gettext("Edit a customer’s record, correct its address"),
    "customer.suspend": lazy_gettext("Suspend a customer"),
    "customer.resume": lazy_gettext("Resume a customer"),
    "customer.remove": lazy_gettext("Remove an unconfirmed customer"),
    "partnership.end": lazy_gettext("End a partnership"),
    "note.add": lazy_gettext("Write notes, delete one’s own"),
    "note.delete": lazy_gettext("Delete anybody’s notes"),
    "access.manage": lazy_gettext("Add staff, change their roles, remove them"),
    "access.manage_owners": lazy_gettext("Make somebody owner, change or remove an owner"),
    "account.switch_to_paid": lazy_gettext("Switch to paid"),
    "cloud.see": lazy_gettext("See the cloud, its folders and who pays for it"),
    "cloud.rename": lazy_gettext("Rename the cloud"),
    "folder.create": lazy_gettext("Create a folder"),
    "folder.rename": lazy_gettext("Rename a folder"),
    "cloud.manage_access": lazy_gettext("See who has access, give and revoke it"),
    "cloud.relink": lazy_gettext("Link the cloud to another account (with editor or higher there)"),
}
"""What the role tables' actions let one do."""


OF_DELIVERY = {
    N_("MAIL_SERVER is not set"),
    N_("kept as a file: no mail server is configured"),
    N_("the mail worker ended at every try; see its log"),
    N_("the relay was too slow: the time for handing over ran out"),
}
"""What the portal itself notes of a mail, in the words in which it is kept."""


def done(line: Any) -> str:
    """An audit line as a sentence; `line` has its action, thing and facts, and may know whom it
    was done to."""
    facts = {**line.facts, "thing": line.thing}
    facts["about"] = getattr(line, "about", None) or line.thing
    return SENTENCES[line.action](facts)


def who(name: str | None, actor: str) -> str:
    """Who did it: a person's name, or what stands for a system actor."""
    if name:
        return name
    return {"command": _("An operator’s command"), "newcomer": _("A newcomer")}.get(
        actor, _("The portal itself")
    )


def delivery(words: str) -> str:
    """What is noted of a mail: in the portal's own words or, as they are, in the mail server's."""
    fault = words.removeprefix("internal fault: ")
    if fault != words:
        return _("internal fault: %(name)s", name=fault)
    return _(words) if words in OF_DELIVERY else words


def role(code: str) -> str:
    """A role on an account or a cloud, in a word."""
    return str(ROLES.get(code) or CLOUD_ROLES[code])


def field(name: str) -> str:
    """A field of a customer's record."""
    return str(FIELDS[name])


def column(name: str) -> str:
    """A column of a file of customers."""
    return str(COLUMNS[name])


def columns_by_word() -> dict[str, str]:
    """The columns by what the reader calls them, in small letters."""
    return {str(word).casefold(): name for name, word in COLUMNS.items()}


def answers_by_word() -> dict[str, str]:
    """Yes and no as the reader says them, in small letters."""
    return {_("yes").casefold(): "yes", _("no").casefold(): "no"}
