"""Erasing what is kept of a customer's person; what happened stays in the log."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from portal import db
from portal.domain import accounts, audit, locks, notifications
from portal.domain.access import AccountAccess
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.notes import erase_notes
from portal.domain.customers.record import Customer, Status, hold
from portal.domain.errors import Code, Refused
from portal.domain.identity import SavedForm
from portal.domain.invitations import Invitation
from portal.domain.outbox import OPEN_STATES, OutboxEntry

PERSONAL = (
    "invitation_email",
    "longname",
    "tin",
    "phone",
    "email",
    "legal_address",
    "post_address",
    "post_code",
    "description",
    "reference",
    "search_key",
)


def erase(record: Customer, *, by: Actor) -> None:
    """An operator blanks the personal values of an Inactive customer: record, invitation, mails,
    notices, notes. IDs, country and states stay, and the log still verifies.

    Raises Refused(Code.CUSTOMER_NOT_INACTIVE, "mail-leaving").
    """
    hold(record)
    if record.status is not Status.INACTIVE:
        raise Refused(Code.CUSTOMER_NOT_INACTIVE, status=record.status)
    if record.email_key == record.id:
        return
    erase_notes(record)
    for field in PERSONAL:
        setattr(record, field, "")
    # An ID is nobody's address and nobody's name, and still something to click on in a list.
    record.email_key = record.name = record.id
    record.manager_id = None
    record.version += 1
    subaccount = db.session.get_one(BillingAccount, record.subaccount_id)
    accounts.rename(subaccount, name=record.subaccount_id)
    asked = db.session.get_one(Invitation, record.subaccount_id)
    asked.email, asked.email_key = "", record.id
    _erase_kept_forms(record)
    notifications.erase(record.id)
    _erase_mail(record)
    audit.record(
        Action.CUSTOMER_ERASE, by=by, chain=record.partner_id, thing=record.id, customer=record.id
    )


def _erase_kept_forms(record: Customer) -> None:
    """What somebody of the staff had typed when their session was found dead may be this record."""
    staff = select(AccountAccess.user_id).where(AccountAccess.account_id == record.partner_id)
    kept = locks.rows(SavedForm.id, SavedForm.user_id.in_(staff))
    db.session.execute(delete(SavedForm).where(SavedForm.id.in_(kept)))


def _erase_mail(record: Customer) -> None:
    """A relay's answer often names the recipient, so it goes, too."""
    mine = OutboxEntry.about.in_((record.subaccount_id, record.id))
    db.session.execute(locks.rows(OutboxEntry.id, mine)).all()
    leaving = select(OutboxEntry.id).where(mine, OutboxEntry.state.in_(OPEN_STATES))
    if db.session.scalar(leaving.limit(1)) is not None:
        raise Refused(Code.MAIL_LEAVING)
    db.session.execute(update(OutboxEntry).where(mine).values(recipient="", facts={}, answer=None))
