"""Limits: passwords and mails are counted before anything happens, and every limit ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from portal import db
from portal.domain import identity
from portal.domain.errors import Refused
from portal.domain.identity import RateLimitCounter
from tests.support.world import DORA, Clock

HERE = "192.0.2.1"


def allowed(account: str = DORA, network: str = HERE) -> bool:
    """Whether a password may be tried now; if so, it is counted."""
    try:
        db.write(lambda: identity.count_password_attempt(account, network=network))
    except Refused:
        return False
    return True


def minutes_to_wait(account: str = DORA, network: str = HERE) -> int:
    with pytest.raises(Refused) as caught:
        db.write(lambda: identity.count_password_attempt(account, network=network))
    return int(caught.value.facts["minutes"])


def mails(to: str, network: str = HERE, *, asked: int = 1) -> int:
    """How many of so many mails asked for are sent."""
    sent = 0
    for _ in range(asked):
        try:
            db.write(lambda: identity.count_mail_request(to, network=network))
        except Refused:
            continue
        sent += 1
    return sent


def test_an_account_has_ten_tries_in_any_quarter_of_an_hour(app: object, clock: Clock) -> None:
    for number in range(10):
        assert allowed(network=f"192.0.2.{number}"), number
        clock.forward(minutes=1)
    assert not allowed(network="192.0.2.99")
    clock.forward(minutes=5)
    assert allowed(network="192.0.2.99"), "the first one is a quarter of an hour ago"
    assert not allowed(network="192.0.2.99"), "the second one is not yet"


def test_a_refused_try_tells_how_long_to_wait_and_does_not_prolong_it(
    app: object, clock: Clock
) -> None:
    for _ in range(10):
        allowed()
    assert minutes_to_wait() == 15
    clock.forward(minutes=10)
    assert minutes_to_wait() == 5
    clock.forward(minutes=5)
    assert allowed()


def test_a_network_has_twenty_tries_in_an_hour_whatever_the_accounts(
    app: object, clock: Clock
) -> None:
    assert [allowed(f"user{n}@client.example") for n in range(21)] == [True] * 20 + [False]
    assert allowed("user99@client.example", network="192.0.2.2")
    assert minutes_to_wait("user99@client.example") == 60
    clock.forward(hours=1)
    assert allowed("user99@client.example")


def test_the_addresses_of_one_ipv6_network_count_together(app: object) -> None:
    tries = [allowed(f"u{n}@client.example", f"2001:db8::{n:x}") for n in range(21)]
    assert tries == [True] * 20 + [False]
    assert allowed("u@client.example", "2001:db8:0:1::1")


def test_an_ipv4_address_written_as_ipv6_is_the_same(app: object) -> None:
    for n in range(20):
        assert allowed(f"u{n}@client.example", "192.0.2.7")
    assert not allowed("u@client.example", "::ffff:192.0.2.7")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_is_no_ip_address_counts_as_one_network(app: object) -> None:
    tries = [allowed(f"u{n}@client.example", f"198.51.100.8:{n}") for n in range(20)]
    assert tries == [True] * 20
    assert not allowed("u@client.example", "")


def test_the_right_password_begins_the_accounts_count_again_and_not_the_networks(
    app: object,
) -> None:
    for _ in range(9):
        allowed()
    allowed()
    db.write(lambda: identity.reset_password_attempts(DORA, network=HERE))
    assert [allowed() for _ in range(11)] == [True] * 10 + [False]
    assert allowed("x@client.example"), "nineteen that failed"
    assert not allowed("y@client.example"), "twenty that failed"


def test_an_address_gets_three_mails_an_hour(app: object, clock: Clock) -> None:
    assert mails(DORA, asked=5) == 3
    assert mails(DORA, "192.0.2.2") == 0
    assert mails("other@client.example") == 1
    clock.forward(hours=1)
    assert mails(DORA) == 1


def test_a_network_asks_for_twenty_mails_an_hour(app: object) -> None:
    assert sum(mails(f"u{n}@client.example") for n in range(25)) == 20


@pytest.mark.parametrize("typed", ["", "\x00", "x" * 10_000, "пароль", "a'; DROP TABLE tries"])
def test_whatever_is_typed_as_an_account_is_counted_and_kept_nowhere(
    app: object, typed: str
) -> None:
    assert [allowed(typed, f"192.0.2.{n}") for n in range(11)] == [True] * 10 + [False]
    keys = db.read(lambda: [row.key for row in db.session.query(RateLimitCounter)])
    assert all(len(key) == 64 for key in keys)


def test_counts_that_nobody_looks_at_any_more_are_forgotten(app: object, clock: Clock) -> None:
    allowed()
    clock.forward(minutes=20)
    db.write(identity.purge_expired)
    assert db.read(lambda: db.session.query(RateLimitCounter).count()) == 1, (
        "the network's lasts an hour"
    )
    clock.forward(minutes=41)
    db.write(identity.purge_expired)
    assert db.read(lambda: db.session.query(RateLimitCounter).count()) == 0


def at_once(app: Flask, count: int, one: object) -> int:
    """How many of so many threads are allowed."""
    barrier = threading.Barrier(count)

    def run(_number: int) -> bool:
        with app.app_context():
            barrier.wait(timeout=20)
            return bool(one())  # type: ignore[operator]

    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(run, range(count)))


@pytest.mark.parametrize("kind", ["postgresql"])
def test_of_thirty_tries_at_once_ten_are_checked(app: Flask) -> None:
    db.session.rollback()
    assert at_once(app, 30, allowed) == 10


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_holding_the_row_more_than_ten_are_checked(app: Flask) -> None:
    for _ in range(9):
        allowed()
    db.session.rollback()
    read = threading.Barrier(3)

    def unguarded() -> bool:
        def unit() -> bool:
            row = min(db.session.query(RateLimitCounter), key=lambda row: row.until_at)
            is_free = len(row.at) < 10
            read.wait(timeout=20)
            row.at = [*row.at, db.now().timestamp()]
            return is_free

        return db.write(unit)

    assert at_once(app, 3, unguarded) == 3, "twelve in all"
