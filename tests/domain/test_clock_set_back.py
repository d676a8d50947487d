"""The clock is set back to before the cast existed: nothing breaks, and no interval is negative."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from portal import db
from portal.domain import access, customers, doctor, identity, values, workflows
from portal.domain.access import AccountAccess, CloudAccess, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, Actor
from portal.domain.errors import Refused
from portal.domain.mail_deliveries import MailDelivery
from tests.domain.test_address_look_ups import on_cloud
from tests.domain.test_audit import WHO_MAY
from tests.support.browser import Browser
from tests.support.verbs import VERBS
from tests.support.verbs.verb import Verb
from tests.support.world import DORA, EDDIE, OLGA, SAM, START, Clock, World, actor, user

LAST_WEEK = START.replace(day=1, hour=23)
"""The day before the cast was built, in the week before."""


def _disable(_world: World, _by: Actor) -> None:
    workflows.disable_user(user(OLGA), by=COMMAND, heir=user(EDDIE))


DISABLE = Verb("user.disable", lambda world: world.north, _disable)


class RolledBackError(Exception):
    """Ends a unit of work without its changes."""


def outcome(verb: Verb, world: World) -> str:
    """Prepare the sample, set the clock back, and call the verb; the code of its refusal."""
    by, codes = actor(WHO_MAY.get(verb.action, OLGA)), []

    def unit() -> None:
        verb.prepare(world, by)
        db.set_now(LAST_WEEK)
        try:
            verb.run(world, by)
        except Refused as refused:
            codes.append(str(refused.code))
        for model in (AccountAccess, CloudAccess):
            ended = db.session.query(model).filter(model.revoked_at < model.granted_at)
            assert ended.count() == 0
        raise RolledBackError

    with pytest.raises(RolledBackError):
        db.write(unit)
    return "".join(codes)


def test_no_verb_breaks_and_none_is_refused_but_what_waits_for_a_time(
    app: Flask, world: World, clock: Clock
) -> None:
    outcomes = {verb.name: outcome(verb, world) for verb in (*VERBS, DISABLE)}
    assert {name: code for name, code in outcomes.items() if code} == {
        "_send_again": "resend-early"
    }
    clock.now = LAST_WEEK
    assert [result for result in doctor.run() if result.total] == []


def test_a_role_given_later_is_changed_and_revoked_on_its_pages(
    app: Flask, world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    holder = {"cloud_id": world.doras_cloud, "user_id": user(SAM).id}
    db.write(lambda: access.assign_cloud_role(CloudRole.VIEWER, **holder, by=COMMAND))
    clock.now = LAST_WEEK
    dora, page = browser(DORA), f"/console/clouds/{world.doras_cloud}/access/{user(SAM).id}"
    dora.get(f"{page}/change")
    dora.submit("Save", role=CloudRole.MEMBER)
    assert "Sam Stranger’s role is saved." in dora.text
    dora.get(f"{page}/revoke")
    dora.submit("Revoke")
    assert "Sam Stranger has no role on this cloud any more." in dora.text


def test_pages_that_count_days_and_weeks_open(
    app: Flask, world: World, clock: Clock, browser: Callable[..., Browser]
) -> None:
    clock.now = LAST_WEEK
    olga = browser(OLGA)
    for page in ("acceptance", world.carls_customer):
        assert olga.get(f"/partner/{world.north}/customers/{page}").status_code == 200
        assert not re.search(r"[-−]\d+ (day|min|h|s)\b", olga.text)


def test_what_was_counted_later_delays_nobody_by_more_than_its_window(
    app: Flask, world: World, clock: Clock
) -> None:
    for _ in range(10):
        assert minutes_to_wait() == 0
    for _ in range(10):
        assert on_cloud(world, DORA) == "no-account"
    clock.now = LAST_WEEK
    assert minutes_to_wait() == 15
    assert on_cloud(world, DORA, SAM) == on_cloud(world, DORA) == "look-ups-many"
    clock.now = LAST_WEEK - timedelta(days=1)
    assert on_cloud(world, DORA, SAM) == ""


@pytest.mark.parametrize("settings", [{"INVITATIONS_PER_DAY": "2"}])
def test_who_added_customers_later_invites_again(app: Flask, world: World, clock: Clock) -> None:
    clock.now = LAST_WEEK - timedelta(days=1)
    assert customers.next_invitation_at(db.session.get_one(BillingAccount, world.north)) is None


def test_no_session_and_no_link_lives_until_the_clock_is_there_again(
    app: Flask, world: World, clock: Clock
) -> None:
    token = db.write(lambda: identity.open_session(user(OLGA).id, user_agent="Browser"))
    db.write(lambda: identity.request_password_reset(values.email(OLGA)))
    (mail,) = db.session.query(MailDelivery).filter_by(kind="password-reset")
    key = mail.about

    def state() -> tuple[bool, bool, bool]:
        """Whether the session lives, whether it is recent, whether the link is valid."""
        session = identity.actor_of_session(token)
        is_recent = session is not None and identity.has_recent_authentication(session[0])
        return session is not None, is_recent, identity.user_for_reset(key) is not None

    clock.forward(minutes=-9)
    assert db.read(state) == (True, True, True)
    clock.forward(minutes=-10)
    assert db.read(state) == (True, False, True)
    clock.now = LAST_WEEK
    assert db.read(state) == (False, False, False)


def minutes_to_wait() -> int:
    """Count a wrong password of Olga; the minutes after which the next is allowed."""
    try:
        db.write(lambda: identity.count_password_attempt(OLGA, network="192.0.2.1"))
    except Refused as refused:
        return int(refused.facts["minutes"])
    return 0
