"""What operators record by hand: payments, credits, further lots; and counter entries."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import func, select

from portal import db
from portal.domain import access, audit, billing_months, identity
from portal.domain.access.permissions import Account
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.ledger.grants import add_lot, settle_from
from portal.domain.ledger.payment import PERSONAL
from portal.domain.ledger.posting import add_entries, begin
from portal.domain.ledger.record import MANUAL, Entry, Ledger, Lot, Posting, PostingKind
from portal.domain.values import line

MAX_REASON = 200
LARGEST = Decimal(10) ** 12
STEP = Decimal("0.000001")
KINDS = {
    Action.MONEY_PAYMENT: PostingKind.PAYMENT,
    Action.MONEY_CREDIT: PostingKind.CREDIT,
    Action.MONEY_COUNTER: PostingKind.COUNTER,
}


def record_payment(account: Account, *, amount: Decimal, reason: str, by: Actor) -> Entry:
    """An operator records what an account has paid.

    Raises ReauthenticationRequired, Forbidden, Refused("amount-range", "account-pays-not"),
    Invalid.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONEY_PAYMENT)
    if amount.is_nan() or amount <= 0:
        raise Refused(Code.AMOUNT_RANGE, field="amount")
    return _record(Action.MONEY_PAYMENT, account, amount, reason=reason, by=by)


def record_credit(account: Account, *, amount: Decimal, reason: str, by: Actor) -> Entry:
    """An operator credits an account with an amount, or debits it with a negative one.

    Raises ReauthenticationRequired, Forbidden, Refused("amount-range", "account-pays-not"),
    Invalid.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONEY_CREDIT)
    return _record(Action.MONEY_CREDIT, account, amount, reason=reason, by=by)


def counter(account: Account, *, seq: int, reason: str, by: Actor) -> Entry:
    """An operator counters an entry that was recorded by hand; nothing is edited.

    Raises ReauthenticationRequired, Forbidden, Refused("account-pays-not", "entry-unknown",
    "entry-of-usage", "entry-countered"), Invalid.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONEY_COUNTER)
    _lock(account)
    entry = db.session.get(Entry, (account.id, seq))
    if entry is None:
        raise Refused(Code.ENTRY_UNKNOWN, field="entry")
    kind = db.session.get_one(Posting, entry.posting_id).kind
    if kind not in MANUAL:
        raise Refused(Code.ENTRY_OF_USAGE, field="entry")
    subject = f"{account.id}:{seq}"
    is_it = Posting.kind == PostingKind.COUNTER, Posting.subject == subject
    if db.session.scalar(select(func.count()).select_from(Posting).where(*is_it)):
        raise Refused(Code.ENTRY_COUNTERED, field="entry")
    terms = {"reason": reason, "subject": subject}
    return _record(Action.MONEY_COUNTER, account, -entry.amount, **terms, by=by)


def give_lot(
    account: Account,
    *,
    amount: Decimal,
    first_on: date,
    last_on: date,
    reason: str,
    by: Actor,
) -> Lot:
    """An operator gives an account a further lot; it pays for usage of its days that is charged
    already, too.

    Raises ReauthenticationRequired, Forbidden, Refused("amount-range", "account-pays-not",
    "days-reversed", "month-closed"), Invalid.
    """
    identity.require_recent(by)
    access.require_operator(by, Action.MONEY_LOT)
    reason = line(reason, limit=MAX_REASON)
    _lock(account)
    _check(amount)
    if amount <= 0:
        raise Refused(Code.AMOUNT_RANGE, field="amount")
    if last_on < first_on:
        raise Refused(Code.DAYS_REVERSED, field="last_on")
    if not billing_months.is_open(billing_months.month_of(last_on)):
        raise Refused(Code.MONTH_CLOSED, field="last_on")
    terms = {"amount": amount, "first_on": first_on, "last_on": last_on}
    lot = add_lot(account.id, **terms, reason=reason, by=by)  # type: ignore[arg-type]
    settle_from(account.id, first_on, PostingKind.LOT, subject=lot.id, by=by)
    audit.record(Action.MONEY_LOT, by=by, chain=account.chain, thing=lot.id)
    return lot


def _record(
    action: Action,
    account: Account,
    amount: Decimal,
    *,
    reason: str,
    by: Actor,
    subject: str = "",
) -> Entry:
    reason = line(reason, limit=MAX_REASON)
    _lock(account)
    _check(amount)
    posting = begin(KINDS[action], subject=subject or account.id, by=by, reason=reason)
    add_entries(posting, {account.id: {PERSONAL: amount}})
    seq = db.session.get_one(Ledger, account.id, populate_existing=True).entries
    audit.record(action, by=by, chain=account.chain, thing=account.id, entry=seq)
    return db.session.get_one(Entry, (account.id, seq))


def _lock(account: Account) -> None:
    """Lock the account. A subaccount pays nothing: its partner does."""
    db.lock(type(account), account.id)
    if account.parent_id is not None:
        raise Refused(Code.ACCOUNT_PAYS_NOT, field="account")


def _check(amount: Decimal) -> None:
    """Raises Refused("amount-range") for 0, too large an amount, or more than six decimals."""
    is_exact = amount.is_finite() and abs(amount) < LARGEST and amount == amount.quantize(STEP)
    if not is_exact or not amount:
        raise Refused(Code.AMOUNT_RANGE, field="amount")
