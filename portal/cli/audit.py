"""`flask audit`: verify the chains of the audit log, and the keys that they are made with."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click
from flask.cli import AppGroup

from portal import config, db
from portal.domain import audit, workflows
from portal.domain.actors import COMMAND
from portal.domain.audit import Head
from portal.domain.doctor import AUDIT_FAULTS
from portal.domain.doctor.audit_log import audit_lines_without_chain

commands = AppGroup("audit", help="Who did what to what.")
PLAIN = "Plain chains, not keyed: anyone who can write to the database can rewrite them."


@commands.command("verify")
@click.option(
    "--anchor", type=click.File(), help="Heads from the log, or from the page Work; - is stdin."
)
def verify(anchor: TextIO | None) -> None:
    """Every chain of the audit log, from its first line; the exit status is 1 if one is broken."""
    result = db.read(audit.verify)
    for chain, first, last, key_id in result.unchecked:
        where = f"Lines {first} to {last} of the chain {chain}"
        click.echo(f"{where} can't be checked: the key {key_id} is missing.")
    for finding in result.findings:
        click.echo(AUDIT_FAULTS[finding.fault].format(*finding))
    headless = db.read(lambda: list(audit_lines_without_chain.find()))  # the others begin at heads
    for problem in headless:
        click.echo(f"The chain {problem.thing}: {problem.sentence}")
    count, lost = db.read(lambda: _compare(anchor)) if anchor else (0, [])
    for head in lost:
        click.echo(f"The chain {head.chain} does not have line {head.seq} of the anchor.")
    if result.findings or headless or lost:
        raise click.ClickException("The audit log does not verify.")
    compared = f" It has all {count} heads of the anchor." if anchor else ""
    click.echo(f"The audit log verifies.{compared}{'' if result.is_keyed else ' ' + PLAIN}")


def _compare(anchor: TextIO) -> tuple[int, list[Head]]:
    """Return how many heads the anchor has, and those that the log has not. Raises
    click.ClickException for a file without heads."""
    try:
        heads = list(audit.parse_anchor(anchor))
    except ValueError as error:
        raise click.ClickException(f"{anchor.name}: {error}.") from error
    if not heads:
        raise click.ClickException(f"{anchor.name} has no heads of the audit log.")
    return len(heads), list(audit.find_lost(heads))


@commands.command("new-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new_key(file: Path) -> None:
    """A new key, added to FILE; older keys stay, to verify older lines."""
    try:
        key_id = config.add_audit_key(str(file))
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.ClickException(f"{file}: {reason}.") from error
    click.echo(
        f"{file} has the key {key_id}. Keep a copy apart from the backups. If AUDIT_KEY_FILE is "
        "not the file yet, set it and restart the portal. Then run: flask audit use-key"
    )


@commands.command("use-key")
def use_key() -> None:
    """The newest key of AUDIT_KEY_FILE, for all chains from here on; each gets a line that says so.

    All processes of the portal must have the key, or they can change nothing any more.
    """
    if (key_id := audit.newest_id()) is None:
        raise click.ClickException("AUDIT_KEY_FILE is not set.")
    total = 0
    while count := db.write(lambda: workflows.key_audit_log(by=COMMAND)):
        total += count
    click.echo(f"Chains that continue with the key {key_id}: {total}.")
