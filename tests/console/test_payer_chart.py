"""The chart of *Who paid for each cloud*: whose bar is where, in which color."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal.console import payer_chart
from portal.domain.accounts import BillingAccount
from portal.domain.reports import CloudPayer

NOW = datetime(2026, 11, 16, tzinfo=UTC)
OWN = BillingAccount(id="own", name="Own")


def payer(cloud: str, account: str | None, since: datetime, until: datetime | None) -> CloudPayer:
    return CloudPayer(cloud, cloud, account, account, since, until, None, is_sum=False)


def test_each_payer_has_a_bar_as_long_as_it_paid_and_a_color_of_its_own() -> None:
    first, moved, left = (datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11))
    payers = [
        payer("a", "other", left, None),
        payer("a", None, moved, left),
        payer("a", "own", first, moved),
        payer("b", "own", moved, None),
    ]
    chart = payer_chart.draw(OWN, payers, NOW)
    assert chart is not None
    assert chart.key == [("mine", "own"), ("c1", "other"), ("c0", None)]
    for drawing in chart.drawings:
        first_line, second_line = drawing.lines
        assert [bar.color for bar in first_line.bars] == ["c1", "c0", "mine"]
        assert [bar.row for line in drawing.lines for bar in line.bars] == [0, 1, 2, 3]
        newest, middle, oldest = first_line.bars
        assert oldest.x == drawing.left
        assert oldest.x + oldest.width == pytest.approx(middle.x)
        assert newest.x + newest.width == pytest.approx(drawing.width - 2)
        assert second_line.bars[0].x == pytest.approx(middle.x)
        assert [day for day, _x in drawing.months] == [date(2026, 10, 1), date(2026, 11, 1)]


def test_the_last_year_of_the_first_clouds_is_drawn() -> None:
    long_ago = datetime(2023, 1, 1, tzinfo=UTC)
    assert payer_chart.draw(OWN, [], NOW) is None
    ended = payer("a", "own", long_ago, datetime(2024, 1, 1, tzinfo=UTC))
    assert payer_chart.draw(OWN, [ended], NOW) is None
    many = [payer(f"c{number:02}", "own", long_ago, None) for number in range(20)]
    chart = payer_chart.draw(OWN, [ended, *many], NOW)
    assert chart is not None
    assert chart.is_part
    wide, _mid, narrow = chart.drawings
    assert len(wide.lines) == payer_chart.CLOUDS - 1
    assert (len(wide.months), len(narrow.months)) == (12, 4)
    assert {bar.x for line in wide.lines for bar in line.bars} == {wide.left}
