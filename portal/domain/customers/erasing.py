"""Erasing a customer's personal data; its audit lines stay."""

from __future__ import annotations

from sqlalchemy import delete, select

from portal import db
from portal.domain import accounts, audit, locks, mail_deliveries, notifications
from portal.domain.access import AccountAccess
from portal.domain.accounts import BillingAccount
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.notes import erase_notes
from portal.domain.customers.record import Customer, Status, lock_customer
from portal.domain.errors import Code, Refused
from portal.domain.identity import SavedForm
from portal.domain.invitations import Invitation

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


def erase(customer: Customer, *, by: Actor) -> None:
    """An operator erases the personal data of an Inactive customer: record, invitation, mails,
    notifications, notes. IDs, country and states stay, and the audit log still verifies.

    Raises Refused("customer-not-inactive", "mail-leaving").
    """
    lock_customer(customer)
    if customer.status is not Status.INACTIVE:
        raise Refused(Code.CUSTOMER_NOT_INACTIVE, status=customer.status)
    if customer.email_key == customer.id:
        return
    erase_notes(customer)
    for field in PERSONAL:
        setattr(customer, field, "")
    # The ID is not personal, and still serves as the text of links in lists.
    customer.email_key = customer.name = customer.id
    customer.manager_id = None
    customer.version += 1
    subaccount = db.session.get_one(BillingAccount, customer.subaccount_id)
    accounts.rename(subaccount, name=customer.subaccount_id)
    invitation = db.session.get_one(Invitation, customer.subaccount_id)
    invitation.email, invitation.email_key = "", customer.id
    _delete_saved_forms(customer)
    notifications.erase(customer.id)
    if not mail_deliveries.erase(customer.subaccount_id, customer.id):
        raise Refused(Code.MAIL_LEAVING)
    audit.record(
        Action.CUSTOMER_ERASE,
        by=by,
        chain=customer.partner_id,
        thing=customer.id,
        customer=customer.id,
    )


def _delete_saved_forms(customer: Customer) -> None:
    """Delete the staff's forms saved for sign-in: any of them may hold this customer's data."""
    staff = select(AccountAccess.user_id).where(AccountAccess.account_id == customer.partner_id)
    form_ids = locks.select_for_update(SavedForm.id, SavedForm.user_id.in_(staff))
    db.session.execute(delete(SavedForm).where(SavedForm.id.in_(form_ids)))
