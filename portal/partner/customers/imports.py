"""*Import CSV*: a file is checked, looked at, and imported by the worker while one watches."""

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
from portal.partner.customers.blueprint import blueprint
from portal.web import csv
from portal.wording import labels
from portal.wording.errors import sentence

MEGABYTE = 1024 * 1024


class UploadForm(web.CreatingForm):
    """A file of customers."""

    file = FileField(lazy_gettext("CSV file"), render_kw={"accept": ".csv,text/csv"})

    lines: list[Line]

    def validate_file(self, field: FileField) -> None:
        if not field.data:
            raise ValidationError(_("Choose a file."))
        content = field.data.read()
        self.digest = hashlib.sha256(content).hexdigest()
        columns, answers = labels.columns_by_word(), labels.answers_by_word()
        try:
            self.lines = imports.parse_lines(csv.read_rows(content), columns, answers)
        except Refused as error:
            raise ValidationError(sentence(error.code, error.facts)) from error

    def body(self) -> dict[str, Any]:
        """The file stands for its content."""
        return {"path": request.path, "content": self.digest}


@blueprint.route("/import", methods=["GET", "POST"])
@web.takes_file
def upload(account_id: str) -> Any:
    """*Import CSV*: what a file looks like, and those uploaded before."""
    actor = web.actor()
    access.require(actor, Action.CUSTOMER_ADD, g.partner)
    customers.require_can_add(g.partner)
    is_too_large = (request.content_length or 0) > config.MAX_FILE_BYTES
    form = UploadForm(formdata=None) if is_too_large else UploadForm()

    def unit() -> str:
        fresh = db.session.get_one(BillingAccount, account_id)
        return imports.upload(fresh, by=actor, lines=form.lines).id

    def its_page(ident: str) -> str:
        return url_for(".show_import", account_id=account_id, import_id=ident)

    if is_too_large:
        form.refuse(Refused(Code.FILE_LARGE, field="file", most=config.MAX_FILE_BYTES // MEGABYTE))
    elif answer := web.submit(form, unit, to=its_page):
        return answer
    return web.page(
        "partner/customers/upload.html",
        partner=g.partner,
        form=form,
        columns=[(name, labels.column(name)) for name in customers.COLUMNS],
        imports=imports.imports_of(g.partner),
        kept_days=imports.RETENTION.days,
        forgotten_days=imports.UNUSED_RETENTION.days,
        rows_most=imports.MAX_ROWS,
        status=form.status,
    )


@blueprint.get("/import/template")
def import_template(account_id: str) -> Any:
    """A file with the columns and no customers."""
    return web.csv_file("customers-template", [customers.COLUMNS])


class BeginForm(web.Form):
    """What one says before rows are added."""

    same_tin_is_meant = BooleanField(
        lazy_gettext("Import the rows whose tax number another customer has, too: that is meant")
    )


@blueprint.get("/import/<id:import_id>")
def show_import(account_id: str, import_id: str) -> Any:
    """What would become of each row, or how far the import is; asks again by itself."""
    held = _find(import_id)
    given, after = request.args.get("outcome", ""), request.args.get("after", "")
    outcome = Outcome(given) if given in set(Outcome) else None
    is_number = after.isascii() and after.isdigit() and len(after) < 7
    rows = imports.rows_of(held, outcome=outcome, after=int(after) if is_number else 0)
    shown = rows[: imports.PAGE]
    return web.page(
        "partner/customers/import.html",
        fragment="progress",
        partner=g.partner,
        held=held,
        totals=imports.totals_of(held),
        form=BeginForm(formdata=None),
        is_paced=held.state is State.IMPORTING and held.due_at > db.now(),
        per_day=policy.current().invitations_per_day,
        outcome=outcome,
        after=after,
        rows=[(row, _reasons(row)) for row in shown],
        next_after=shown[-1].number if len(rows) > len(shown) else None,
    )


def _reasons(row: ImportRow) -> list[tuple[str, str]]:
    """Columns, empty where it is about the whole row, and what is wrong there."""
    found = [(why["field"], why["code"], why["facts"]) for why in row.reasons]
    return [(column or "", sentence(code, facts)) for column, code, facts in found]


@blueprint.get("/import/<id:import_id>/failed")
def failed_rows(account_id: str, import_id: str) -> Any:
    """The rows that were refused, with the reasons: to be mended and uploaded again."""
    _find(import_id)
    rows = db.read(lambda: [_failed(row) for row in imports.refused_rows(_find(import_id))])
    return web.csv_file("customers-failed", [[*customers.COLUMNS, imports.REASONS], *rows])


def _failed(row: ImportRow) -> list[str]:
    cells = [row.cells.get(name, "") for name in customers.COLUMNS]
    said = [f"{column}: {text}" if column else text for column, text in _reasons(row)]
    return [*cells, " ".join(said)]


@blueprint.post("/import/<id:import_id>/begin")
def begin_import(account_id: str, import_id: str) -> Any:
    """*Import*."""
    meant = bool(BeginForm().same_tin_is_meant.data)
    return _step(import_id, lambda it: imports.begin(it, by=web.actor(), same_tin_is_meant=meant))


@blueprint.post("/import/<id:import_id>/end")
def end_import(account_id: str, import_id: str) -> Any:
    """*End import*: what is not added yet is refused."""
    return _step(import_id, lambda it: imports.end(it, by=web.actor()))


@blueprint.post("/import/<id:import_id>/remove")
def remove_import(account_id: str, import_id: str) -> Any:
    """*Remove* the file with its rows; customers who were added from it stay."""
    _step(import_id, lambda it: imports.remove(it, by=web.actor()))
    flash(_("The file is removed. Customers who were added from it stay."), "success")
    return redirect(url_for(".upload", account_id=account_id), 303)


def _step(import_id: str, verb: Callable[[Import], None]) -> Any:
    """Do it to the import as it is now, and show what it is then."""
    _find(import_id)
    if not web.Form().validate():
        abort(422)

    def unit() -> None:
        _find(import_id)  # somebody may have removed it
        verb(db.session.get_one(Import, import_id))

    db.write(unit)
    return redirect(url_for(".show_import", account_id=g.partner.id, import_id=import_id), 303)


def _find(import_id: str) -> Import:
    """The import under this partner's URL for who may add customers, or 404."""
    held = web.find_or_404(Import, import_id)
    web.same_or_404(held.partner_id, g.partner.id)
    access.require(web.actor(), Action.CUSTOMER_ADD, g.partner)
    return held
