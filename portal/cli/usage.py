"""`flask usage`: import, fetch, list and remove deliveries; assign keys to clouds."""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import current_app
from flask.cli import AppGroup

from portal import db
from portal.cli.money import Amount
from portal.cli.refusals import fail, run_step, run_unit, text_of
from portal.domain import connections, metering, policy, usage
from portal.domain.actors import COMMAND
from portal.domain.errors import Code, Refused
from portal.domain.usage import Delivery, Mode, State, UsageKey, UsageSource
from portal.usage_files import KEY_COLUMNS, BadRow, FileFacts, UsageFileError, UsageReading
from portal.web import csv
from portal.wording import usage as wording
from portal.worker import usage_imports, usage_posting

commands = AppGroup("usage", help="What clouds used and cost, as sources deliver it.")
LISTED = 20
"""Accounts whose changes an import prints."""
DAY = click.DateTime(["%Y-%m-%d"])
FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@commands.command("import")
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--source", "name", default="Files", show_default=True, help="Who issued them.")
@click.option("--mode", type=click.Choice([str(mode) for mode in Mode]), help="By default asked.")
@click.option("--key-column", type=click.Choice(KEY_COLUMNS), help="Names the cloud; new sources.")
@click.option("--rows", type=int, help="Rows that the issuer says there are.")
@click.option("--sum", "amount", type=Amount(), help="The sum that the issuer says.")
@click.option("--skip-bad-rows", is_flag=True, help="Publish the good rows.")
@click.option("--yes", is_flag=True, help="Publish without asking.")
def import_files(
    files: tuple[Path, ...], name: str, mode: str | None, key_column: str | None, **options: Any
) -> None:
    """Import FILES, which are one delivery: FOCUS or plain CSV, gzip, Parquet."""
    source = _source(name, key_column)
    chosen = _mode(source, mode)
    with tempfile.TemporaryDirectory() as folder:
        try:
            facts = usage_imports.open_files(list(files), Path(folder))
            again = _refuse_repetition(source, chosen, facts, yes=options["yes"])
            terms = db.read(lambda: usage_imports.terms_of(source))
            click.echo("Reading …", err=True)
            with UsageReading.open(facts, terms, Path(folder)) as reading:
                _check(reading, files[0], options)
                delivery_id = _stage(source, chosen, facts, reading)
        except UsageFileError as error:
            fail(usage_imports.refusal_of(error))
        except usage.LeaseLost:
            fail(Refused(Code.USAGE_IMPORT_DIED))
    _publish(delivery_id, options, again=again)


def _source(name: str, key_column: str | None) -> UsageSource:
    """The source of this name, added at its first use."""

    def unit() -> str:
        found = usage.find_source(name)
        return (found or usage.add_source(name, by=COMMAND, key_column=key_column)).id

    def load(source_id: str) -> UsageSource:
        source = db.session.get_one(UsageSource, source_id)
        db.session.expunge(source)  # it is used outside of any transaction
        return source

    source_id = run_unit(unit)
    source = db.read(lambda: load(source_id))
    if key_column and source.key_column != key_column:
        raise click.ClickException(f"The key column of {name} can't be changed.")
    return source


def _mode(source: UsageSource, mode: str | None) -> Mode:
    """The mode that is given, or the source's, or the answer."""
    if chosen := mode or source.mode:
        return Mode(chosen)
    question = "overwrite: all of its billing periods; append: something more"
    return Mode(click.prompt(question, type=click.Choice([str(mode) for mode in Mode])))


def _refuse_repetition(
    source: UsageSource, mode: Mode, facts: list[FileFacts], *, yes: bool
) -> bool:
    """Fail if these bytes are in force, before they are read; ask for an append. Whether it is
    meant to be appended again."""
    digest = usage.digest(facts)
    try:
        db.read(lambda: usage.refuse_repetition(source, mode, digest, again=False))
    except Refused as error:
        if error.code != Code.USAGE_APPEND_AGAIN:
            fail(error)
        if not yes:
            click.confirm(f"{text_of(error)} Append it again?", abort=True)
        return True
    return False


def _check(reading: UsageReading, first: Path, options: dict[str, Any]) -> None:
    """Print what was read; fail if it is not what was said, or has bad rows."""
    currency = policy.current().currency
    click.echo(f"Rows: {reading.rows}")
    click.echo(f"Sum: {wording.exact_text(reading.total)} {currency}")
    for column in reading.doubles:
        click.echo(f"{column} is a binary fraction: rounded to 15 decimals.")
    click.echo(f"Bad rows: {reading.bad.count}")
    if reading.bad.count:
        target = Path(f"{first.name}.bad.csv")
        _write_bad_rows(target, reading.bad.listed)
        click.echo(f"The first {len(reading.bad.listed)} of them, with reasons: {target}")
    said = {
        "rows": (options["rows"], reading.rows + reading.bad.count),
        "sum": (options["amount"], reading.total),
    }
    for what, (expected, found) in said.items():
        if expected is not None and expected != found:
            raise click.ClickException(f"The issuer's {what} is {expected}. Nothing is published.")
    if reading.bad.count and not options["skip_bad_rows"]:
        raise click.ClickException("Nothing is published. --skip-bad-rows publishes the others.")


def _write_bad_rows(target: Path, rows: list[BadRow]) -> None:
    with current_app.test_request_context(), target.open("w", newline="") as file:
        file.writelines(csv.write_rows(wording.bad_rows_table(rows)))


def _stage(source: UsageSource, mode: Mode, facts: list[FileFacts], reading: UsageReading) -> str:
    """Stage the rows with a progress bar; the delivery's ID."""
    staging = run_unit(lambda: usage.begin(source, mode=mode, files=facts, by=COMMAND))
    with click.progressbar(length=reading.rows, label="Staging", file=sys.stderr) as bar:
        usage_imports.stage(staging, reading, bar.update)
    return staging.delivery_id


def _publish(delivery_id: str, options: dict[str, Any], *, again: bool) -> None:
    """Show the preview, ask, publish; what is not published is discarded."""

    _print_preview(delivery_id)
    try:
        if not options["yes"]:
            click.confirm("Publish it?", abort=True)
        more = {"skip_bad_rows": options["skip_bad_rows"], "again": again}
        run_step(lambda: usage_posting.publish(delivery_id, by=COMMAND, **more))
    except BaseException:
        db.write(lambda: usage.discard(db.session.get_one(Delivery, delivery_id), by=COMMAND))
        raise
    click.echo(f"Published: {delivery_id}")


def _print_preview(delivery_id: str) -> None:
    shown = db.read(lambda: usage.preview(db.session.get_one(Delivery, delivery_id)))
    currency = policy.current().currency
    for scope in shown.periods:
        click.echo(f"Billing period {scope.scope_on}: {_sum(scope, currency)}")
    click.echo(f"Unassigned: {_sum(shown.unassigned, currency)}")
    click.echo(f"Before the portal: {_sum(shown.before, currency)}")
    changes = db.read(lambda: usage.changes_of(db.session.get_one(Delivery, delivery_id)))
    if changes is not None:
        _print_changes(changes, currency)


def _print_changes(changes: usage.Changes, currency: str) -> None:
    """Print the biggest changes, and how many there are; or why it can't be published."""
    if changes.refusal is not None:
        click.echo(f"It can't be published: {text_of(changes.refusal)}")
        return
    click.echo(f"Accounts that pay something else: {changes.accounts}")
    for row in changes.rows[:LISTED]:
        old, new, more = map(wording.exact_text, (row.old, row.new, row.difference))
        click.echo(f"  {row.account_id}  {old} → {new} {currency}, difference {more}  {row.name}")
    if changes.accounts > LISTED:
        click.echo(f"  The other {changes.accounts - LISTED} are on the delivery’s page.")


def _sum(of: Any, currency: str) -> str:
    return f"{of.rows} rows, {wording.exact_text(of.amount)} {currency}"


@commands.command("list")
def show_all() -> None:
    """The newest deliveries."""
    rows = db.read(lambda: usage.deliveries_for(COMMAND))
    for row in rows:
        amount = f"{wording.exact_text(row.amount)} {policy.current().currency}"
        when = f"{row.created_at:%Y-%m-%d %H:%M} UTC"
        name = ", ".join(file.name for file in row.files)
        click.echo(f"{row.id}  {row.state:<9} {row.mode:<9} {when}  {row.rows} rows, {amount}")
        click.echo(f"    {row.source.name}: {name}")


@commands.command("remove")
@click.argument("delivery_id", metavar="DELIVERY")
def remove(delivery_id: str) -> None:
    """Remove DELIVERY; no older snapshot comes into force. One that is not published is
    discarded."""

    delivery = db.read(lambda: db.session.get(Delivery, delivery_id))
    if delivery is None:
        _no(f"There is no delivery {delivery_id}; see `flask usage list`.")
    if delivery.state in (State.PUBLISHED, State.REMOVED):
        run_step(lambda: usage_posting.remove(delivery_id, by=COMMAND))
    else:
        run_unit(lambda: usage.discard(db.session.get_one(Delivery, delivery_id), by=COMMAND))
    click.echo("It is removed.")


@commands.command("fetch")
@click.argument("name")
@click.option("--from", "since", type=DAY, required=True, help="Such as 2026-11-01, in UTC.")
def fetch(name: str, since: datetime) -> None:
    """Fetch all days of the connection NAME from one on again; a worker does it."""

    def unit() -> None:
        connection = connections.find(name) or _no(f"There is no connection {name}.")
        metering.queue_fetch(connection, since_on=since.date(), by=COMMAND)

    run_unit(unit)
    click.echo("The worker fetches it; `flask usage list` shows what was delivered.")


@commands.command("unassigned")
def unassigned() -> None:
    """Keys that name no cloud, with their rows in force."""
    for row in db.read(lambda: usage.unassigned_for(COMMAND)):
        days = f"{row.first_on} to {row.last_on}"
        click.echo(f"{row.source}  {row.key}  {days}  {_sum(row.sum, policy.current().currency)}")


@commands.command("assigned")
def assigned() -> None:
    """Keys that operators have assigned, with their clouds."""
    for row in db.read(lambda: usage.assigned_for(COMMAND)):
        click.echo(f"{row.source}  {row.key}  {row.cloud_id}  {row.cloud}")


@commands.command("assign")
@click.argument("source")
@click.argument("key")
@click.argument("cloud")
def assign(source: str, key: str, cloud: str) -> None:
    """All rows of SOURCE with this KEY are those of CLOUD: its ID, or its name if no other has
    it."""

    def unit() -> None:
        of = usage.find_cloud(cloud)
        if of is None:
            raise Refused(Code.USAGE_CLOUD_UNKNOWN)
        usage.assign(_key(source, key), cloud_id=of.id, by=COMMAND)

    run_unit(unit)
    click.echo("The worker assigns all its rows, past and to come.")


@commands.command("unassign")
@click.argument("source")
@click.argument("key")
def unassign(source: str, key: str) -> None:
    """Take back the assignment of SOURCE and KEY: nobody is charged for its rows."""
    run_unit(lambda: usage.unassign(_key(source, key), by=COMMAND))
    click.echo("The worker takes back its charges, past and to come.")


def _key(source: str, key: str) -> UsageKey:
    found = usage.find_source(source)
    row = usage.find_key(found, key) if found else None
    if row is None:
        _no(f"{source} has delivered no rows with the key {key}.")
    return row


def _no(sentence: str) -> NoReturn:
    raise click.ClickException(sentence)
