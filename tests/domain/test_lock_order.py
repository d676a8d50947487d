"""The one lock order: person with their idempotency keys, accounts by ID (partners before
subaccounts), cloud with its links, customer, invitation, job, audit heads by chain last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, update

from portal import db
from portal.domain import (
    accounts,
    circuit_breakers,
    connections,
    customers,
    idempotency,
    identity,
    imports,
    ledger,
    links,
    locks,
    mail_deliveries,
    notifications,
    people,
    usage,
    values,
    work,
    workflows,
)
from portal.domain.access import AccountRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.identity import AllowedEmail, BlockReason, EmailChange, SignUp
from portal.domain.imports import Import
from portal.domain.invitations import Invitation
from portal.domain.jobs import Job
from portal.domain.mail_deliveries import MailDelivery
from portal.domain.usage import Delivery, UsageKey
from portal.worker import mails, usage_posting
from tests.domain.test_audit import WHO_MAY
from tests.support.clouds import (
    assign_account_role,
    assign_cloud_role,
    create_cloud,
    run_customer_verb,
)
from tests.support.locking import track_locks
from tests.support.mail_deliveries import claim_entry, settle_invitation
from tests.support.money import row
from tests.support.relay import invite
from tests.support.usage import deliver, find, stage
from tests.support.verbs import VERBS
from tests.support.verbs.verb import Verb
from tests.support.work import appoint_operator, begun_import
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    World,
    actor,
    register,
    signed_in,
    user,
)

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

Unit = Callable[[], object]


def faults(unit: Unit) -> list[str]:
    """Where a unit of work locks rows out of order."""
    db.session.rollback()
    with track_locks(db.extension.engine) as tracker:
        db.write(unit)
    assert tracker.locked_rows, "it locks nothing"
    return tracker.violations


@pytest.mark.parametrize("is_form", [False, True], ids=["alone", "by its form"])
@pytest.mark.parametrize("verb", [v for v in VERBS if "_see_" not in v.name], ids=lambda v: v.name)
def test_every_verb_locks_in_the_one_order(
    app: object, world: World, verb: Verb, is_form: bool
) -> None:
    by = actor(WHO_MAY.get(verb.action, OLGA))
    db.write(lambda: verb.prepare(world, by))

    def effect() -> str:
        verb.run(world, by)
        return ""

    assert (
        faults(lambda: idempotency.run_once(by, "k" * 22, {}, effect) if is_form else effect())
        == []
    )


def the_order_itself(world: World) -> None:
    """What the listener must see: a lock, a conditional UPDATE, a DELETE and an INSERT, each of
    what comes before."""
    record = db.lock(Customer, world.ninas_customer)
    db.session.execute(update(Cloud).where(Cloud.id == record.default_cloud_id).values(name="new"))
    db.lock(BillingAccount, record.subaccount_id)
    db.lock(BillingAccount, record.partner_id)
    db.session.execute(delete(SignUp).where(SignUp.email_key == "new@comer.example"))
    db.session.add(AllowedEmail(email_key="new@comer.example", created_at=db.now()))
    db.session.flush()


def test_control_every_kind_of_statement_that_goes_back_is_seen(app: object, world: World) -> None:
    sign_up_twice()
    assert faults(lambda: the_order_itself(world)) == [
        "clouds after customers by UPDATE clouds SET",
        "billing_accounts after customers by SELECT billing_accounts.id, billing_accounts.kind,",
        "billing_accounts after customers by SELECT billing_accounts.id, billing_accounts.kind,",
        "sign_ups after customers by DELETE FROM sign_ups",
        "2 of sign_ups in no order by DELETE FROM sign_ups",
        "allowed_emails after customers by INSERT INTO allowed_emails",
    ]


def sign_up_twice() -> None:
    address = values.email("new@comer.example")
    asked = {"name": "New", "next_path": "/", "language": "en", "invited": False}
    for _twice in range(2):
        db.write(lambda: identity.sign_up(address, **asked))


def _register(_world: World) -> Unit:
    sign_up_twice()
    return lambda: register("new@comer.example", "New Comer")


def _change_email(_world: World) -> Unit:
    nina, address = signed_in(NINA), values.email("nina@elsewhere.example")
    db.write(lambda: identity.request_email_change(nina, address))
    change = db.session.get_one(EmailChange, nina.id).id
    return lambda: identity.change_email(nina, change)


def _disable(world: World) -> Unit:
    """Who alone owns an account and clouds, and others not alone."""
    for ident in (world.ninas_subaccount, world.direct):
        assign_account_role(OLGA, AccountRole.OWNER, ident)
    create_cloud(OLGA)
    assign_cloud_role(OLGA, world.doras_cloud)
    return lambda: workflows.disable_user(user(OLGA), by=COMMAND, heir=user(EDDIE))


def _end_sessions(_world: World) -> Unit:
    olga = signed_in(OLGA)
    for _agent in range(3):
        db.write(lambda: identity.open_session(olga.id, user_agent="Browser"))
    return lambda: identity.end_other_sessions(olga)


def _block(_world: World) -> Unit:
    """A person with sessions; their ID may be lower or higher than the operator's."""
    operator = appoint_operator()
    signed_in(OLGA)
    return lambda: people.block(user(OLGA), by=operator, reason=BlockReason.OTHER)


def _import_row(world: World) -> Unit:
    olga, held = actor(OLGA), db.session.get_one(Import, world.norths_import)
    db.write(lambda: imports.begin(held, by=olga))
    return lambda: imports.run_step(world.norths_import)


def _record_unreachable(_world: World) -> Unit:
    """The outcome of a mail whose relay is down, while the breaker has counted before."""
    db.write(lambda: circuit_breakers.record_failure("mail", "timed out"))
    delivery_id, token = claim_entry()
    result = mails.Result(mail_deliveries.record_not_handed_over, "timed out", is_relay_down=True)
    return lambda: mails.record_outcome(delivery_id, token, result)


def _erase(world: World) -> Unit:
    run_customer_verb(customers.remove, world.carls_customer)
    for email in (OLGA, EDDIE):
        db.write(partial(identity.save_form, user(email).id, {"name": ["Carl & Sons"]}))
    record = db.session.get_one(Customer, world.carls_customer)
    return lambda: workflows.erase_customer(record, by=COMMAND)


def _grant_partner_status(world: World) -> Unit:
    found = db.session.get_one(BillingAccount, world.direct)
    return lambda: accounts.grant_partner_status(found, name=None, by=COMMAND)


def _record_arrived(world: World) -> Unit:
    delivery, dora = _park(world), signed_in(DORA)
    return lambda: customers.record_arrived(delivery, by=dora)


def _record_not_arrived(world: World) -> Unit:
    delivery, dora = _park(world), signed_in(DORA)
    reason = customers.NotArrivedReason.RECIPIENT
    return lambda: customers.record_not_arrived(delivery, by=dora, reason=reason)


def _accept_parked(world: World) -> Unit:
    _park(world)
    invitation = db.session.get_one(Invitation, world.carls_subaccount)
    return lambda: customers.accept(invitation, by=actor(CARL))


def _finish_restore(world: World) -> Unit:
    """One mail that may have left, one that may have been sent again; sessions, an import."""
    begun_import(world.norths_import)
    for email in (OLGA, NINA, EDDIE):
        signed_in(email)
    refuse = mail_deliveries.record_refused
    db.write(lambda: settle_invitation(world.carls_subaccount, refuse))
    invite(world)

    def unit() -> None:
        workflows.finish_restore()

    return unit


def _pull_back_times(world: World) -> Unit:
    begun_import(world.norths_import)
    db.write(lambda: circuit_breakers.record_failure("mail", "timed out"))

    def unit() -> None:
        db.set_now(db.now() - timedelta(days=1))
        assert workflows.pull_back_times()

    return unit


def _park(world: World) -> MailDelivery:
    """The delivery of Carl's invitation, unknown; Dora is operator."""
    db.write(lambda: identity.make_operator(user(DORA), by=COMMAND))
    no_reply = mail_deliveries.record_no_reply
    return db.write(lambda: settle_invitation(world.carls_subaccount, no_reply))


def _step(verb: Callable[..., None], job_id: str) -> Unit:
    operator = appoint_operator()
    return lambda: verb(db.session.get_one(Job, job_id), by=operator)


def _cancel_import(world: World) -> Unit:
    return _step(work.cancel, begun_import(world.norths_import).id)


def _run_import_again(world: World) -> Unit:
    return _step(work.run_again, begun_import(world.norths_import).id)


def _make_default(_world: World) -> Unit:
    by = appoint_operator()
    add = partial(connections.add, "manual", name="By hand", values={}, by=by)
    connection = db.write(add)
    return lambda: connections.make_default(connection, by=by)


def _add_connection(_world: World) -> Unit:
    by = appoint_operator()
    return lambda: connections.add("manual", name="By hand", values={}, by=by)


def _publish_usage(world: World) -> Unit:
    """A snapshot that ends another one, which fixes the currency before that."""
    cloud = {"SubAccountId": world.ninas_cloud}
    deliver(cloud)
    return _step_of_delivery(usage.publish, stage({"BilledCost": "2", **cloud}))


def _key(name: str) -> UsageKey:
    found = usage.find_key(find("Vendor"), name)
    assert found is not None
    return found


def _remove_usage(_world: World) -> Unit:
    delivery_id = deliver({})
    usage_posting.prepare_removal(delivery_id, by=COMMAND)
    return _step_of_delivery(usage.remove, delivery_id)


def _step_of_delivery(verb: Callable[..., None], delivery_id: str) -> Unit:
    by = appoint_operator()
    return lambda: verb(db.session.get_one(Delivery, delivery_id), by=signed_in(by))


def _assign_usage(world: World) -> Unit:
    by = appoint_operator()
    return lambda: usage.assign(
        db.session.get_one(UsageKey, world.usage_key), cloud_id=world.doras_cloud, by=signed_in(by)
    )


def _unassign_usage(world: World) -> Unit:
    deliver(row("7", "project-9"))
    key_id = _key("project-9").id
    usage_posting.assign(key_id, world.doras_cloud, by=COMMAND)
    by = appoint_operator()
    return lambda: usage.unassign(db.session.get_one(UsageKey, key_id), by=signed_in(by))


def _record_invoice(_world: World) -> Unit:
    source, by = db.write(lambda: usage.add_source("Vendor", by=COMMAND)), appoint_operator()
    terms: dict[str, Any] = {"month_on": date(2026, 3, 1), "amount": Decimal(1)}
    return lambda: usage.record_invoice(source, **terms, by=signed_in(by))


def _remove_invoice(_world: World) -> Unit:
    source, by = db.write(lambda: usage.add_source("Vendor", by=COMMAND)), appoint_operator()
    month_on = date(2026, 3, 1)
    more = {"month_on": month_on, "amount": Decimal(1)}
    db.write(lambda: usage.record_invoice(source, **more, by=COMMAND))  # type: ignore[arg-type]
    return lambda: usage.remove_invoice(source, month_on=month_on, by=signed_in(by))


def _relink_future(world: World) -> Unit:
    """Link a cloud away whose row reaches into the future."""
    deliver(row("7", world.doras_cloud, "02T09", "31T09"))
    key = (BillingAccount, world.direct), (BillingAccount, world.south)

    def unit() -> None:
        locks.lock(*key, (Cloud, world.doras_cloud))
        cloud = db.session.get_one(Cloud, world.doras_cloud)
        links.move(cloud, by=COMMAND, to=db.session.get_one(BillingAccount, world.south))

    return unit


def _apply_assignment(world: World) -> Unit:
    deliver(row("7", "project-9"))
    key = partial(_key, "project-9")
    plan = db.read(lambda: usage.plan_assignment(key(), world.doras_cloud))
    usage_posting.prepare(lambda: usage.prepare_assignment(key(), world.doras_cloud, by=COMMAND))
    return lambda: usage.apply_assignment(plan, assigned_by=COMMAND.id)


def _give_lot(world: World) -> Unit:
    deliver(row("7", world.ninas_cloud))
    by, days = appoint_operator(), dict.fromkeys(("first_on", "last_on"), date(2026, 3, 2))
    terms: dict[str, Any] = {"amount": Decimal(1), "reason": "Sorry", **days}
    return lambda: ledger.give_lot(
        db.session.get_one(BillingAccount, world.north), **terms, by=signed_in(by)
    )


def _notify_of_lots(world: World) -> Unit:
    deliver(row("4000", world.doras_cloud), row("4000", world.ninas_cloud))
    return accounts.notify_of_lots


def _counter(world: World) -> Unit:
    north = db.session.get_one(BillingAccount, world.north)
    terms: dict[str, Any] = {"amount": Decimal(1), "reason": "Bank", "by": COMMAND}
    db.write(lambda: ledger.record_payment(north, **terms))
    by = appoint_operator()
    return lambda: ledger.counter(
        db.session.get_one(BillingAccount, world.north), seq=1, reason="No", by=signed_in(by)
    )


OTHERS: dict[str, Callable[[World], Unit]] = {
    "relink_future": _relink_future,
    "apply_assignment": _apply_assignment,
    "give_lot": _give_lot,
    "notify_of_lots": _notify_of_lots,
    "counter": _counter,
    "publish_usage": _publish_usage,
    "remove_usage": _remove_usage,
    "assign_usage": _assign_usage,
    "unassign_usage": _unassign_usage,
    "record_invoice": _record_invoice,
    "remove_invoice": _remove_invoice,
    "register": _register,
    "change_email": _change_email,
    "disable": _disable,
    "end_sessions": _end_sessions,
    "block": _block,
    "change_password": lambda _world: partial(
        identity.change_password, signed_in(OLGA), password_hash="x"
    ),
    "choose_notices": lambda _world: lambda: notifications.set_preferences(set(), by=actor(OLGA)),
    "read_notices": lambda _world: lambda: notifications.mark_read(by=actor(OLGA)),
    "import_row": _import_row,
    "record_unreachable": _record_unreachable,
    "cancel_invitation": lambda world: _step(work.cancel, world.carls_job),
    "cancel_import": _cancel_import,
    "run_import_again": _run_import_again,
    "add_connection": _add_connection,
    "make_default": _make_default,
    "claim_mail": lambda _world: mail_deliveries.claim_next,
    "erase": _erase,
    "grant_partner_status": _grant_partner_status,
    "record_arrived": _record_arrived,
    "record_not_arrived": _record_not_arrived,
    "accept_parked": _accept_parked,
    "finish_restore": _finish_restore,
    "pull_back_times": _pull_back_times,
}
"""What no role on anything leads to: one's own, the worker's steps, the operator's commands."""


@pytest.mark.parametrize("begin", OTHERS.values(), ids=OTHERS)
def test_all_others_lock_in_the_one_order(
    app: object, world: World, begin: Callable[[World], Unit]
) -> None:
    assert faults(begin(world)) == []
