"""Who someone is: passwords, sessions, and what is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY
from flask import Flask

from portal import db
from portal.domain import identity
from portal.domain.actors import COMMAND, Actor
from portal.domain.identity import SavedForm, UserSession
from portal.domain.identity.password import MAX_CONCURRENT_HASHES, Hasher
from tests.conftest import HASHER
from tests.domain.test_sign_up import sign_up, waiting
from tests.support.world import (
    CARL,
    DORA,
    PASSWORD,
    SAM,
    Clock,
    actor,
    all_rows,
    user,
)


def sign_in(email: str = DORA) -> str:
    return db.write(lambda: identity.open_session(user(email).id, user_agent="Browser 1"))


def signed_in(token: str) -> Actor | None:
    """Who is signed in with this token at the next request."""

    def read() -> Actor | None:
        found = identity.actor_of_session(token)
        return found and found[0]

    return db.read(read)


def use(token: str) -> None:
    who = signed_in(token)
    assert who is not None
    db.write(lambda: identity.touch_session(who))


def tidy() -> None:
    db.write(identity.purge_expired)


def test_a_password_is_stored_as_an_argon2_hash_with_a_salt() -> None:
    one, two = identity.hash_password(PASSWORD), identity.hash_password(PASSWORD)
    assert one.startswith("$argon2id$")
    assert one != two
    assert HASHER.verify(one, PASSWORD)


def test_the_right_password_and_nothing_else_signs_in(app: object) -> None:
    found = identity.check_password(DORA, PASSWORD)
    assert found is not None
    assert found.id == user(DORA).id
    for email, password in (
        (DORA, PASSWORD.upper()),
        (DORA, ""),
        ("nobody@direct.example", PASSWORD),
        ("", PASSWORD),
    ):
        assert identity.check_password(email, password) is None


def disable(email: str) -> None:
    def unit() -> None:
        user(email).disabled_at = db.now()

    db.write(unit)


@pytest.fixture
def hashing_by() -> Iterator[Callable[[Hasher], None]]:
    """Passwords are hashed by the test's own hasher until it ends."""
    with ExitStack() as stack:

        def use(hasher: Hasher) -> None:
            stack.callback(identity.use_hasher, identity.use_hasher(hasher))

        yield use


class Counting:
    """The real hasher, which keeps against what hashes it was asked to verify."""

    def __init__(self) -> None:
        self.hashes: list[str] = []

    def hash(self, typed: str) -> str:
        return HASHER.hash(typed)

    def verify(self, stored: str, typed: str) -> bool:
        self.hashes.append(stored)
        return HASHER.verify(stored, typed)


def test_a_password_costs_what_rfc_9106_asks_for_at_least() -> None:
    assert extract_parameters(HASHER.hash(PASSWORD)) == RFC_9106_LOW_MEMORY


class Meeting:
    """Hashes nothing; whoever comes waits a little for one more than may be at it at once."""

    def __init__(self) -> None:
        self.met = threading.Barrier(MAX_CONCURRENT_HASHES + 1, timeout=0.2)
        self.came = list[bool]()

    def verify(self, _stored: str, _typed: str) -> bool:
        with suppress(threading.BrokenBarrierError):
            self.met.wait()
        self.came.append(not self.met.broken)
        return True

    def hash(self, _typed: str) -> str:
        return str(self.verify("", ""))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_however_many_come_at_once_the_memory_for_their_passwords_is_bounded(
    app: Flask, hashing_by: Callable[[Hasher], None]
) -> None:
    meeting = Meeting()
    hashing_by(meeting)
    identity.check_password("nobody@direct.example", PASSWORD)  # the first makes nobody's hash
    meeting.met.reset()
    meeting.came.clear()

    def sign_in_or_choose_one(number: int) -> None:
        if number % 2:
            identity.hash_password(PASSWORD)
        else:
            with app.app_context():
                db.read(lambda: identity.check_password("nobody@direct.example", PASSWORD))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sign_in_or_choose_one, range(8)))
    assert meeting.came == [False] * 8


def test_a_missing_user_costs_one_hash_as_costly_as_a_users(
    app: object, hashing_by: Callable[[Hasher], None]
) -> None:
    counting = Counting()
    hashing_by(counting)
    for nobody in ("nobody@direct.example", ""):
        assert identity.check_password(nobody, PASSWORD) is None
    users = extract_parameters(HASHER.hash(PASSWORD))
    assert [extract_parameters(stored) for stored in counting.hashes] == [users, users]


def test_a_disabled_user_does_not_sign_in_and_is_signed_out(app: object) -> None:
    token = sign_in()
    disable(DORA)
    assert identity.check_password(DORA, PASSWORD) is None
    assert signed_in(token) is None


def test_a_session_is_its_users(app: object) -> None:
    doras, sams = sign_in(DORA), sign_in(SAM)
    assert (signed_in(doras) or COMMAND).email == DORA
    assert (signed_in(sams) or COMMAND).email == SAM


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\x00", "é" * 50])
def test_a_made_up_token_is_nobody(app: object, token: str) -> None:
    sign_in()
    assert signed_in(token) is None


def test_the_database_never_holds_the_token_itself(app: object) -> None:
    token = sign_in()
    row = db.session.query(UserSession).one()
    assert len(token) >= 43, "256 bits"
    assert token not in str(all_rows())
    assert signed_in(row.id) is None, "who reads the row can't use it"


def test_an_idle_session_ends_after_half_an_hour(app: object, clock: Clock) -> None:
    token = sign_in()
    clock.forward(minutes=29, seconds=59)
    assert signed_in(token) is not None
    clock.forward(seconds=1)
    assert signed_in(token) is None


def test_a_session_in_use_ends_after_eight_hours(app: object, clock: Clock) -> None:
    token = sign_in()
    for _ in range(16):
        clock.forward(minutes=29)
        use(token)
    clock.forward(minutes=15)
    use(token)
    clock.forward(minutes=1)
    assert signed_in(token) is None


def test_signing_out_ends_this_session_and_no_other(app: object) -> None:
    here, there = sign_in(), sign_in()
    who = signed_in(here)
    assert who is not None
    db.write(lambda: identity.end_session(who))
    assert signed_in(here) is None
    assert signed_in(there) is not None


def test_using_an_ended_session_does_not_wake_it(app: object) -> None:
    token = sign_in()
    who = signed_in(token)
    assert who is not None
    db.write(lambda: identity.end_session(who))
    db.write(lambda: identity.touch_session(who))
    assert signed_in(token) is None


def test_old_things_are_forgotten_and_new_ones_kept(app: object, clock: Clock) -> None:
    def come(email: str) -> None:
        ident = user(email).id
        db.write(lambda: identity.save_form(ident, {"name": ["typed"]}))
        sign_in(email)

    sign_up("old@client.example")
    clock.forward(hours=40)
    come(DORA)
    clock.forward(hours=4)
    come(SAM)
    sign_up("new@client.example")
    clock.forward(hours=5)
    tidy()
    assert [each.email for each in waiting()] == ["new@client.example"]
    assert [row.user_id for row in db.session.query(SavedForm)] == [user(SAM).id]
    assert [row.user_id for row in db.session.query(UserSession)] == [user(SAM).id]


def test_forgetting_keeps_sessions_that_live(app: object, clock: Clock) -> None:
    token = sign_in()
    clock.forward(minutes=20)
    tidy()
    assert signed_in(token) is not None


def test_a_kept_form_is_shown_to_its_owner_only(app: object) -> None:
    fields = {"name": ["Ünïcode & <b>"], "country": ["DE"]}
    key = db.write(lambda: identity.save_form(user(DORA).id, fields))
    kept = db.find(SavedForm, key, actor(DORA))
    assert kept is not None
    assert kept.fields == fields
    assert db.find(SavedForm, key, actor(SAM)) is None


def test_an_operator_is_made_by_a_verb(app: object) -> None:
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    assert actor(DORA).is_operator
    assert not actor(CARL).is_operator
