"""Error messages of partners' profiles and their logos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code

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
    Code.NUMBER_PREFIX_USED: lambda f: _(
        "Statements have numbers with this prefix. It can’t be changed any more."
    ),
}
