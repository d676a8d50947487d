"""Attribution by DuckDB gives the shares that the rules of the domain say, to the last digit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.charges.splitting import Row, shares
from portal.usage_files import Span, Term, attribute
from tests.support.usage_files import kept_parts

START = datetime(2026, 3, 5, 20, tzinfo=UTC)
MARCH = date(2026, 3, 1)
HOUR = 3_600_000_000
PERIOD = {"BillingPeriodStart": "2026-03-01", "BillingPeriodEnd": "2026-04-01"}
FOREVER = 2**62


def us(hours: float) -> int:
    return int(START.timestamp() * 1_000_000 + hours * HOUR)


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def spans_of(key: str, hours: list[int], sign: int = 1) -> list[Span]:
    """Links of a cloud that begin at these hours."""
    moments = [us(hour) for hour in hours]
    since, until = [-FOREVER, *moments[1:]], [*moments[1:], FOREVER]
    days = [(START + timedelta(hours=hour)).date() for hour in hours]
    return [
        Span(key, sign, begin, end, moments[0], day)
        for begin, end, day in zip(since, until, days, strict=True)
    ]


def row(cost: str, start: float, end: float, **values: str) -> dict[str, str]:
    times = {"ChargePeriodStart": at(start), "ChargePeriodEnd": at(end)}
    return {"BilledCost": cost, **times, **PERIOD, **values}


def sums(terms: list[Term], spans: list[Span]) -> dict[tuple[int, str], int]:
    found: Counter[tuple[int, str]] = Counter()
    with attribute(terms, spans) as attribution:
        for share in attribution.shares():
            found[share.span, share.usage_on] += share.units
    return dict(found)


def test_a_row_across_a_link_is_split_by_time_and_the_rest_is_on_the_day_of_the_link() -> None:
    terms = [Term(kept_parts(row("0.000000000000010", 0, 6)), 1, [MARCH])]
    assert sums(terms, spans_of("project-1", [-9, 4])) == {
        (0, "2026-03-05"): 6,
        (1, "2026-03-06"): 4,
    }


def test_other_rows_are_not_split_and_what_ends_before_the_first_link_is_left_out() -> None:
    rows = [row("1", 0, 6, ChargeCategory="Purchase"), row("2", 0, 1), row("4", 2, 2)]
    terms = [Term(kept_parts(*rows), 1, [MARCH])]
    assert sums(terms, spans_of("project-1", [3, 4])) == {(0, "2026-03-05"): 10**15}
    assert sums(terms, spans_of("project-1", [-1, 2])) == {
        (0, "2026-03-05"): 3 * 10**15,
        (1, "2026-03-05"): 4 * 10**15,
    }


def test_what_is_taken_back_and_added_again_is_nothing() -> None:
    content = kept_parts(row("1.23", 0, 6), row("-7", 1, 9))
    terms = [Term(content, 1, [MARCH]), Term(content, -1, [MARCH])]
    assert sums(terms, spans_of("project-1", [-1, 2])) == {}
    assert sums([Term(content, 1, [])], spans_of("project-1", [-1, 2])) == {}
    assert sums([], []) == {}
    moved = spans_of("project-1", [-1], sign=-1) + spans_of("project-1", [-1])
    assert sums([Term(content, 1, [MARCH])], moved) == {
        (0, "2026-03-05"): 577 * 10**13,
        (1, "2026-03-05"): -577 * 10**13,
    }


def test_rows_that_end_later_are_listed() -> None:
    rows = [row("1", 0, 6), row("2", -5, -4), row("3", -3, -2), row("4", 7, 7)]
    with attribute([Term(kept_parts(*rows), 1, [MARCH])], spans_of("project-1", [-4])) as found:
        late = [(it.units // 10**15, it.start_us, it.end_us) for it in found.late_rows(us(-3))]
    assert sorted(late) == [(1, us(0), us(6)), (3, us(-3), us(-2)), (4, us(7), us(7))]


AMOUNTS = st.sampled_from(["999999999999.999999999999999", "-0.000000000000007", "0.1", "-3", "7"])


@given(
    st.lists(
        st.tuples(
            AMOUNTS,
            st.integers(0, 20),
            st.integers(0, 20),
            st.sampled_from(["Usage", "Tax", "Credit"]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sets(st.integers(1, 30), min_size=1, max_size=3).map(sorted),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_shares_are_those_of_the_rules(
    chosen: list[tuple[str, int, int, str]], links: list[int]
) -> None:
    rows = [
        row(cost, start, start + length, ChargeCategory=category)
        for cost, start, length, category in chosen
    ]
    expected: Counter[tuple[int, str]] = Counter()
    for cost, start, length, category in chosen:
        units = int(Decimal(cost) * 10**15)
        rule = Row(units, us(start), us(start + length), category)
        for share in shares(rule, [us(hour) for hour in links]):
            day = datetime.fromtimestamp(share.start / 1_000_000, UTC).date()
            expected[share.link, day.isoformat()] += share.units
    found = sums([Term(kept_parts(*rows), 1, [MARCH])], spans_of("project-1", links))
    assert found == {key: units for key, units in expected.items() if units}
