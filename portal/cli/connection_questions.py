"""The questions of a connection: each field is asked for until its answer is accepted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from flask import current_app

from portal.cli.refusals import text_of
from portal.domain.connections import Field
from portal.domain.values import Invalid
from portal.wording import kinds as wording


def ask(
    fields: Sequence[Field], given: Mapping[str, str], present: Mapping[str, str]
) -> dict[str, str]:
    """Return a value for each field: one that is given, else the answer of a person, who keeps the
    present one with Enter. Without a terminal only required fields are asked for.

    Raises click.BadParameter for a given value that is refused.
    """
    _refuse_unknown(fields, given)
    answers = {f.name: _parse_given(f, given[f.name]) for f in fields if f.name in given}
    for field in fields:
        if field.name not in answers:
            now = present.get(field.name, field.default)
            is_open = field.is_secret or (field.is_required and not now)
            answers[field.name] = _ask(field, now) if is_open or sys.stdin.isatty() else now
    return answers


def _refuse_unknown(fields: Sequence[Field], given: Mapping[str, str]) -> None:
    """Refuse names that the kind does not have, and secrets: other users of the machine see them
    in the list of processes."""
    names = [field.name for field in fields if not field.is_secret]
    for name in given:
        if name not in names:
            known = f"it has {', '.join(names)}" if names else "it has none"
            raise click.BadParameter(f"this kind has no setting {name}: {known}")


def _parse_given(field: Field, typed: str) -> str:
    try:
        return _parse(field, typed, "")
    except ValueError as error:
        raise click.BadParameter(f"{field.name}: {_reason(error)}") from error


def _ask(field: Field, now: str) -> str:
    with current_app.test_request_context():
        label, hint = wording.label(field.name), wording.hint(field.name)
    if hint:
        click.echo(hint)
    notes = [" (a file)" * field.has_lines, " (- for none)" * bool(now and not field.is_required)]
    while True:
        typed = click.prompt(
            label + "".join(notes),
            default=now,
            show_default="given" if now and field.has_lines else bool(now),
            hide_input=field.is_secret and not field.has_lines,
        )
        try:
            return _parse(field, typed, now)
        except ValueError as error:
            click.echo(f"Error: {_reason(error)}")


def _parse(field: Field, typed: str, now: str) -> str:
    """The value to keep. Raises ValueError, Invalid among them."""
    if typed == now and now:
        return now
    if typed == "-" and not field.is_required:
        return ""
    if field.has_lines and typed:
        try:
            typed = Path(typed).read_text(errors="replace")
        except OSError as error:
            raise ValueError(f"{typed}: {error.strerror}") from error
    return field.parse(typed)


def _reason(error: ValueError) -> str:
    return text_of(error) if isinstance(error, Invalid) else str(error)
