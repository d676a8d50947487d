"""`flask doctor`: look for rows that break the invariants of the business."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import with_appcontext

from portal.domain import doctor
from portal.domain.doctor import Check, Result


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="All problems, as a JSON object.")
@with_appcontext
def command(*, as_json: bool) -> None:
    """Looks for rows that break a rule; the exit status is 0 if there are none, else 1."""
    with _progress() as show:
        results = doctor.run(limit=None if as_json else doctor.LISTED, on_check=show)
    if as_json:
        click.echo(json.dumps(_object_of(results), indent=1))
    else:
        _print(results)
    if any(result.total for result in results):
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[Any]:
    """A progress bar at a terminal, to be called before each check; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _check: None
        return
    with click.progressbar(length=len(doctor.CHECKS), file=sys.stderr, show_pos=True) as bar:

        def show(check: Check) -> None:
            bar.label = check.name
            bar.update(1)

        yield show


def _object_of(results: list[Result]) -> dict[str, Any]:
    checks = [
        {
            "check": result.check,
            "invariant": result.invariant,
            "total": result.total,
            "problems": [problem._asdict() for problem in result.problems],
        }
        for result in results
    ]
    return {
        "healthy": not any(result.total for result in results),
        "checks": checks,
    }


def _print(results: list[Result]) -> None:
    width = max(len(check.name) for check in doctor.CHECKS)
    for result in results:
        click.echo(f"{result.check:{width}}  {result.invariant:6}  {result.total or 'none'}")
    broken = [result for result in results if result.total]
    for result in broken:
        click.echo(f"\n{result.check} ({result.invariant})")
        for problem in result.problems:
            click.echo(f"  {problem.thing}: {problem.sentence}")
        if more := result.total - len(result.problems):
            click.echo(f"  and {more} more; --json lists all")
    if len(results) < len(doctor.CHECKS):
        click.echo(f"\n{len(doctor.CHECKS) - len(results)} more checks need the newest schema.")
    click.echo("\nThe database is unhealthy." if broken else "\nThe database is healthy.")
