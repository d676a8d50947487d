"""Error messages of limits: how often something may be done, and from when it works again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code
from portal.i18n.formats import local_time

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.LOOK_UPS_MANY: lambda f: _(
        "Too many addresses without an account were entered here within 24 hours. No address is "
        "looked up until %(at)s.",
        at=local_time(f["at"]),
    ),
    Code.INVITATIONS_TO_ADDRESS: lambda f: _(
        "This address was invited %(most)s times within 24 hours, which is the limit. Invite it "
        "again tomorrow, or pass the link on.",
        **f,
    ),
}
