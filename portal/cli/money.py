"""`flask money`: record payments, credits and grants; counter, show and export entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from flask.cli import AppGroup

from portal import db
from portal.cli import beancount
from portal.cli.refusals import run_unit
from portal.domain import ledger, policy
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.ledger import Entry
from portal.wording import usage as wording

commands = AppGroup("money", help="Balance, grants and entries of accounts.")


class Amount(click.ParamType):  # type: ignore[type-arg]
    """A decimal number such as 49.50."""

    name = "amount"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        is_plain = value.isascii() and "_" not in value  # Decimal reads 1_000, too
        try:
            return Decimal(value if is_plain else "")
        except InvalidOperation:
            self.fail("must be a number such as 49.50", param, ctx)


REASON = click.option("--reason", required=True, help="Why; who sees entries reads it.")
DAY = click.DateTime(["%Y-%m-%d"])


def _account(account_id: str) -> BillingAccount:
    account = db.session.get(BillingAccount, account_id)
    if account is None:
        raise click.ClickException(f"There is no account {account_id}.")
    return account


def _print(unit: Callable[[], Entry]) -> None:
    def text() -> str:
        entry = unit()
        return f"Entry {entry.seq}: {_text(entry.amount)}. Balance: {_text(entry.balance)}."

    click.echo(run_unit(text))


def _text(amount: Decimal) -> str:
    return f"{wording.exact_text(amount)} {policy.current().currency}"


@commands.command("payment", context_settings={"ignore_unknown_options": True})
@click.argument("account")
@click.argument("amount", type=Amount())
@REASON
def payment(account: str, amount: Decimal, reason: str) -> None:
    """ACCOUNT has paid AMOUNT."""
    more: dict[str, Any] = {"amount": amount, "reason": reason, "by": COMMAND}
    _print(lambda: ledger.record_payment(_account(account), **more))


@commands.command("credit", context_settings={"ignore_unknown_options": True})
@click.argument("account")
@click.argument("amount", type=Amount())
@REASON
def credit(account: str, amount: Decimal, reason: str) -> None:
    """Credit ACCOUNT with AMOUNT; a negative one debits it."""
    more: dict[str, Any] = {"amount": amount, "reason": reason, "by": COMMAND}
    _print(lambda: ledger.record_credit(_account(account), **more))


@commands.command("counter")
@click.argument("account")
@click.argument("entry", type=int)
@REASON
def counter(account: str, entry: int, reason: str) -> None:
    """Counter the ENTRY with this number of ACCOUNT, which was recorded by hand."""
    more: dict[str, Any] = {"seq": entry, "reason": reason, "by": COMMAND}
    _print(lambda: ledger.counter(_account(account), **more))


@commands.command("grant")
@click.argument("account")
@click.argument("amount", type=Amount())
@click.option("--first", type=DAY, required=True, help="The first usage day that it pays for.")
@click.option("--last", type=DAY, required=True, help="The last one.")
@REASON
def grant(account: str, amount: Decimal, first: datetime, last: datetime, reason: str) -> None:
    """Give ACCOUNT a further grant of AMOUNT."""
    days: dict[str, date] = {"first_on": first.date(), "last_on": last.date()}
    more: dict[str, Any] = {"amount": amount, "reason": reason, "by": COMMAND, **days}
    lot_id = run_unit(lambda: ledger.give_lot(_account(account), **more).id)
    click.echo(f"Given: {lot_id}")


@commands.command("show")
@click.argument("account")
def show(account: str) -> None:
    """Balance, grants and newest entries of ACCOUNT."""

    def load() -> list[str]:
        row = _account(account)
        money = ledger.money_of(row.id)
        if money is None:
            raise click.ClickException(f"{account} is a subaccount: its partner pays.")
        lines = [f"Balance: {_text(money.balance)}", f"Waived: {_text(money.waived)}"]
        for lot in money.lots:
            days = f"{lot.first_on} to {lot.last_on}"
            lines.append(
                f"{lot.id}  {days}  {_text(lot.amount)}, used {_text(lot.used)}, "
                f"left {_text(lot.left)}"
            )
        lines += [
            f"{it.seq:>6}  {it.at:%Y-%m-%d %H:%M} UTC  {it.kind:<10}  {it.bearer:<20}  "
            f"{_text(it.amount)}  {_text(it.balance)}  {it.reason}"
            for it in ledger.entries_of(row.id)
        ]
        return lines

    for text in db.read(load):
        click.echo(text)


@commands.command("export")
def export() -> None:
    """Print the ledger of all accounts as beancount text, which `bean-check` proves."""

    def unit() -> None:
        currency = policy.current().currency
        for text in beancount.render(ledger.entries_of_all(), ledger.lots_of_all(), currency):
            click.echo(text, nl=False)

    db.read(unit)
