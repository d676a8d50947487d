"""An unavailable database on the command line: a command fails with the sentences of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import click
from flask import current_app

from portal import db
from portal.domain import audit
from portal.wording import unavailable as wording

UNFINISHED_RESTORE = (
    "The database is being restored. The web server answers 503 and the worker waits until that is "
    "done. If no restore runs now, one was interrupted: flask --app wsgi restore FILE"
)


@contextmanager
def explained(*, is_writing: bool = False) -> Iterator[None]:
    """Raise click.ClickException if the database is unavailable; see `db.unavailable_from`. Raise
    it also if the key of the audit log is missing: without it nothing can be changed."""
    try:
        yield
    except audit.KeyMissing as error:
        raise click.ClickException(
            f"AUDIT_KEY_FILE does not have the key {error.key_id}."
        ) from error
    except Exception as error:
        unavailable = db.unavailable_from(error, is_writing=is_writing)
        if unavailable is None:
            raise
        raise click.ClickException(_sentences(unavailable)) from error


def guard(command: click.Command) -> click.Command:
    """Return a copy of the command, or of the group, that fails without a trace."""
    guarded, invoke = copy(command), command.invoke

    def run(ctx: click.Context) -> Any:
        with explained():
            return invoke(ctx)

    guarded.invoke = run  # type: ignore[method-assign]
    return guarded


def _sentences(error: db.Unavailable) -> str:
    if error.reason is db.Reason.RESTORING:
        return UNFINISHED_RESTORE
    with current_app.test_request_context():
        what = wording.what_happened(error), wording.what_was_saved(error)
        return " ".join((*what, wording.what_to_do(error)))
