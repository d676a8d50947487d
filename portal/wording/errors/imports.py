"""Imports: what people read when something is wrong with a file, a row of it, or the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "file-large": lambda f: _(
        "This file has more than %(most)s MB. Split it, and import the parts one after the other.",
        **f,
    ),
    "file-not-csv": lambda f: _(
        "This is a spreadsheet program’s own file. Save it there as “CSV UTF-8”, and upload that."
    ),
    "file-not-utf8": lambda f: _(
        "Row %(row)s, column %(column)s: these characters are not UTF-8. Save the file as "
        "“CSV UTF-8” in the program it comes from, and upload it again.",
        **f,
    ),
    "file-nul": lambda f: _(
        "Row %(row)s, column %(column)s: a NUL character, which no text holds. Save the file anew "
        "as “CSV UTF-8”.",
        **f,
    ),
    "file-quotes": lambda f: _(
        "Row %(row)s, column %(column)s: a quotation mark opens the cell and does not close it, or "
        "text follows the closing one. Inside of a quoted cell each mark is written twice.",
        **f,
    ),
    "file-empty": lambda f: _("The file is empty. Begin with the template."),
    "file-no-rows": lambda f: _("The file has a header and no rows. Add a row for each customer."),
    "file-rows": lambda f: _(
        "The file has more than %(most)s rows. Split it, and import the parts one after the other.",
        **f,
    ),
    "file-row-long": lambda f: _(
        "Row %(row)s has %(cells)s cells, the header names %(columns)s columns. A cell with a "
        "separator in it must stand in quotation marks.",
        **f,
    ),
    "column-unknown": lambda f: _(
        "Row 1, column %(column)s: “%(name)s” is none of the columns below. Correct its name, or "
        "remove the column.",
        **f,
    ),
    "column-twice": lambda f: _(
        "Row 1, column %(column)s: “%(name)s” stands in column %(first)s already. Remove one.", **f
    ),
    "column-missing": lambda f: _(
        "Row 1: the file lacks a column that every customer needs: %(names)s. Add it.",
        names=", ".join(f["names"]),
    ),
    "email-twice": lambda f: _(
        "Row %(row)s has the same address. One address can belong to one of your customers only.",
        **f,
    ),
    "reference-twice": lambda f: _("Row %(row)s has the same reference. Give another.", **f),
    "country-code": lambda f: _(
        "“%(country)s” is no country’s code. Give its two letters, such as DE.", **f
    ),
    "not-yes-no": lambda f: _("This must be yes, no, or empty, which means yes."),
    "manager-unknown": lambda f: _(
        "None of your staff has this address. Correct it, or leave the cell empty."
    ),
    "was-inactive": lambda f: _(
        "This partnership was over where the file comes from. To invite the customer all the same, "
        "empty the cell."
    ),
    "tin-not-meant": lambda f: _(
        "%(twin)s has the same tax number. If that is meant, say so before you import.", **f
    ),
    "imports-many": lambda f: _(
        "%(most)s imports are not over yet. Finish or remove one of them first.", **f
    ),
    "import-not-checked": lambda f: _(
        "This file is not waiting to be imported: it is still being checked, or was imported. Look "
        "at it again."
    ),
    "import-not-begun": lambda f: _("This import has not begun."),
    "import-running": lambda f: _("This import is running. End it first."),
    "import-ended": lambda f: _("The import was ended before this row’s turn."),
    "import-fault": lambda f: _(
        "Something broke on our side; this customer is not added. It is in the log. Try this row "
        "again later."
    ),
}
