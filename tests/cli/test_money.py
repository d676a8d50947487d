"""`flask money`: payments, credits, grants, counter entries, and what it shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.cli.test_cli import call
from tests.domain.test_charges import move
from tests.support.money import balance, entries, problems, row
from tests.support.months import APRIL, close
from tests.support.usage import deliver
from tests.support.world import Clock, World

WHY = "--reason", "Bank"


@pytest.fixture
def kind() -> str:
    """Nothing here depends on the database."""
    return "sqlite"


def test_what_is_recorded_by_hand_is_entered_countered_once_and_shown(
    app: Flask, world: World
) -> None:
    deliver(row("4001", world.ninas_cloud))
    assert call(app, "money", "payment", world.north, "50.25", *WHY) == (
        0,
        "Entry 3: 50.25 EUR. Balance: 49.25 EUR.\n",
    )
    code, said = call(app, "money", "credit", world.north, "-0.25", *WHY)
    assert (code, said) == (0, "Entry 4: -0.25 EUR. Balance: 49.00 EUR.\n")
    assert call(app, "money", "counter", world.north, "4", *WHY)[0] == 0
    days = "--first", "2026-03-01", "--last", "2026-03-02"
    assert call(app, "money", "grant", world.north, "0.75", *days, *WHY)[0] == 0
    code, said = call(app, "money", "show", world.north)
    assert "Balance: 50.00 EUR" in said
    assert "2026-03-01 to 2026-03-02  0.75 EUR, used 0.75 EUR, left 0.00 EUR" in said
    assert [kind for kind, _amount, _balance in entries(world.north)] == [
        *("delivery", "delivery", "payment", "credit", "counter", "lot", "lot")
    ]
    assert problems() == []
    for odd in ("1_000", "１２"):
        code, said = call(app, "money", "payment", world.north, odd, *WHY)
        assert (code, "must be a number such as 49.50" in said) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("payment", "north", "-1"), "Enter an amount such as"),
        (("credit", "north", "0"), "Enter an amount such as"),
        (("credit", "north", "0.0000001"), "Enter an amount such as"),
        (("credit", "north", "NaN"), "Enter an amount such as"),
        (("payment", "north", "NaN"), "Enter an amount such as"),
        (("payment", "ninas_subaccount", "1"), "its balance is always zero"),
        (("counter", "north", "1"), "This entry comes from usage"),
        (("counter", "north", "9"), "no entry with this number"),
        (("counter", "north", "3"), "countered already"),
        (("show", "ninas_subaccount"), "its partner pays"),
    ],
)
def test_what_cannot_be_recorded_says_why(
    app: Flask, world: World, arguments: tuple[str, ...], sentence: str
) -> None:
    deliver(row("4000", world.ninas_cloud), row("1", world.ninas_cloud, "01T10", "02T10"))
    call(app, "money", "payment", world.north, "1", *WHY)
    call(app, "money", "counter", world.north, "3", *WHY)
    verb, of, *more = arguments
    reason = () if verb == "show" else WHY
    code, said = call(app, "money", verb, getattr(world, of), *more, *reason)
    assert code == 1
    assert sentence in said


def test_the_exported_ledger_passes_bean_check(
    app: Flask, world: World, clock: Clock, tmp_path: Path
) -> None:
    """With lots, a link, entries by hand, closings with rounding and expiry, corrections."""
    reason = "--reason", 'Bank "North" \\ October'
    days = "--first", "2026-03-25", "--last", "2026-03-31"
    assert call(app, "money", "grant", world.north, "0.75", *days, *reason)[0] == 0
    deliver(row("4001.006", world.ninas_cloud), row("2.5", world.doras_cloud, "20T10"))
    move(world.doras_cloud, world.ninas_subaccount)
    assert call(app, "money", "payment", world.north, "50.25", *reason)[0] == 0
    number = str(len(entries(world.north)))
    assert call(app, "money", "counter", world.north, number, *WHY)[0] == 0
    close(clock)
    deliver(row("3999.1", world.ninas_cloud))
    close(clock, APRIL)
    kinds = {kind for kind, _amount, _balance in entries(world.north)}
    assert kinds == {"delivery", "link", "payment", "counter", "rounding", "expiry"}
    code, text = call(app, "money", "export")
    assert (code, problems()) == (0, [])
    north = world.north.capitalize()
    assert f" balance Liabilities:{north}:Personal  {-balance(world.north):.6f} ~ 0 EUR" in text
    file = tmp_path / "ledger.beancount"
    checker = Path(sys.executable).with_name("bean-check")
    for content, expected in ((text, 0), (text.replace("50.250000", "50.260000", 1), 1)):
        file.write_text(content)
        answer = subprocess.run([checker, file], capture_output=True, text=True, check=False)
        assert answer.returncode == expected, answer.stderr
