"""Error messages of partners: their status, profiles and partnerships."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code
from portal.i18n.formats import plain_day

INVALID: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.NUMBER_PREFIX: lambda f: _(
        "A prefix has at most %(most)s letters, digits, - and /, without spaces.", **f
    ),
    Code.ADDRESS_LINES: lambda f: _("The address has more than %(most)s lines. Shorten it.", **f),
    Code.PICTURE_LARGE: lambda f: _("The file is larger than %(most)s kB. Choose another.", **f),
    Code.PICTURE_FORMAT: lambda f: _(
        "This is no PNG or JPEG picture, or it is animated. Choose another file."
    ),
    Code.PICTURE_SIDE: lambda f: _(
        "A picture has from %(least)s to %(most)s pixels on each side. Choose another.", **f
    ),
    Code.PICTURE_BROKEN: lambda f: _("This picture is broken or incomplete. Save it again."),
}

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.NOT_PARTNER: lambda f: _("This account has no partner status."),
    Code.CUSTOMERS_LIVE: lambda f: _(
        "Partner status stays while there are live customers: %(count)s. End those partnerships "
        "first.",
        **f,
    ),
    Code.PARTNER_OWNS_CLOUDS: lambda f: _("Give other owners first to: %(clouds)s.", **f),
    Code.NUMBER_PREFIX_USED: lambda f: _(
        "Statements have numbers with this prefix. It can’t be changed any more."
    ),
    Code.PARTNERSHIP_NOT_CONFIRMED: lambda f: _(
        "Only a confirmed partnership can be ended; one that waits can be removed."
    ),
    Code.NOTICE_GIVEN: lambda f: _(
        "Notice was given already: the partnership ends on %(day)s. To change the day, withdraw "
        "the notice first.",
        day=plain_day(f["day"]),
    ),
    Code.NOTICE_SHORT: lambda f: _(
        "The notice is too short. The earliest day is %(day)s.", day=plain_day(f["day"])
    ),
    Code.NOTICE_MISSING: lambda f: _(
        "There is no notice to withdraw: it was withdrawn already, or its day has come."
    ),
}
