"""`flask cloud`: explain what a user may do on a cloud, and what is carried out; its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from portal import db
from portal.cli.email import EMAIL
from portal.cli.refusals import run_unit, text_of
from portal.domain import clouds, connections, identity, memberships
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import explanation
from portal.domain.cloud_access.explanation import Ability, Grant
from portal.domain.clouds import Cloud
from portal.domain.identity import User
from portal.domain.memberships import Progress
from portal.domain.values import EmailAddress, Invalid
from portal.i18n import formats
from portal.wording import clouds as wording
from portal.wording import labels
from portal.wording import memberships as membership_wording

commands = AppGroup("cloud", help="Who may do what on a cloud; its limits.")


@commands.command("explain")
@click.argument("cloud_id")
@click.argument("email", type=EMAIL)
def explain(cloud_id: str, email: EmailAddress) -> None:
    """What EMAIL's account may do on the cloud now or soon, which row gives it, and what is carried
    out in the cloud."""

    def unit() -> list[str]:
        cloud, user = _find(cloud_id), identity.user_by_email(email.key)
        lines = _abilities(explanation.explain(cloud, user, reader=COMMAND))
        return [*lines, *_carried_out(cloud, user)]

    with current_app.test_request_context():
        click.echo("\n".join(db.read(unit)))


def _abilities(abilities: list[Ability]) -> Iterator[str]:
    for ability in abilities:
        yield f"{labels.ABILITIES[ability.action]}: {_answer(ability)}"
        yield from (f"    {_describe(grant)}" for grant in ability.grants)


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


def _carried_out(cloud: Cloud, user: User | None) -> Iterator[str]:
    """The state of the cloud at its connection, and of the user's access there."""
    progress = clouds.progress_for([cloud.id])[cloud.id]
    yield f"The cloud: {wording.status(progress).words}"
    if not memberships.is_carried_out(cloud):
        yield "In the cloud: nothing is carried out elsewhere; roles hold in the portal alone"
        return
    standing = memberships.standing_of(cloud, user.id if user else None)
    membership = standing.membership if standing else None
    if membership is None:
        yield "In the cloud: no access taken yet"
        return
    is_refused = membership.progress is Progress.IN_USE and cloud.is_suspended_there
    state = membership_wording.MEMBERSHIPS[membership.progress]
    yield f"In the cloud: {'Refused while the cloud is suspended' if is_refused else state}"
    if membership.progress is Progress.FAILED:
        yield f"    {membership_wording.fault(membership.fault or '')}"
    if membership.role and membership.granted_at:
        yield f"    {membership.role}, since {formats.utc_time(membership.granted_at)}"
    if membership.revoked_at and membership.ends_by:
        yield f"    open sign-ins end by {formats.utc_time(membership.ends_by)}"


def _limit(_context: Any, _option: Any, given: str | None) -> str | None:
    """A number, or `none`, which is an empty limit."""
    if given is None or given == "none":
        return None if given is None else ""
    try:
        return connections.check_limit(given)
    except Invalid as error:
        raise click.BadParameter(f"{text_of(error)} Or: none.") from error


@commands.command("limits")
@click.argument("cloud_id")
@click.option("--cpu", callback=_limit, help="CPUs, or none.")
@click.option("--memory", callback=_limit, help="GiB, or none.")
@click.option("--disk", callback=_limit, help="GiB, or none.")
@click.option("--instances", callback=_limit, help="Instances, or none.")
def limits(cloud_id: str, **given: str | None) -> None:
    """The limits of a cloud; with options, change those."""
    changed = {name: text for name, text in given.items() if text is not None}

    def unit() -> Cloud:
        cloud = _find(cloud_id)
        if changed:
            kept = {name: str(number) for name, number in cloud.limits.items() if number}
            clouds.limit(cloud, limits=kept | changed, by=COMMAND)
        return _find(cloud_id)

    cloud = run_unit(unit)
    with current_app.test_request_context():
        click.echo(", ".join(wording.limits(cloud.limits)))


def _find(cloud_id: str) -> Cloud:
    cloud = db.find(Cloud, cloud_id, COMMAND)
    if cloud is None:
        raise click.ClickException(f"There is no cloud {cloud_id}.")
    return cloud
