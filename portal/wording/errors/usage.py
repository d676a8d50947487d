"""Error messages of usage: about a file, a delivery, or its assignment to clouds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.domain.errors import Code
from portal.i18n.formats import plain_day
from portal.usage_files import Fault

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.USAGE_SOURCE_NAME_TAKEN: lambda f: _("Another source has this name."),
    Code.USAGE_IMPORT_RUNNING: lambda f: _(
        "Another import of this source is running. Try again when it is over."
    ),
    Code.USAGE_IMPORT_DIED: lambda f: _("The import was interrupted. Nothing of it is published."),
    Code.USAGE_ALREADY_THERE: lambda f: _(
        "Already there: what these files say is in force. Nothing was changed."
    ),
    Code.USAGE_APPEND_AGAIN: lambda f: _("These files were appended before and are in force."),
    Code.USAGE_NOT_STAGED: lambda f: _("This delivery doesn’t wait to be published."),
    Code.USAGE_NOT_PUBLISHED: lambda f: _("This delivery is not published."),
    Code.USAGE_DISCARDED: lambda f: _("The delivery was discarded."),
    Code.USAGE_EXPIRED: lambda f: _("Nobody published the delivery in time; it was discarded."),
    Code.USAGE_BAD_ROWS: lambda f: ngettext(
        "%(num)s row is bad. Correct the file, or publish the delivery without it.",
        "%(num)s rows are bad. Correct the files, or publish the delivery without them.",
        f["count"],
    ),
    Code.USAGE_BAD_FETCHED: lambda f: ngettext(
        "%(num)s row of the connection can’t be charged. Nothing of these days is replaced.",
        "%(num)s rows of the connection can’t be charged. Nothing of these days is replaced.",
        f["count"],
    ),
    Code.USAGE_OUTDATED: lambda f: _(
        "Links, assignments or deliveries changed meanwhile. Try again in a moment."
    ),
    Code.USAGE_NO_ROWS: lambda f: _("The delivery has no rows. Remove the old one instead."),
    Code.USAGE_CLOUD_UNKNOWN: lambda f: _("No cloud has this ID, or several have this name."),
    Code.USAGE_NOT_ASSIGNED: lambda f: _("No cloud is assigned."),
    Code.USAGE_ROWS_PURGED: lambda f: _(
        "Rows that this would take back are no longer kept, only their sums. Record a credit."
    ),
    Code.USAGE_MONEY_CHANGED: lambda f: _(
        "Usage was published with another CURRENCY or BILLING_TIME_ZONE. Set them back."
    ),
    Code.USAGE_READ_OTHERWISE: lambda f: _(
        "The files were read with another CURRENCY or BILLING_TIME_ZONE. Import them again."
    ),
    Code.USAGE_SOURCE_CONNECTED: lambda f: _(
        "A connection delivers this source. Choose another source for files."
    ),
    Code.USAGE_NOT_DELIVERED: lambda f: _(
        "No test has found that this connection delivers usage. Test it."
    ),
    Code.USAGE_NOT_SAMPLED: lambda f: _("Only connections that are sampled have rates."),
    Code.USAGE_DAYS: lambda f: _(
        "Choose a day from %(first)s to %(last)s.",
        first=plain_day(f["first"]),
        last=plain_day(f["last"]),
    ),
    Code.USAGE_RATES_EARLY: lambda f: _(
        "Choose a day from %(first)s on: older ones are not delivered again.",
        first=plain_day(f["first"]),
    ),
    Code.USAGE_FILE: lambda f: FAULTS[f["fault"]](f),
}

FAULTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Fault.EMPTY: lambda f: _("%(file)s is empty.", **f),
    Fault.EXCEL: lambda f: _(
        "%(file)s is a spreadsheet or ZIP file. Save it as CSV, or unpack it.", **f
    ),
    Fault.UTF16: lambda f: _("%(file)s is UTF-16. Save it as CSV in UTF-8.", **f),
    Fault.NOT_UTF8: lambda f: _("%(file)s is not UTF-8. Save it as CSV in UTF-8.", **f),
    Fault.NUL: lambda f: _(
        "%(file)s contains the character NUL, so it is not a CSV file or was damaged.", **f
    ),
    Fault.GZIP_CUT: lambda f: _(
        "%(file)s ends in the middle. Download it again; it is not complete.", **f
    ),
    Fault.GZIP_BROKEN: lambda f: _(
        "%(file)s is damaged: its checksum is wrong. Download it again.", **f
    ),
    Fault.TOO_LARGE: lambda f: _(
        "%(file)s is too large when it is unpacked: at most %(most)s MB, and 250 times its size.",
        **f,
    ),
    Fault.BROKEN_PARQUET: lambda f: _("%(file)s can’t be read as Parquet.", **f),
    Fault.CHANGED: lambda f: _(
        "%(file)s changed while it was read. Import it again when it is complete.", **f
    ),
    Fault.QUOTES: lambda f: _(
        "A quotation mark in %(file)s is never closed, so its rows can’t be told apart.", **f
    ),
    Fault.COLUMN_TWICE: lambda f: _("%(file)s has two columns named %(column)s.", **f),
    Fault.COLUMNS_MISSING: lambda f: _("%(file)s lacks the columns %(columns)s.", **f),
    Fault.AMOUNTS_LARGE: lambda f: _(
        "The amounts in %(file)s are more than nine trillion together.", **f
    ),
    Fault.NO_SPACE: lambda f: _(
        "There is not enough memory, or space for temporary files, to read %(file)s.", **f
    ),
}
"""Why a file can’t be read."""
