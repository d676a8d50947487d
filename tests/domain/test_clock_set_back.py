"""The clock is set back to before the cast existed: nothing breaks, and no interval is negative."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from portal import db
from portal.domain import access, doctor, workflows
from portal.domain.access import AccountAccess, CloudAccess, CloudRole
from portal.domain.actors import COMMAND, Actor
from portal.domain.errors import Refused
from tests.domain.test_audit import WHO_MAY
from tests.support.browser import Browser
from tests.support.verbs import VERBS, Verb
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
