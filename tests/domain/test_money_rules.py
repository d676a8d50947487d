"""The rules of money, without a database, against slow models that are written independently."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.domain.charges.splitting import Row, Share, shares
from portal.domain.ledger.payment import (
    PERSONAL,
    WAIVED,
    Day,
    DayKind,
    Draws,
    Terms,
    draw,
    round_units,
)

FIRST = date(2026, 3, 1)
OWED = (False, False)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def lot(ident: str, amount: int, first: int = 0, last: int = 9) -> Terms:
    return Terms(ident, amount, day(first), day(last))


def draws_of(
    sums: dict[int, int], *lots: Terms, trial_until: date | None = None
) -> dict[int, Draws]:
    """The draws of days by number, of usage that is owed, or waivable if there is a trial."""
    kind = (False, trial_until is not None)
    days = {DayKind(day(number), *kind): Day(micros) for number, micros in sums.items()}
    found = draw(days, lots, trial_until=trial_until)
    return {(key.usage_on - FIRST).days: draws for key, draws in found.items()}


def test_the_lot_pays_first_and_the_account_from_the_middle_of_a_day() -> None:
    assert draws_of({0: 3, 1: 4, 2: 5}, lot("a", 5)) == {
        0: {"a": 3},
        1: {"a": 2, PERSONAL: 2},
        2: {PERSONAL: 5},
    }


def test_the_lot_that_expires_first_pays_first_and_at_a_tie_the_older() -> None:
    late, early = lot("late", 9), lot("early", 2, last=3)
    assert draws_of({3: 3}, late, early) == {3: {"early": 2, "late": 1}}
    assert draws_of({0: 1}, lot("older", 9), lot("newer", 9)) == {0: {"older": 1}}


def test_a_lot_pays_for_its_first_and_its_last_day_and_for_no_other() -> None:
    assert draws_of({0: 1, 1: 1, 3: 1, 4: 1}, lot("a", 9, 1, 3)) == {
        0: {PERSONAL: 1},
        1: {"a": 1},
        3: {"a": 1},
        4: {PERSONAL: 1},
    }


def test_usage_in_trial_that_no_lot_covers_is_waived_until_the_day_of_the_switch() -> None:
    assert draws_of({0: 3, 1: 3, 2: 3}, lot("a", 2), trial_until=day(1)) == {
        0: {"a": 2, WAIVED: 1},
        1: {WAIVED: 3},
        2: {PERSONAL: 3},
    }


def test_purchases_are_not_paid_from_lots_unless_they_pay_all_and_then_last() -> None:
    days = {DayKind(FIRST, True, False): Day(3), DayKind(FIRST, *OWED): Day(2)}
    terms = [lot("a", 4)]
    assert list(draw(days, terms, trial_until=None).values()) == [{"a": 2}, {PERSONAL: 3}]
    assert list(draw(days, terms, trial_until=None, lots_pay_all=True).values()) == [
        {"a": 2},
        {"a": 2, PERSONAL: 1},
    ]


def test_a_negative_day_is_a_credit() -> None:
    assert draws_of({0: -5, 1: 2}, lot("a", 1)) == {0: {PERSONAL: -5}, 1: {"a": 1, PERSONAL: 1}}


@pytest.mark.parametrize(
    ("micros", "expected"),
    [
        (12, {"a": 4, "b": 3, PERSONAL: 5}),
        (9, {"a": 4, "b": 3, PERSONAL: 2}),
        (6, {"a": 4, "b": 2}),
        (1, {"a": 1}),
        (-2, {PERSONAL: -2}),
    ],
)
def test_a_late_row_of_a_closed_month_undoes_what_its_day_drew(
    micros: int, expected: Draws
) -> None:
    key = DayKind(FIRST, *OWED)
    closed = Day(micros, {"a": 4, "b": 3, PERSONAL: 3})
    terms = [lot("a", 4, last=3), lot("b", 3, last=5)]
    assert draw({key: closed}, terms, trial_until=None) == {key: expected}


def test_what_an_undone_day_gives_back_pays_for_later_days() -> None:
    keys = [DayKind(day(n), *OWED) for n in (0, 1)]
    days = {keys[0]: Day(1, {"a": 4}), keys[1]: Day(5)}
    found = draw(days, [lot("a", 4)], trial_until=None)
    assert found == {keys[0]: {"a": 1}, keys[1]: {"a": 3, PERSONAL: 2}}


KEYS = st.builds(DayKind, st.integers(0, 6).map(day), st.booleans(), st.booleans())
LOTS = st.lists(
    st.builds(
        lambda amount, ends: (amount, *sorted(ends)),
        st.integers(1, 12),
        st.tuples(st.integers(0, 6), st.integers(0, 6)),
    ),
    max_size=4,
)


def model(
    days: dict[DayKind, int], lots: list[Terms], trial_until: date | None
) -> dict[DayKind, Draws]:
    """One unit after the other looks for the lot that pays for it."""
    coins = {terms.id: terms.amount for terms in lots}
    result: dict[DayKind, Draws] = {}
    for key in sorted(days, key=lambda key: (key.usage_on, key.is_purchase, key.is_waivable)):
        is_trial = trial_until is not None and key.usage_on <= trial_until
        bears: Draws = {}
        for _unit in range(abs(days[key])):
            payers = [
                (terms.last_on, number, terms.id)
                for number, terms in enumerate(lots)
                if terms.first_on <= key.usage_on <= terms.last_on and coins[terms.id]
            ]
            if days[key] > 0 and payers and not key.is_purchase:
                who = min(payers)[2]
                coins[who] -= 1
            else:
                who = WAIVED if is_trial and key.is_waivable else PERSONAL
            bears[who] = bears.get(who, 0) + (1 if days[key] > 0 else -1)
        result[key] = bears
    return result


@given(st.dictionaries(KEYS, st.integers(-4, 12), max_size=8), LOTS, st.none() | st.integers(0, 6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_draws_are_those_of_a_model_that_pays_unit_by_unit(
    sums: dict[DayKind, int], chosen: list[tuple[int, int, int]], trial: int | None
) -> None:
    lots = [lot(str(number), *terms) for number, terms in enumerate(chosen)]
    trial_until = None if trial is None else day(trial)
    found = draw({k: Day(v) for k, v in sums.items()}, lots, trial_until=trial_until)
    assert found == model(sums, lots, trial_until)
    used = {terms.id: sum(draws.get(terms.id, 0) for draws in found.values()) for terms in lots}
    for terms in lots:
        assert 0 <= used[terms.id] <= terms.amount
        for key, draws in found.items():
            is_covered = terms.first_on <= key.usage_on <= terms.last_on and not key.is_purchase
            if is_covered and any(draws.get(bearer, 0) > 0 for bearer in (PERSONAL, WAIVED)):
                assert used[terms.id] == terms.amount


@given(st.dictionaries(KEYS, st.tuples(st.integers(-4, 12), st.integers(-6, 6)), max_size=8), LOTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_lot_is_overdrawn_by_what_comes_late_to_closed_months(
    sums: dict[DayKind, tuple[int, int]], chosen: list[tuple[int, int, int]]
) -> None:
    lots = [lot(str(number), *terms) for number, terms in enumerate(chosen)]
    closed = draw({k: Day(first) for k, (first, _) in sums.items()}, lots, trial_until=None)
    late = {k: Day(sum(pair), closed[k]) for k, pair in sums.items()}
    found = draw(late, lots, trial_until=None)
    assert {key: sum(draws.values()) for key, draws in found.items()} == {
        key: late[key].micros for key in late
    }
    for terms in lots:
        used = [draws.get(terms.id, 0) for draws in found.values()]
        assert min(used, default=0) >= 0
        assert sum(used) <= terms.amount
    same = draw(
        {k: Day(first, closed[k]) for k, (first, _) in sums.items()}, lots, trial_until=None
    )
    assert same == closed


@pytest.mark.parametrize(
    ("units", "micros"),
    [(499_999_999, 0), (500_000_000, 1), (-500_000_000, -1), (-499_999_999, 0), (10**27, 10**18)],
)
def test_rounding_is_half_away_from_zero(units: int, micros: int) -> None:
    assert round_units(units) == micros


CATEGORIES = st.sampled_from(["Usage", "Purchase", "Tax", "Credit", "Adjustment"])
ROWS = st.builds(
    lambda units, start, length, category: Row(units, start, start + length, category),
    st.integers(-(10**6), 10**6) | st.sampled_from([10**27 - 1, 1 - 10**27]),
    st.integers(0, 20),
    st.integers(0, 20),
    CATEGORIES,
)
MOMENTS = st.sets(st.integers(1, 40), min_size=1, max_size=4).map(sorted)


def split_by_fractions(row: Row, since: list[int]) -> list[Share]:
    """The shares, worked out moment by moment with fractions."""
    length = row.end - row.start
    if (row.end <= since[0]) if length else (row.start < since[0]):
        return []
    if row.category != "Usage" or not length:
        owner = max((n for n, begin in enumerate(since) if begin <= row.start), default=0)
        return [Share(owner, row.units, row.start)]
    cuts = [row.start, *(m for m in since[1:] if row.start < m < row.end), row.end]
    found = []
    for begin, end in pairwise(cuts):
        owner = max((n for n, moment in enumerate(since) if moment <= begin), default=0)
        totals = [int(Fraction(row.units) * (cut - row.start) / length) for cut in (begin, end)]
        found.append(Share(owner, totals[1] - totals[0], begin))
    return found


@given(ROWS, MOMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_shares_are_those_of_fractions_and_sum_to_the_row(row: Row, since: list[int]) -> None:
    found = list(shares(row, since))
    assert found == split_by_fractions(row, since)
    assert not found or sum(share.units for share in found) == row.units


@given(ROWS, MOMENTS, st.integers(1, 30))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_later_link_never_changes_an_earlier_share(
    row: Row, since: list[int], later: int
) -> None:
    moment = since[-1] + later
    before, after = list(shares(row, since)), list(shares(row, [*since, moment]))
    kept = [share for share in before if share.link < len(since) - 1]
    assert [share for share in after if share.link < len(since) - 1] == kept
    assert sum(share.units for share in after) == sum(share.units for share in before)
