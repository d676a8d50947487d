"""Error messages of mails: sending an invitation again, settling a delivery, erasing its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code
from portal.i18n.formats import local_time

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.MAIL_LEAVING: lambda f: _(
        "The invitation’s mail is being handed over just now. Try again in a quarter of an hour."
    ),
    Code.MAIL_MAY_ARRIVE: lambda f: _(
        "The email is queued, or it may have arrived, so it can’t be sent again now. Look at the "
        "customer’s page again."
    ),
    Code.DELIVERIES_MANY: lambda f: _(
        "The email was sent %(most)s times, which is the limit. Pass the link on.", **f
    ),
    Code.RESEND_EARLY: lambda f: _("It can be sent again from %(at)s.", at=local_time(f["at"])),
    Code.DELIVERY_NOT_UNKNOWN: lambda f: _(
        "It is already known what became of this email. Look at the list again."
    ),
}
