"""*Upload usage*: files of a source, the template of the plain CSV; *Add source*."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.file import MultipleFileField
from werkzeug.datastructures import FileStorage
from wtforms import SelectField, ValidationError

from portal import config, db, web
from portal.domain import billing_days, policy, usage
from portal.domain.errors import Code, Refused
from portal.domain.usage import CHUNK_BYTES, Delivery, Mode, UsageSource
from portal.operator.blueprint import blueprint
from portal.usage_files import KEY_COLUMNS, PLAIN_COLUMNS
from portal.web.cloud_forms import NameForm
from portal.wording import usage as wording

MEGABYTE = 1024 * 1024
MAX_FILES = 50


def max_bytes() -> int:
    """The size of an upload."""
    return config.current().upload_mb * MEGABYTE


class UploadForm(web.FileForm):
    """Files that are one delivery of a source."""

    source = SelectField(lazy_gettext("Source"))
    mode = SelectField(lazy_gettext("What the files are"))
    files = MultipleFileField(
        lazy_gettext("Files"), render_kw={"accept": ".csv,.gz,.parquet,.txt,.tsv"}
    )

    def __init__(self, sources: list[UsageSource]) -> None:
        most = config.current().upload_mb
        super().__init__(Refused(Code.FILE_LARGE, field="files", most=most))
        self.source.choices = [(source.id, source.name) for source in sources]
        self.mode.choices = [("", _("As set at the source")), *wording.MODES.items()]

    def validate_files(self, field: MultipleFileField) -> None:
        field.data = [file for file in field.data or [] if isinstance(file, FileStorage)]
        if not 0 < len(field.data) <= MAX_FILES:
            raise ValidationError(_("Choose up to %(most)s files.", most=MAX_FILES))

    def validate_mode(self, field: SelectField) -> None:
        source = db.session.get(UsageSource, self.source.data or "")
        if source is not None and not (field.data or source.mode):
            raise ValidationError(_("Choose what the files are; the source does not say it."))


@blueprint.route("/usage/upload", methods=["GET", "POST"])
@web.takes_file(max_bytes)
def upload_usage() -> Any:
    """*Upload*: files of a source; a worker reads them, and nothing is published yet."""
    sources = usage.file_sources_for(web.actor())
    form = UploadForm(sources)
    delivery_id = _keep(form) if form.is_submitted() and form.validate() else ""

    def unit() -> str:
        usage.queue(web.find_or_404(Delivery, delivery_id), by=web.actor())
        return url_for(".show_delivery", delivery_id=delivery_id)

    if delivery_id and (answer := web.submit(form, unit, to=str)):
        return answer
    return web.form_page(
        form,
        "operator/usage_upload.html",
        sources=sources,
        upload_mb=config.current().upload_mb,
    )


def _keep(form: UploadForm) -> str:
    """Keep the files in chunks, each in a transaction of its own; return the delivery's ID."""
    names = [(file.filename or "–")[:200] for file in form.files.data]

    def begin() -> str:
        source = web.find_or_404(UsageSource, form.source.data)
        mode = Mode(form.mode.data or str(source.mode))
        return usage.begin_upload(source, mode=mode, names=names, by=web.actor()).id

    delivery_id = db.write(begin)
    for number, file in enumerate(form.files.data):
        for place, content in enumerate(iter(partial(file.stream.read, CHUNK_BYTES), b"")):
            chunk = {"file": number, "number": place, "content": content}
            db.write(partial(usage.add_chunk, delivery_id, **chunk))
    return delivery_id


@blueprint.get("/usage/template")
def usage_template() -> Any:
    """Download a plain CSV file with the header and an example row."""
    day = billing_days.today().replace(day=1)
    times = (f"{day}T00:00:00Z", f"{day + timedelta(days=1)}T00:00:00Z")
    currency = policy.current().currency
    row = ("example", *times, "Compute", "24", "hours", "1.25", currency)
    return web.csv_file("usage-template", [PLAIN_COLUMNS, row])


class SourceForm(NameForm):
    """An issuer of files."""

    mode = SelectField(lazy_gettext("What its files are"))
    key_column = SelectField(
        lazy_gettext("Column that names the cloud"),
        description=lazy_gettext("In FOCUS files. It can’t be changed later."),
    )

    def __init__(self) -> None:
        super().__init__()
        self.mode.choices = [("", _("Asked at each upload")), *wording.MODES.items()]
        first = _("The first of %(columns)s that has a value", columns=", ".join(KEY_COLUMNS))
        self.key_column.choices = [("", first), *((name, name) for name in KEY_COLUMNS)]


@blueprint.route("/usage/sources/add", methods=["GET", "POST"])
def add_usage_source() -> Any:
    """*Add source*: an issuer of files."""
    form = SourceForm()

    def unit() -> None:
        usage.add_source(
            form.name.data or "",
            by=web.actor(),
            mode=Mode(form.mode.data) if form.mode.data else None,
            key_column=form.key_column.data or None,
        )

    done = lazy_gettext("The source is added.")
    if answer := web.submit(form, unit, to=url_for(".show_usage"), success=done):
        return answer
    return web.form_page(form, "operator/usage_source.html")
