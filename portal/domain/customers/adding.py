"""Adding a customer: the rules, and all its rows in one transaction."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from portal import db
from portal.domain import (
    access,
    accounts,
    audit,
    clouds,
    identity,
    invitations,
    outbox,
    policy,
    values,
)
from portal.domain.accounts import BillingAccount, Kind, Mode
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.customers.invitation_quota import quota_refusal
from portal.domain.customers.record import Customer, Draft, Status, values_of
from portal.domain.errors import Code, Refused
from portal.domain.invitations import Invitation


def add(
    partner: BillingAccount, *, by: Actor, draft: Draft, same_tin_is_meant: bool = False
) -> Customer:
    """Editors of a partner's account in paid mode add a customer: record, subaccount, empty cloud
    and folder, the partner's owner role, invitation and its one mail, all or nothing.

    Raises Forbidden; Refused(Code.NOT_PARTNER, "trial-mode", "account-closed",
    "invitations-per-day"), a malformed field's code, or one of `problems`.
    """
    partner = db.lock(BillingAccount, partner.id)
    access.require(by, Action.CUSTOMER_ADD, partner)
    require_can_add(partner)
    if flood := quota_refusal(partner):
        raise flood
    draft = draft.normalised()
    for problem in find_problems(partner, draft, same_tin_is_meant=same_tin_is_meant):
        raise problem
    subaccount = accounts.open_subaccount(partner, name=draft.name)
    record = Customer(
        id=db.new_id("cst"),
        partner_id=partner.id,
        subaccount_id=subaccount.id,
        default_cloud_id=_create_empty_cloud(partner, subaccount, by=by)
        if draft.with_cloud
        else None,
        status=Status.WAITING,
        created_at=db.now(),
        **values_of(draft),
    )
    db.session.add(record)
    db.session.flush()
    _invite(partner, record, by=by)
    audit.record(
        Action.CUSTOMER_ADD,
        by=by,
        chain=partner.id,
        thing=record.id,
        customer=record.id,
        subaccount=subaccount.id,
        cloud=record.default_cloud_id,
    )
    return record


def require_can_add(partner: BillingAccount) -> None:
    """Only an open partner's account in paid mode adds customers, whoever asks."""
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
    but: Customer | None = None,
) -> list[Refused]:
    """What speaks against this draft beside the shape of its fields; fields left empty are passed,
    and what stands in the record that is edited (`but`) does not speak against itself.

    Codes: "email-domain", "email-is-staff", "email-taken", "reference-taken", "manager-not-staff",
    "tin-taken" (a warning: may be meant).
    """
    own = but.id if but else ""
    found: list[Refused | None] = []
    email = draft.invitation_email
    if email and not (but and values.email(email).key == but.email_key):
        found.append(_email_problem(partner, email))
    if draft.reference:
        twin = _find_live(partner, Customer.reference == draft.reference, Customer.id != own)
        found.append(_conflict(twin, Code.REFERENCE_TAKEN, field="reference"))
    is_kept = bool(but and but.manager_id == draft.manager_id)
    if draft.manager_id and not is_kept and not access.is_staff(draft.manager_id, partner.id):
        found.append(Refused(Code.MANAGER_NOT_STAFF, field="manager_id"))
    if draft.tin and not same_tin_is_meant:
        twin = _find_live(partner, Customer.tin == draft.tin, Customer.id != own)
        found.append(_conflict(twin, Code.TIN_TAKEN, field="tin"))
    return [problem for problem in found if problem is not None]


def find_existing(partner: BillingAccount, draft: Draft) -> Customer | None:
    """The partner's live customer that this draft speaks of: the one with its own reference; where
    it has none, the one with its invited address."""
    if draft.reference:
        return _find_live(partner, Customer.reference == draft.reference)
    if draft.invitation_email:
        return _find_live(partner, Customer.email_key == values.email(draft.invitation_email).key)
    return None


def _email_problem(partner: BillingAccount, email: str) -> Refused | None:
    address = values.email(email)
    domains = policy.current().customer_email_domains
    if domains and not values.in_domains(address, domains):
        return Refused(Code.EMAIL_DOMAIN, field="invitation_email", domains=domains)
    user = identity.user_by_email(address.key)
    if user is not None and access.is_staff(user.id, partner.id):
        return Refused(Code.EMAIL_IS_STAFF, field="invitation_email")
    twin = _find_live(partner, Customer.email_key == address.key)
    return _conflict(twin, Code.EMAIL_TAKEN, field="invitation_email")


def _conflict(twin: Customer | None, code: Code, *, field: str) -> Refused | None:
    return None if twin is None else Refused(code, field=field, twin=twin.name)


def _find_live(partner: BillingAccount, *rules: ColumnElement[bool]) -> Customer | None:
    found = select(Customer).where(
        Customer.partner_id == partner.id, Customer.status != Status.INACTIVE, *rules
    )
    return db.session.scalar(found.limit(1))


def _create_empty_cloud(partner: BillingAccount, subaccount: BillingAccount, *, by: Actor) -> str:
    empty, _folder = clouds.create_with_folder(subaccount, by=by)
    access.give_cloud_role(access.CloudRole.OWNER, cloud_id=empty.id, partner=partner.id, by=by)
    return empty.id


def _invite(partner: BillingAccount, record: Customer, *, by: Actor) -> None:
    address = values.email(record.invitation_email)
    db.session.add(
        Invitation(
            subaccount_id=record.subaccount_id,
            partner_id=partner.id,
            email=address.display,
            email_key=address.key,
            created_at=db.now(),
        )
    )
    db.session.flush()
    invited = identity.user_by_email(address.key)
    outbox.add(
        invitations.MAIL,
        about=record.subaccount_id,
        to=address.wire,
        language=invited.language if invited else by.language,
        facts={
            "partner": values.quote(partner.name),
            "email": address.display,
            "subaccount": record.subaccount_id,
            "cloud": record.default_cloud_id,
        },
        once=True,
    )
