"""Quoting what others wrote in a mail."""

from __future__ import annotations

from flask_babel import gettext as _

from portal.domain import values


def quoted(name: str) -> str:
    """Return a name that somebody else chose for the body of a mail: in quotation marks, without
    links, cut to `values.MAX_QUOTE_LENGTH`. Subjects never contain it."""
    return str(_("“%(name)s”", name=values.quote(name)))
