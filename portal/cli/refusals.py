"""Refusals on the command line: the command fails with the sentence that pages show."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

import click
import structlog
from flask import current_app

from portal import db
from portal.domain.actors import COMMAND
from portal.domain.errors import Refused
from portal.domain.values import Invalid
from portal.wording.errors import sentence

log = structlog.get_logger(__name__)
T = TypeVar("T")


def run_unit(unit: Callable[[], T]) -> T:
    """Run a unit of work and return its result. Raises click.ClickException for a refusal."""
    return run_step(lambda: db.write(unit))


def run_step(step: Callable[[], T]) -> T:
    """Run a step of several units and return its result. Raises click.ClickException for a
    refusal."""
    try:
        return step()
    except (Refused, Invalid) as error:
        fail(error)


def fail(error: Refused | Invalid) -> NoReturn:
    """Raise click.ClickException with the error's sentence."""
    log.info("command.refused", code=error.code, by=COMMAND.id)
    raise click.ClickException(text_of(error)) from error


def text_of(error: Refused | Invalid) -> str:
    """Return the error's sentence, in the language of the source."""
    with current_app.test_request_context():
        return sentence(error.code, error.facts)
