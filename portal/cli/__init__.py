"""Operator commands: serve, work, seed, backup, doctor, users, partners, customers and more."""

from __future__ import annotations

from flask import Flask

from portal.cli import (
    audit,
    backup,
    clouds,
    customers,
    doctor,
    partners,
    serve,
    unavailable,
    users,
)


def register(app: Flask) -> None:
    """Add the portal's commands to `flask`."""
    groups = (module.commands for module in (users, partners, customers, clouds, audit))
    for command in (*serve.COMMANDS, *backup.COMMANDS, doctor.command, *groups):
        app.cli.add_command(unavailable.guard(command))
