"""Error messages of imports: about a file, a row of it, or the state of the import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from portal.domain.errors import Code

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    Code.FILE_LARGE: lambda f: _(
        "This file has more than %(most)s MB. Split it, and import the parts one after the other.",
        **f,
    ),
    Code.FILE_NOT_CSV: lambda f: _(
        "This is a spreadsheet program’s own file. Save it there as “CSV UTF-8”, and upload that."
    ),
    Code.FILE_NOT_UTF8: lambda f: _(
        "Row %(row)s, column %(column)s: these characters are not UTF-8. Save the file as "
        "“CSV UTF-8” in the program it comes from, and upload it again.",
        **f,
    ),
    Code.FILE_NUL: lambda f: _(
        "Row %(row)s, column %(column)s: a NUL character, which no text holds. Save the file again "
        "as “CSV UTF-8”.",
        **f,
    ),
    Code.FILE_QUOTES: lambda f: _(
        "Row %(row)s, column %(column)s: a quotation mark opens the cell and does not close it, or "
        "text follows the closing one. Inside of a quoted cell each mark is written twice.",
        **f,
    ),
    Code.FILE_EMPTY: lambda f: _("The file is empty. Begin with the template."),
    Code.FILE_NO_ROWS: lambda f: _(
        "The file has a header and no rows. Add a row for each customer."
    ),
    Code.FILE_ROWS: lambda f: _(
        "The file has more than %(most)s rows. Split it, and import the parts one after the other.",
        **f,
    ),
    Code.FILE_ROW_LONG: lambda f: _(
        "Row %(row)s has %(cells)s cells, the header names %(columns)s columns. A cell with a "
        "separator in it must be in quotation marks.",
        **f,
    ),
    Code.COLUMN_UNKNOWN: lambda f: _(
        "Row 1, column %(column)s: “%(name)s” is none of the columns below. Correct its name, or "
        "remove the column.",
        **f,
    ),
    Code.COLUMN_TWICE: lambda f: _(
        "Row 1, column %(column)s: “%(name)s” is in column %(first)s already. Remove one.", **f
    ),
    Code.COLUMN_MISSING: lambda f: _(
        "Row 1: the file lacks a column that every customer needs: %(names)s. Add it.",
        names=", ".join(f["names"]),
    ),
    Code.EMAIL_TWICE: lambda f: _(
        "Row %(row)s has the same address. One address can belong to one of your customers only.",
        **f,
    ),
    Code.REFERENCE_TWICE: lambda f: _("Row %(row)s has the same reference. Give another.", **f),
    Code.COUNTRY_CODE: lambda f: _(
        "“%(country)s” is no country’s code. Give its two letters, such as DE.", **f
    ),
    Code.NOT_YES_NO: lambda f: _("This must be yes, no, or empty, which means yes."),
    Code.MANAGER_UNKNOWN: lambda f: _(
        "None of your staff has this address. Correct it, or leave the cell empty."
    ),
    Code.WAS_INACTIVE: lambda f: _(
        "This partnership was over where the file comes from. To invite the customer all the same, "
        "empty the cell."
    ),
    Code.TIN_NOT_MEANT: lambda f: _(
        "%(twin)s has the same tax number. If that is meant, say so before you import.", **f
    ),
    Code.IMPORTS_MANY: lambda f: _(
        "%(most)s imports are not over yet. Finish or remove one of them first.", **f
    ),
    Code.IMPORT_NOT_CHECKED: lambda f: _(
        "This file is not waiting to be imported: it is still being checked, or was imported. Look "
        "at it again."
    ),
    Code.IMPORT_NOT_BEGUN: lambda f: _("This import has not begun."),
    Code.IMPORT_RUNNING: lambda f: _("This import is running. End it first."),
    Code.IMPORT_ENDED: lambda f: _("The import was ended before this row’s turn."),
    Code.IMPORT_CANCELLED: lambda f: _(
        "An operator of this portal cancelled the import before this row’s turn. Ask them why, or "
        "upload the row again."
    ),
    Code.IMPORT_FAULT: lambda f: _(
        "Something broke on our side; this customer is not added. It is in the log. Try this row "
        "again later."
    ),
}
