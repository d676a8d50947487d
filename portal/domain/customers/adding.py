"""Adding a customer: its rules, and all of its rows in one transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from portal import db
from portal.domain import (
    access,
    accounts,
    audit,
    clouds,
    identity,
    policy,
    values,
)
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.invitation_mails import queue_mail
from portal.domain.customers.invitation_quota import address_refusal, quota_refusal
from portal.domain.customers.record import Customer, Draft, Status, column_values
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation


def add(
    partner: BillingAccount, *, by: Actor, draft: Draft, same_tin_is_meant: bool = False
) -> Customer:
    """Editors of a partner's account in paid mode add a customer: record, subaccount, empty cloud
    and folder, the partner's owner role, invitation and its one mail, all or nothing.

    Raises Forbidden; Refused as `require_can_add`, `quota_refusal`, `address_refusal`,
    `Draft.normalised` and `find_problems`.
    """
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    require_can_add(partner)
    if refusal := quota_refusal(partner):
        raise refusal
    draft = draft.normalised()
    for problem in find_problems(partner, draft, same_tin_is_meant=same_tin_is_meant):
        raise problem
    if refusal := address_refusal(partner, values.email(draft.invitation_email)):
        raise refusal
    customer = _create(partner, draft, by=by)
    _invite(partner, customer, by=by)
    audit.record(
        Action.CUSTOMER_ADD,
        by=by,
        chain=partner.id,
        thing=customer.id,
        customer=customer.id,
        subaccount=customer.subaccount_id,
        cloud=customer.default_cloud_id,
    )
    return customer


def require_can_add(partner: BillingAccount) -> None:
    """Only an open partner account in paid mode adds customers, whatever the actor's role.

    Raises Refused("not-partner", "account-closed", "trial-mode").
    """
    if partner.kind is not Kind.PARTNER:
        raise Refused(Code.NOT_PARTNER)
    if partner.closed_at is not None:
        raise Refused(Code.ACCOUNT_CLOSED)
    if partner.mode is not Mode.PAID:
        raise Refused(Code.TRIAL_MODE)


def find_problems(
    partner: BillingAccount,
    draft: Draft,
    *,
    same_tin_is_meant: bool = False,
    current: Customer | None = None,
) -> list[Refused]:
    """Return the rules that a draft with normalised fields breaks. Empty fields break none, nor do
    values that `current`, the customer being edited, has already.

    Codes: "email-domain", "email-is-staff", "email-taken", "reference-taken", "manager-not-staff",
    "tin-taken" (a warning, left out with `same_tin_is_meant`).
    """
    current_id = current.id if current else ""
    problems: list[Refused | None] = []
    email = draft.invitation_email
    if email and not (current and values.email(email).key == current.email_key):
        problems.append(_email_problem(partner, email))
    if draft.reference:
        other = _find_live(
            partner, Customer.reference == draft.reference, Customer.id != current_id
        )
        problems.append(_conflict(other, Code.REFERENCE_TAKEN, field="reference"))
    is_unchanged = bool(current and current.manager_id == draft.manager_id)
    if draft.manager_id and not is_unchanged and not access.is_staff(draft.manager_id, partner.id):
        problems.append(Refused(Code.MANAGER_NOT_STAFF, field="manager_id"))
    if draft.tin and not same_tin_is_meant:
        other = _find_live(partner, Customer.tin == draft.tin, Customer.id != current_id)
        problems.append(_conflict(other, Code.TIN_TAKEN, field="tin"))
    return [problem for problem in problems if problem is not None]


def find_existing(partner: BillingAccount, draft: Draft) -> Customer | None:
    """Return the partner's live customer with the draft's reference or, if the draft has no
    reference, with its invited address."""
    if draft.reference:
        return _find_live(partner, Customer.reference == draft.reference)
    if draft.invitation_email:
        return _find_live(partner, Customer.email_key == values.email(draft.invitation_email).key)
    return None


def _email_problem(partner: BillingAccount, email: str) -> Refused | None:
    address = values.email(email)
    domains = policy.current().customer_email_domains
    if domains and not values.is_in_domains(address, domains):
        return Refused(Code.EMAIL_DOMAIN, field="invitation_email", domains=domains)
    user = identity.user_by_email(address.key)
    if user is not None and access.is_staff(user.id, partner.id):
        return Refused(Code.EMAIL_IS_STAFF, field="invitation_email")
    other = _find_live(partner, Customer.email_key == address.key)
    return _conflict(other, Code.EMAIL_TAKEN, field="invitation_email")


def _conflict(other: Customer | None, code: Code, *, field: str) -> Refused | None:
    return None if other is None else Refused(code, field=field, twin=other.name)


def _find_live(partner: BillingAccount, *conditions: ColumnElement[bool]) -> Customer | None:
    query = select(Customer).where(
        Customer.partner_id == partner.id, Customer.status != Status.INACTIVE, *conditions
    )
    return db.session.scalar(query.limit(1))


def _create(partner: BillingAccount, draft: Draft, *, by: Actor) -> Customer:
    """Create the subaccount, the default cloud if the draft has one, and the customer."""
    subaccount = accounts.open_subaccount(partner, name=draft.name)
    cloud_id = _create_default_cloud(partner, subaccount, by=by) if draft.with_cloud else None
    customer = Customer(
        id=db.new_id("cst"),
        partner_id=partner.id,
        subaccount_id=subaccount.id,
        default_cloud_id=cloud_id,
        status=Status.WAITING,
        created_at=db.now(),
        **column_values(draft),
    )
    db.session.add(customer)
    db.session.flush()
    return customer


def _create_default_cloud(partner: BillingAccount, subaccount: BillingAccount, *, by: Actor) -> str:
    cloud, _folder = clouds.create_with_folder(subaccount, by=by)
    access.assign_cloud_role(
        access.CloudRole.OWNER, cloud_id=cloud.id, partner_id=partner.id, by=by
    )
    return cloud.id


def _invite(partner: BillingAccount, customer: Customer, *, by: Actor) -> None:
    address = values.email(customer.invitation_email)
    db.session.add(
        Invitation(
            subaccount_id=customer.subaccount_id,
            partner_id=partner.id,
            email=address.display,
            email_key=address.key,
            created_at=db.now(),
        )
    )
    db.session.flush()
    user = identity.user_by_email(address.key)
    queue_mail(customer, language=user.language if user else by.language)
