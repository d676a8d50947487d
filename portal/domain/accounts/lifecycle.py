"""The lifecycle of an account: open it, switch it to paid, grant partner status."""

from __future__ import annotations

from sqlalchemy import update

from portal import db
from portal.domain import access, audit, identity, ledger, policy
from portal.domain.accounts.record import BillingAccount, Kind, Mode
from portal.domain.actions import Action
from portal.domain.actors import Actor
from portal.domain.errors import Code, Refused
from portal.domain.identity import User
from portal.domain.values import EmailAddress, search_key


def register(
    address: EmailAddress, *, name: str, password_hash: str, language: str, by: Actor
) -> tuple[User, BillingAccount]:
    """Create the user of a verified address, and their direct billing account in trial.

    Raises Refused("account-exists").
    """
    user = identity.create_user(address, name=name, password_hash=password_hash, language=language)
    audit.record(Action.USER_CREATE, by=by, chain=audit.INSTALLATION, thing=user.id)
    account = _open_direct(user, by=by)
    terms = policy.current()
    if terms.initial_grant > 0:
        ledger.give_initial_grant(
            account.id, amount=terms.initial_grant, lasts=terms.initial_grant_lasts, by=by
        )
    return user, account


def open_paid(owner: User, *, by: Actor) -> BillingAccount:
    """Open a direct billing account in paid mode, without an initial grant, that the user owns."""
    account = _open_direct(owner, by=by)
    switch_to_paid(account, by=by)
    return account


def _open_direct(owner: User, *, by: Actor) -> BillingAccount:
    account = _open(Kind.DIRECT, Mode.TRIAL, name=owner.name)
    ledger.open_ledger(account.id)
    audit.open_chain(account.id)
    access.assign_account_role(access.AccountRole.OWNER, to=owner.id, account=account, by=by)
    facts = {"chain": account.chain, "thing": account.id, "owner": owner.id}
    audit.record(Action.ACCOUNT_CREATE, by=by, **facts)
    return account


def open_subaccount(partner: BillingAccount, *, name: str) -> BillingAccount:
    """Create a customer's billing account under the partner's; the calling verb records it."""
    return _open(Kind.SUBACCOUNT, Mode.PAID, name=name, parent_id=partner.id)


def _open(kind: Kind, mode: Mode, *, name: str, parent_id: str | None = None) -> BillingAccount:
    account = BillingAccount(
        id=db.new_id("dn2"),
        kind=kind,
        mode=mode,
        name=name,
        name_key=search_key(name),
        parent_id=parent_id,
        created_at=db.now(),
    )
    db.session.add(account)
    db.session.flush()
    return account


def rename(account: BillingAccount, *, name: str) -> None:
    """Rename the account; the calling verb records it."""
    account.name, account.name_key = name, search_key(name)


def switch_to_paid(account: BillingAccount, *, by: Actor) -> None:
    """End the trial, irrevocably. The initial grant is kept and is spent first.

    Raises ReauthenticationRequired, Forbidden, Refused("already-paid", "account-closed").
    """
    identity.require_recent(by)
    account = db.lock(BillingAccount, account.id)
    access.require(by, Action.ACCOUNT_SWITCH_TO_PAID, account)
    if account.closed_at is not None:
        raise Refused(Code.ACCOUNT_CLOSED)
    result = db.session.execute(
        update(BillingAccount)
        .where(BillingAccount.id == account.id, BillingAccount.mode == Mode.TRIAL)
        .values(mode=Mode.PAID)
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise Refused(Code.ALREADY_PAID)
    ledger.switch_to_paid(account.id, by=by)
    audit.record(Action.ACCOUNT_SWITCH_TO_PAID, by=by, chain=account.chain, thing=account.id)


def grant_partner_status(account: BillingAccount, *, name: str | None, by: Actor) -> None:
    """An operator turns a direct account into a partner's; `name` renames it.

    Raises ReauthenticationRequired, Forbidden, Refused("not-direct").
    """
    identity.require_recent(by)
    access.require_operator(by, Action.PARTNER_GRANT)
    account = db.lock(BillingAccount, account.id)
    if account.kind is not Kind.DIRECT:
        raise Refused(Code.NOT_DIRECT)
    account.kind = Kind.PARTNER
    if name:
        rename(account, name=name)
    audit.record(Action.PARTNER_GRANT, by=by, chain=account.chain, thing=account.id)
