"""Checks of customers: one subaccount, one invitation, one default cloud with its folder (I1)."""

from __future__ import annotations

from sqlalchemy import and_, exists, func, select

from portal.domain.accounts import BillingAccount, Kind
from portal.domain.clouds import Cloud, Folder, Link
from portal.domain.customers import Customer
from portal.domain.doctor.check import Query, select_check
from portal.domain.invitations import Invitation


@select_check("I1", "The customer has no subaccount {1} under its partner {2}.")
def customer_without_subaccount() -> Query:
    subaccounts = and_(
        BillingAccount.id == Customer.subaccount_id,
        BillingAccount.parent_id == Customer.partner_id,
        BillingAccount.kind == Kind.SUBACCOUNT,
    )
    return (
        select(Customer.id, Customer.subaccount_id, Customer.partner_id)
        .outerjoin(BillingAccount, subaccounts)
        .where(BillingAccount.id.is_(None))
    )


@select_check("I1", "The subaccount of the partner {1} belongs to no customer.")
def subaccount_without_customer() -> Query:
    return (
        select(BillingAccount.id, BillingAccount.parent_id)
        .outerjoin(Customer, Customer.subaccount_id == BillingAccount.id)
        .where(BillingAccount.kind == Kind.SUBACCOUNT, Customer.id.is_(None))
    )


@select_check("I1", "The subaccount belongs to {1} customers.")
def subaccount_of_several_customers() -> Query:
    count = func.count()
    return select(Customer.subaccount_id, count).group_by(Customer.subaccount_id).having(count > 1)


@select_check("I1", "The customer has no invitation from its partner to its subaccount {1}.")
def customer_without_invitation() -> Query:
    invitations = and_(
        Invitation.subaccount_id == Customer.subaccount_id,
        Invitation.partner_id == Customer.partner_id,
    )
    return (
        select(Customer.id, Customer.subaccount_id)
        .outerjoin(Invitation, invitations)
        .where(Invitation.subaccount_id.is_(None))
    )


@select_check("I1", "The invitation to this subaccount belongs to no customer.")
def invitation_without_customer() -> Query:
    return (
        select(Invitation.subaccount_id)
        .outerjoin(Customer, Customer.subaccount_id == Invitation.subaccount_id)
        .where(Customer.id.is_(None))
    )


@select_check("I1", "The subaccount has {1} invitations.")
def customer_with_several_invitations() -> Query:
    count, key = func.count(), Invitation.subaccount_id
    return select(key, count).group_by(key).having(count > 1)


@select_check("I1", "The default cloud {1} of the customer does not exist.")
def default_cloud_missing() -> Query:
    return (
        select(Customer.id, Customer.default_cloud_id)
        .outerjoin(Cloud, Cloud.id == Customer.default_cloud_id)
        .where(Customer.default_cloud_id.is_not(None), Cloud.id.is_(None))
    )


@select_check("I1", "The cloud is the default cloud of {1} customers.")
def default_cloud_of_several_customers() -> Query:
    count, key = func.count(), Customer.default_cloud_id
    return select(key, count).where(key.is_not(None)).group_by(key).having(count > 1)


@select_check("I1", "The default cloud {1} of the customer was never linked to its subaccount.")
def default_cloud_never_linked() -> Query:
    links = and_(
        Link.cloud_id == Customer.default_cloud_id, Link.account_id == Customer.subaccount_id
    )
    return (
        select(Customer.id, Customer.default_cloud_id)
        .join(Cloud, Cloud.id == Customer.default_cloud_id)
        .where(~exists().where(links))
    )


@select_check("I1", "The default cloud of the customer {1} has no default folder.")
def default_cloud_without_default_folder() -> Query:
    folders = and_(Folder.cloud_id == Cloud.id, Folder.is_default)
    return (
        select(Cloud.id, Customer.id)
        .join(Customer, Customer.default_cloud_id == Cloud.id)
        .where(~exists().where(folders))
    )


@select_check("I1", "The cloud has {1} default folders.")
def cloud_with_several_default_folders() -> Query:
    count, key = func.count(), Folder.cloud_id
    return select(key, count).where(Folder.is_default).group_by(key).having(count > 1)
