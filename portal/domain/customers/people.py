"""A customer's people: the user who confirmed, and whom one of these people added."""

from __future__ import annotations

from sqlalchemy import select

from portal import db
from portal.domain import access
from portal.domain.access import AccountAccess
from portal.domain.actions import Action
from portal.domain.customers.record import Customer
from portal.domain.identity import User
from portal.domain.invitations import Invitation


def people_of(customer: Customer) -> set[str]:
    """Return the IDs of the users who are a confirmed customer's people; those who have left the
    subaccount are among them, the partner's staff is not."""
    query = select(AccountAccess.user_id, AccountAccess.granted_by)
    rows = db.session.execute(query.where(AccountAccess.account_id == customer.subaccount_id)).all()
    people = {_confirmer_of(customer)}
    while added := {user_id for user_id, granter in rows if granter in people} - people:
        people |= added
    return people - access.staff_ids(customer.partner_id)


def administrators_of(customer: Customer) -> list[str]:
    """Return the IDs of the enabled users from the customer's side who administer the subaccount:
    first the user who confirmed, then those who have the role for longest."""
    query = (
        select(AccountAccess.user_id)
        .join(User, User.id == AccountAccess.user_id)
        .where(
            AccountAccess.account_id == customer.subaccount_id,
            AccountAccess.role.in_(access.ACCOUNT_TABLE[Action.ACCESS_MANAGE]),
            access.in_effect(),
            AccountAccess.user_id.in_(people_of(customer)),
            User.disabled_at.is_(None),
        )
        .order_by(AccountAccess.user_id != _confirmer_of(customer), AccountAccess.id)
    )
    return list(dict.fromkeys(db.session.scalars(query)))


def _confirmer_of(customer: Customer) -> str:
    return db.session.get_one(Invitation, customer.subaccount_id).answered_by or ""
