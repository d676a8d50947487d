"""Nobody finds out of many addresses which have an account, whatever page asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event

from portal import db
from portal.domain import cloud_access, identity, team, values
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.cloud_access import explanation
from portal.domain.clouds import Cloud
from portal.domain.errors import Refused
from portal.domain.identity import AddressMiss
from portal.domain.imports.validation import validate
from tests.domain.test_races import Run, race, without_locks
from tests.support.answers import errors
from tests.support.browser import Browser
from tests.support.clouds import assign_account_role
from tests.support.world import (
    AMIR,
    DORA,
    OLGA,
    SAM,
    TINA,
    VERA,
    Clock,
    World,
    actor,
)

__all__ = ["race"]


def on_cloud(world: World, email: str, address: str = "who@nowhere.example") -> str:
    """Look the address up in the access control of Dora's cloud; the refusal's code."""

    def unit() -> None:
        cloud, by = db.session.get_one(Cloud, world.doras_cloud), actor(email)
        cloud_access.grant(cloud, by=by, role=CloudRole.VIEWER, to=values.email(address))

    return refusal(unit)


def on_team(world: World, email: str, address: str = "who@nowhere.example") -> str:
    """The same among the staff of North."""

    def unit() -> None:
        north, by = db.session.get_one(BillingAccount, world.north), actor(email)
        team.add(north, by=by, address=values.email(address), role=AccountRole.VIEWER)

    return refusal(unit)


def refusal(unit: Callable[[], object]) -> str:
    try:
        db.write(unit)
    except Refused as refused:
        return str(refused.code)
    return ""


def misses() -> int:
    return db.read(lambda: db.session.query(AddressMiss).count())


def test_ten_misses_of_a_person_in_24_hours_then_one_answer_for_all_addresses(
    app: Flask, world: World, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assign_account_role(DORA, AccountRole.ADMIN, world.north)
    assert on_cloud(world, DORA, SAM) == "", "who has an account is no miss"
    assert [on_cloud(world, DORA) for _n in range(5)] == ["no-account"] * 5
    clock.forward(hours=1)
    assert [on_team(world, DORA) for _n in range(5)] == ["no-account"] * 5
    answers = {
        look_up(world, DORA, address)
        for look_up in (on_cloud, on_team)
        for address in (SAM, TINA, "who@nowhere.example")
    }
    assert (answers, misses()) == ({"look-ups-many"}, 10)
    assert "address_look_up.refused" in capsys.readouterr().err
    assert on_team(world, OLGA, TINA) == "", "others go on"
    clock.forward(hours=23)
    assert on_cloud(world, DORA, TINA) == ""


def test_thirty_misses_of_an_account_whoever_looks(app: Flask, world: World) -> None:
    for email in (DORA, VERA):
        assign_account_role(email, AccountRole.ADMIN, world.north)
    for email in (OLGA, AMIR, DORA):
        assert [on_team(world, email) for _n in range(10)] == ["no-account"] * 10
    assert on_team(world, VERA, TINA) == "look-ups-many"
    address = values.email("who@nowhere.example")
    system = {"by": COMMAND, "account_id": world.north}
    assert refusal(lambda: identity.look_up(address, **system)) == "no-account", "no person asks"
    assert misses() == 30


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_look_ups_at_the_same_time_count_one_another(
    world: World, race: Run, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    assert [on_cloud(world, DORA) for _n in range(9)] == ["no-account"] * 9
    if not is_guarded:
        without_locks(monkeypatch, identity.User, BillingAccount, Cloud)
    dora = actor(DORA)

    def unit() -> object:
        cloud, address = db.session.get_one(Cloud, world.doras_cloud), values.email("x@y.example")
        return cloud_access.grant(cloud, by=dora, role=CloudRole.VIEWER, to=address)

    outcomes = race(unit, unit, unit)
    assert outcomes.count("look-ups-many") == (2 if is_guarded else 0), outcomes
    assert misses() == (10 if is_guarded else 12)


def test_the_pages_say_when_it_works_again(
    app: Flask, world: World, browser: Callable[..., Browser]
) -> None:
    for _n in range(10):
        on_cloud(world, DORA)
        on_team(world, OLGA)
    pages = {
        DORA: f"/console/clouds/{world.doras_cloud}/access",
        OLGA: f"/partner/{world.north}/team",
    }
    for email, page in pages.items():
        client = browser(email)
        client.get(f"{page}/add")
        client.submit("Add", email=TINA)
        assert "No address is looked up until 3 Mar 2026, 10:00:00 UTC." in errors(client)["email"]
        assert "mailto:" not in str(client.page), "no draft that says there is no account"


def test_imports_and_explanations_never_tell(app: Flask, world: World) -> None:
    north = db.session.get_one(BillingAccount, world.north)
    cloud = db.session.get_one(Cloud, world.doras_cloud)
    told: list[object] = []
    statements: list[object] = []
    explanation.explain(cloud, None, reader=actor(DORA))  # who pays is asked once a request
    event.listen(
        db.extension.engine, "before_cursor_execute", lambda *call: statements.append(call[2])
    )
    for address in (TINA, "who@nowhere.example"):
        cells = {"name": "New", "invitation_email": "n@c.example", "country": "DE"}
        reasons = validate(north, cells | {"manager": address}).reasons
        someone = identity.user_by_email(address)
        statements.clear()
        abilities = explanation.explain(cloud, someone, reader=actor(DORA))
        told.append(([reason.code for reason in reasons], abilities, len(statements)))
    assert told[0] == told[1]
    assert misses() == 0
