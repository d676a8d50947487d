"""Words of partners: fields of their profiles, and lines of the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from portal.domain.actions import Action
from portal.wording import labels

FIELDS = {
    "legal_name": labels.FIELDS["longname"],
    "country": labels.FIELDS["country"],
    "tin": labels.FIELDS["tin"],
    "address": lazy_gettext("address"),
    "postal_code": labels.FIELDS["post_code"],
    "city": lazy_gettext("city"),
    "contact_person": lazy_gettext("contact person"),
    "support_email": lazy_gettext("support e-mail"),
    "phone": labels.FIELDS["phone"],
    "number_prefix": lazy_gettext("number prefix"),
}

AUDIT_TITLES = {
    Action.PARTNER_GRANT: lazy_gettext("Partner status given"),
    Action.PARTNER_REVOKE: lazy_gettext("Partner status taken back"),
    Action.PARTNER_EDIT_PROFILE: lazy_gettext("Firm’s profile edited"),
    Action.PARTNER_SET_LOGO: lazy_gettext("Logo set"),
    Action.PARTNER_REMOVE_LOGO: lazy_gettext("Logo removed"),
}

AUDIT_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Action.PARTNER_GRANT: lambda f: _("The account got partner status."),
    Action.PARTNER_REVOKE: lambda f: _("The account lost partner status."),
    Action.PARTNER_EDIT_PROFILE: lambda f: _(
        "The firm’s profile was edited: %(fields)s.",
        fields=", ".join(str(FIELDS[name]) for name in f["fields"]),
    ),
    Action.PARTNER_SET_LOGO: lambda f: _("The firm’s logo was set."),
    Action.PARTNER_REMOVE_LOGO: lambda f: _("The firm’s logo was removed."),
}
