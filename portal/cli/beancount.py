"""Beancount: the ledger as plain-text accounting, which `bean-check` proves.

https://beancount.github.io/docs/beancount_language_syntax.html: amounts of a transaction sum to
zero. What the operator holds for an account is a liability, a grant is one, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from portal.domain import billing_days
from portal.domain.ledger import MANUAL, PERSONAL, WAIVED, BookEntry, BookLot, PostingKind

Amounts = list[tuple[str, Decimal]]
OPENED_ON, DAY = date(1970, 1, 1), timedelta(days=1)
USAGE, GRANTS = "Income:Usage", "Expenses:Grants"
OTHER_SIDES = {
    PostingKind.PAYMENT: "Assets:Payments",
    PostingKind.CREDIT: "Expenses:Credits",
    PostingKind.EXPIRY: GRANTS,
    PostingKind.ROUNDING: "Income:Rounding",
}
"""What balances postings of a kind; of all others usage."""


class _Ends:
    """What accounts must have at the end: what the ledger keeps of them, and what adds to it."""

    def __init__(self) -> None:
        self.kept: dict[str, Decimal] = {}
        self.added: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.last_on = OPENED_ON

    def add(self, name: str, amount: Decimal, at: datetime) -> None:
        self.added[name] += amount
        self.last_on = max(self.last_on, billing_days.day_of(at))

    def add_entry(self, it: BookEntry) -> None:
        name = account_of(it.account_id, it.bearer)
        is_expiry = it.kind is PostingKind.EXPIRY
        if it.bearer == PERSONAL:
            self.kept[name] = -it.balance
        elif it.used is not None:
            self.kept[name] = it.used
        self.add(name, -it.amount if is_expiry or it.bearer == WAIVED else Decimal(0), it.at)

    def lines(self, currency: str) -> Iterator[str]:
        yield "\n"
        names = sorted({*self.kept, *self.added})
        for name in sorted({*names, USAGE, GRANTS, *OTHER_SIDES.values()}):
            yield f"{OPENED_ON} open {name} {currency}\n"
        for name in names:
            amount = self.kept.get(name, Decimal(0)) + self.added[name]
            yield f"{self.last_on + DAY} balance {name}  {amount:.6f} ~ 0 {currency}\n"


def render(entries: Iterable[BookEntry], lots: Iterable[BookLot], currency: str) -> Iterator[str]:
    """The lines of a beancount file: entries by account and number, the grants, and at the end what
    each account must have."""
    yield f'option "operating_currency" "{currency}"\n'
    ends = _Ends()
    sides: dict[str, str] = {}
    for (_account_id, posting_id), some in groupby(entries, lambda it: (it[0], it.posting_id)):
        legs = list(some)
        first = legs[0]
        # what counters an entry is balanced by what balanced it
        side = sides.get(first.subject) or OTHER_SIDES.get(first.kind, USAGE)
        if first.kind in MANUAL:
            sides[f"{first.account_id}:{first.seq}"] = side
        amounts = [(account_of(it.account_id, it.bearer), -it.amount) for it in legs]
        amounts.append((side, sum((it.amount for it in legs), Decimal(0))))
        yield from _transaction(first.at, (first.kind, first.reason), posting_id, amounts, currency)
        for it in legs:
            ends.add_entry(it)
    for lot in lots:
        name = account_of(lot.account_id, lot.id)
        amounts = [(name, -lot.amount), (GRANTS, lot.amount)]
        yield from _transaction(lot.at, ("grant", lot.reason), lot.id, amounts, currency)
        ends.add(name, -lot.amount, lot.at)
    yield from ends.lines(currency)


def account_of(account_id: str, bearer: str) -> str:
    """The name of an account's part: parts begin with a capital letter."""
    whose = account_id.capitalize()
    if bearer == WAIVED:
        return f"Expenses:Waived:{whose}"
    return f"Liabilities:{whose}:{bearer.capitalize()}"


def _transaction(
    at: datetime,
    words: tuple[str, str],
    link: str,
    amounts: list[tuple[str, Decimal]],
    currency: str,
) -> Iterator[str]:
    yield f"\n{billing_days.day_of(at)} * {_text(words[0])} {_text(words[1])} ^{link}\n"
    for name, amount in amounts:
        yield f"  {name}  {amount:.6f} {currency}\n"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
