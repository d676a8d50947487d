"""`flask cloud`: explain what a user may do on a cloud."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from portal import db
from portal.cli.email import EMAIL
from portal.domain import identity
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import explanation
from portal.domain.cloud_access.explanation import Ability, Grant
from portal.domain.clouds import Cloud
from portal.domain.values import EmailAddress
from portal.i18n import formats
from portal.wording import labels

commands = AppGroup("cloud", help="Who may do what on a cloud.")


@commands.command("explain")
@click.argument("cloud_id")
@click.argument("email", type=EMAIL)
def explain(cloud_id: str, email: EmailAddress) -> None:
    """What EMAIL's account may do on the cloud now or soon, and which row gives it."""

    def unit() -> list[Ability]:
        cloud = db.find(Cloud, cloud_id, COMMAND)
        if cloud is None:
            raise click.ClickException(f"There is no cloud {cloud_id}.")
        return explanation.explain(cloud, identity.user_by_email(email.key), reader=COMMAND)

    with current_app.test_request_context():
        for ability in db.read(unit):
            click.echo(f"{labels.ABILITIES[ability.action]}: {_answer(ability)}")
            for grant in ability.grants:
                click.echo(f"    {_describe(grant)}")


def _answer(ability: Ability) -> str:
    if ability.is_now:
        return "yes"
    return f"from {formats.utc_time(ability.begins_at)}" if ability.begins_at else "no"


def _describe(grant: Grant) -> str:
    how = "their own" if grant.is_on_cloud else "on the account that pays"
    if grant.partner_name:
        how = f"through the account of {grant.partner_name}"
    since = f"since {formats.utc_time(grant.granted_at)}"
    if not grant.is_now:
        since += f", effective {formats.utc_time(grant.effective_at)}"
    return f"{grant.role}, {how}, {since}, row {grant.row_id}"
