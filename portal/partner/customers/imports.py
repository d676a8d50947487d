"""*Import CSV*: upload a file, review its rows, and follow the import by the worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.file import FileField
from wtforms import BooleanField, ValidationError

from portal import config, db, web
from portal.domain import access, customers, imports, policy
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.errors import Code, Refused
from portal.domain.imports import Import, ImportRow, Line, Outcome, State
from portal.partner.customers.blueprint import blueprint, require_may_add
from portal.web import csv
from portal.wording import labels
from portal.wording.errors import sentence

MEGABYTE = 1024 * 1024
FILE_NAME_ENDINGS = (".csv", ".tsv", ".txt")
LIMITS: dict[str, Any] = {
    "retention_days": imports.RETENTION.days,
    "unused_retention_days": imports.UNUSED_RETENTION.days,
    "max_rows": imports.MAX_ROWS,
}
"""What the page says about imports in general."""


class UploadForm(web.FileForm, web.CreatingForm):
    """A CSV file of customers."""

    file = FileField(lazy_gettext("CSV file"), render_kw={"accept": ",".join(FILE_NAME_ENDINGS)})

    lines: list[Line]

    def __init__(self) -> None:
        most = config.MAX_FILE_BYTES // MEGABYTE
        super().__init__(Refused(Code.FILE_LARGE, field="file", most=most))

    def validate_file(self, field: FileField) -> None:
        if not field.data:
            raise ValidationError(_("Choose a file."))
        if not field.data.filename.lower().endswith(FILE_NAME_ENDINGS):
            raise ValidationError(_("Choose a CSV file; its name ends in .csv, .tsv or .txt."))
        content = field.data.read()
        self.digest = hashlib.sha256(content).hexdigest()
        columns, answers = labels.columns_by_label(), labels.yes_no_by_label()
        try:
            self.lines = imports.parse_lines(csv.read_rows(content), columns, answers)
        except Refused as error:
            web.log_refusal(error)
            raise ValidationError(sentence(error.code, error.facts)) from error

    def body(self) -> dict[str, Any]:
        """Return the path, and the digest of the file in place of its name."""
        return {"path": request.path, "content": self.digest}


@blueprint.route("/import", methods=["GET", "POST"])
@web.takes_file(lambda: config.MAX_FILE_BYTES)
def upload(account_id: str) -> Any:
    """*Import CSV*: upload a file; show the columns and earlier imports."""
    actor = web.actor()
    require_may_add()
    form = UploadForm()

    def unit() -> str:
        partner = db.session.get_one(BillingAccount, account_id)
        return imports.upload(partner, by=actor, lines=form.lines).id

    if answer := web.submit(form, unit, to=_import_url):
        return answer
    return web.form_page(
        form,
        "partner/customers/upload.html",
        partner=g.partner,
        columns=[(name, labels.column(name)) for name in customers.COLUMNS],
        imports=imports.imports_of(g.partner),
        **LIMITS,
    )


@blueprint.get("/import/template")
def import_template(account_id: str) -> Any:
    """Download a CSV file with the header row alone."""
    return web.csv_file("customers-template", [customers.COLUMNS])


class BeginForm(web.Form):
    """What the import may do with its rows."""

    same_tin_is_meant = BooleanField(
        lazy_gettext("Import the rows whose tax number another customer has, too: that is meant")
    )


@blueprint.get("/import/<id:import_id>")
def show_import(account_id: str, import_id: str) -> Any:
    """Show the outcome of each row, and the progress; the page polls while the import runs."""
    import_ = _find_import(import_id)
    outcome, after = _parse_outcome(), request.args.get("after", "")
    rows = imports.rows_of(import_, outcome=outcome, after=_row_number(after))
    shown, next_after = web.paginate(rows, imports.PAGE, cursor=lambda row: row.number)
    return web.page(
        "partner/customers/import.html",
        fragment="progress",
        partner=g.partner,
        import_=import_,
        **_progress(import_),
        form=BeginForm(formdata=None),
        outcome=outcome,
        after=after,
        rows=[(row, _reasons(row)) for row in shown],
        next_after=next_after,
    )


def _progress(import_: Import) -> dict[str, Any]:
    """Return context of the import's page: how far it is, and what holds it up. `waits_until` is
    when an import goes on that has used up the partner's invitation quota, else None."""
    is_running = import_.state is State.IMPORTING
    return {
        "totals": imports.totals_of(import_),
        "waits_until": customers.next_invitation_at(g.partner) if is_running else None,
        "is_parked": imports.is_parked(import_),
        "invitations_per_day": policy.current().invitations_per_day,
    }


def _parse_outcome() -> Outcome | None:
    """Return the outcome in the URL; None for those of all rows."""
    requested = request.args.get("outcome", "")
    return Outcome(requested) if requested in set(Outcome) else None


def _row_number(after: str) -> int:
    """Return the number of the row after which the page begins; 0 for what is no number."""
    is_number = after.isascii() and after.isdigit() and len(after) < 7
    return int(after) if is_number else 0


def _reasons(row: ImportRow) -> list[tuple[str, str]]:
    """Return why the row was refused: columns, empty for the whole row, with sentences."""
    reasons = [(reason["field"], reason["code"], reason["facts"]) for reason in row.reasons]
    return [(column or "", sentence(code, facts)) for column, code, facts in reasons]


@blueprint.get("/import/<id:import_id>/failed")
def failed_rows(account_id: str, import_id: str) -> Any:
    """Download the refused rows with the reasons, to correct and upload again."""
    _find_import(import_id)

    def read() -> list[list[str]]:
        return [_failed_cells(row) for row in imports.refused_rows(_find_import(import_id))]

    rows = db.read(read)
    return web.csv_file("customers-failed", [[*customers.COLUMNS, imports.REASONS], *rows])


def _failed_cells(row: ImportRow) -> list[str]:
    cells = [row.cells.get(name, "") for name in customers.COLUMNS]
    texts = [f"{column}: {text}" if column else text for column, text in _reasons(row)]
    return [*cells, " ".join(texts)]


@blueprint.post("/import/<id:import_id>/begin")
def begin_import(account_id: str, import_id: str) -> Any:
    """*Import* the new rows."""
    same_tin_is_meant = bool(BeginForm().same_tin_is_meant.data)

    def begin(import_: Import) -> None:
        imports.begin(import_, by=web.actor(), same_tin_is_meant=same_tin_is_meant)

    return _change_import(import_id, begin)


@blueprint.post("/import/<id:import_id>/end")
def end_import(account_id: str, import_id: str) -> Any:
    """*End import*: refuse the rows that are not added yet."""
    return _change_import(import_id, lambda import_: imports.end(import_, by=web.actor()))


@blueprint.post("/import/<id:import_id>/remove")
def remove_import(account_id: str, import_id: str) -> Any:
    """*Remove file*: delete the import and its rows; customers added from it stay."""
    _change_import(import_id, lambda import_: imports.remove(import_, by=web.actor()))
    flash(_("The file is removed. Customers who were added from it stay."), "success")
    return redirect(url_for(".upload", account_id=account_id), 303)


def _change_import(import_id: str, verb: Callable[[Import], None]) -> Any:
    """Run the verb on the import, and redirect to its page."""
    _find_import(import_id)
    if not web.Form().validate():
        abort(422)

    def unit() -> None:
        _find_import(import_id)  # it may have been removed meanwhile
        verb(db.session.get_one(Import, import_id))

    db.write(unit)
    return redirect(_import_url(import_id), 303)


def _import_url(import_id: str) -> str:
    return url_for(".show_import", account_id=g.partner.id, import_id=import_id)


def _find_import(import_id: str) -> Import:
    """Return the import of this partner. Aborts with 404; Forbidden unless the actor may add
    customers."""
    import_ = web.find_or_404(Import, import_id)
    web.same_or_404(import_.partner_id, g.partner.id)
    access.require(web.actor(), Action.CUSTOMER_ADD, g.partner)
    return import_
