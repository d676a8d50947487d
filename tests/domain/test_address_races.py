"""Two at once who want one address, on PostgreSQL: it becomes one person's, with the control."""

from __future__ import annotations

from functools import partial

import pytest

from portal import db
from portal.domain import identity, values
from portal.domain.identity import User
from tests.domain.test_races import Run, race, take_out
from tests.support.world import CARL, DORA, World, register, signed_in

__all__ = ["race"]

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_one_address_verified_twice_at_once_makes_one_account(
    world: World,
    race: Run,
    is_guarded: bool,
) -> None:
    if not is_guarded:
        take_out("ALTER TABLE users DROP CONSTRAINT uq_users_email_key")

    def verify() -> None:
        register("new@comer.example", "New Comer")

    assert race(verify, verify) == sorted(["done", "account-exists" if is_guarded else "done"])
    made = db.session.query(User).filter_by(email="new@comer.example").count()
    assert made == (1 if is_guarded else 2)


@pytest.mark.parametrize("is_guarded", [True, pytest.param(False, id="control")])
def test_one_address_that_two_change_to_at_once_is_one_persons(
    world: World, race: Run, is_guarded: bool
) -> None:
    people, address = (signed_in(CARL), signed_in(DORA)), values.email("new@comer.example")

    def asking() -> list[str]:
        for person in people:
            identity.request_email_change(person, address)
        return [db.session.get_one(identity.EmailChange, person.id).id for person in people]

    changes = db.write(asking)
    if not is_guarded:
        take_out("ALTER TABLE users DROP CONSTRAINT uq_users_email_key")
    units = [partial(identity.change_email, *pair) for pair in zip(people, changes, strict=True)]
    assert race(*units) == ["done", "email-in-use" if is_guarded else "done"]
