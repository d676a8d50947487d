"""Usage by a real CloudKitty."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from portal.providers.contract import Ability, Cloud, NeedsPerson, Usage
from portal.providers.openstack import Problem
from tests.clouds.domains import Domain
from tests.clouds.rating import Rating
from tests.clouds.relay import ignoring_filters

_days = itertools.count()


@pytest.fixture
def day() -> date:
    """A day of the past that no other test meters."""
    return date(2026, 1, 10) + timedelta(days=3 * next(_days))


def gib(project_id: str, volume: str, quantity: str, cost: str) -> Usage:
    return Usage(project_id, volume, "volume.size", Decimal(quantity), "GiB", Decimal(cost))


def test_a_day_is_the_sum_of_its_hours_to_ten_places_of_our_projects_only(
    rating: Rating, domain: Domain, day: date
) -> None:
    connection, ours, theirs = rating.connect(domain), secrets.token_hex(8), secrets.token_hex(8)
    rating.meter(day - timedelta(days=1), (ours, "v1", "9", "9"), hour=23)
    rating.meter(day, (ours, "v1", "0.1", "0.3333333333"), (theirs, "v2", "7", "7"))
    rating.meter(day, (ours, "v1", "0.2", "0.3333333333"), hour=23)
    rating.meter(day + timedelta(days=1), (ours, "v1", "9", "9"))

    assert list(connection.usage({ours}, day)) == [gib(ours, "v1", "0.3", "0.6666666666")]
    assert list(connection.usage({secrets.token_hex(8)}, day)) == []


def test_a_day_that_was_corrected_is_read_as_it_is_now(
    rating: Rating, domain: Domain, day: date
) -> None:
    connection, ours = rating.connect(domain), secrets.token_hex(8)
    rating.meter(day, (ours, "v1", "5", "1"))
    assert list(connection.usage({ours}, day)) == [gib(ours, "v1", "5", "1")]

    rating.meter(day, (ours, "v1", "2.5", "0.5"), (ours, "v2", "1", "0"))

    assert list(connection.usage({ours}, day)) == [
        gib(ours, "v1", "2.5", "0.5"),
        gib(ours, "v2", "1", "0"),
    ]


def test_250_rows_come_in_pages_of_100(rating: Rating, domain: Domain, day: date) -> None:
    connection, ours = rating.connect(domain), secrets.token_hex(8)
    rating.meter(day, *((ours, f"v{number:03}", "1", "0.1") for number in range(250)))
    known = ("begin", "end", "groupby", "offset")  # without a limit, pages have 100 rows
    with ignoring_filters(rating.port, known) as port:
        rating.move(f"http://127.0.0.1:{port}")
        rows = list(connection.usage({ours}, day))
        rating.move(rating.url)

    assert rows == [gib(ours, f"v{number:03}", "1", "0.1") for number in range(250)]


def test_a_month_instead_of_the_day_is_refused(rating: Rating, domain: Domain, day: date) -> None:
    connection, ours = rating.connect(domain), secrets.token_hex(8)
    rating.meter(datetime.now(UTC).date(), (ours, "v1", "5", "1"))
    with ignoring_filters(rating.port, ("groupby", "limit", "offset")) as port:
        rating.move(f"http://127.0.0.1:{port}")
        with pytest.raises(NeedsPerson) as refusal:
            list(connection.usage({ours}, day))
        rating.move(rating.url)

    assert refusal.value.code == Problem.RATING_UNCLEAR


def test_usage_goes_on_while_the_project_is_suspended(
    rating: Rating, domain: Domain, day: date
) -> None:
    connection = rating.connect(domain)
    shop = connection.ensure_cloud("job1", Cloud("b1g00000000000000001", "Web shop")).external_id
    rating.meter(day, (shop, "v1", "5", "1"))

    connection.suspend("job2", shop)

    assert list(connection.usage({shop}, day)) == [gib(shop, "v1", "5", "1")]


def test_the_preflight_says_whether_usage_can_be_read(rating: Rating, domain: Domain) -> None:
    preflight = rating.connect(domain).preflight()

    assert preflight.missing == ()
    assert Ability.USAGE_HISTORY in preflight.abilities


def test_who_sees_one_project_only_is_refused_instead_of_getting_part(
    rating: Rating, domain: Domain, day: date
) -> None:
    connection = rating.connect(domain, role="reader")

    with pytest.raises(NeedsPerson) as refusal:
        connection.usage({"p1"}, day)

    assert refusal.value.code == Problem.RATING_REFUSED
    (missing,) = connection.preflight().missing
    assert missing.startswith("read the usage of all projects (")
