"""Checks of an invitation's mail: it is handed over at most once (I2)."""

from __future__ import annotations

from sqlalchemy import and_, func, select

from portal.domain import invitations, mail_deliveries
from portal.domain.doctor.check import Query, select_check
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState, MailDelivery

NOT_HANDED_OVER = (*mail_deliveries.NOT_DELIVERED, DeliveryState.CANCELLED)
"""The states of a mail that certainly did not arrive; in all others it did or may."""


@select_check("I2", "{1} mails of the invitation were handed over, or may be.")
def invitation_handed_over_twice() -> Query:
    count, key = func.count(), MailDelivery.about
    return (
        select(key, count)
        .where(MailDelivery.kind == invitations.MAIL, MailDelivery.state.not_in(NOT_HANDED_OVER))
        .group_by(key)
        .having(count > 1)
    )


@select_check("I2", "The mail {1} of the invitation is sent again after an unknown outcome.")
def invitation_mail_repeats() -> Query:
    return select(MailDelivery.about, MailDelivery.id).where(
        MailDelivery.kind == invitations.MAIL, ~MailDelivery.is_once
    )


@select_check("I2", "The invitation has no mail, not even a cancelled one.")
def invitation_without_mail() -> Query:
    mails = and_(
        MailDelivery.about == Invitation.subaccount_id, MailDelivery.kind == invitations.MAIL
    )
    return (
        select(Invitation.subaccount_id)
        .outerjoin(MailDelivery, mails)
        .where(MailDelivery.id.is_(None))
    )
