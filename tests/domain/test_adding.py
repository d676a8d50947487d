"""Adding a customer: all its rows or none, and who may."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal import db
from portal.domain import access, accounts, clouds, customers, invitations
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, WORKER, Actor
from portal.domain.clouds import Cloud, Link
from portal.domain.customers import Customer, Draft, Filter
from portal.domain.errors import Forbidden, Refused
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState
from tests.support.world import (
    ACE,
    AMIR,
    CARL,
    DORA,
    EDDIE,
    NINA,
    OLGA,
    SAM,
    TINA,
    VERA,
    World,
    actor,
    all_rows,
    draft,
    signed_in,
    user,
)


def add(
    partner_id: str, what: Draft, *, by: Actor | str = OLGA, same_tin_is_meant: bool = False
) -> Customer:
    def unit() -> Customer:
        who = actor(by) if isinstance(by, str) else by
        partner = db.lock(BillingAccount, partner_id)
        return customers.add(partner, by=who, draft=what, same_tin_is_meant=same_tin_is_meant)

    return db.write(unit)


def refusal(partner_id: str, what: Draft, *, by: Actor | str = OLGA) -> Refused:
    """How adding is refused; nothing may have been written."""
    before = all_rows()
    with pytest.raises(Refused) as caught:
        add(partner_id, what, by=by)
    assert all_rows() == before
    return caught.value


def test_adding_makes_the_record_and_its_subaccount(app: object, world: World) -> None:
    added = add(world.north, draft())
    subaccount = db.session.get_one(BillingAccount, added.subaccount_id)
    assert added.status == "SUBACCOUNT-ACCEPTANCE-REQUIRED"
    assert (subaccount.kind, subaccount.parent_id) == ("subaccount", world.north)
    assert subaccount.name == "New Client"
    assert subaccount.id[:3] == "dn2"
    assert len(subaccount.id) == 20


def test_adding_makes_an_empty_cloud_that_the_subaccount_pays_for(
    app: object, world: World
) -> None:
    added = add(world.north, draft(), by=EDDIE)
    made = db.session.get_one(Cloud, added.default_cloud_id)
    assert made.name == "default"
    assert [(folder.name, folder.is_default) for folder in clouds.folders_of(made)] == [
        ("default", True)
    ]
    paid = clouds.payers_of(made, actor=actor(OLGA))
    assert [(p.account_id, p.until_at) for p in paid] == [(added.subaccount_id, None)]
    assert paid[0].since_at == made.created_at


def test_the_partner_account_and_not_the_person_owns_the_new_cloud(
    app: object, world: World
) -> None:
    added = add(world.north, draft(), by=EDDIE)
    rows = db.session.query(access.CloudAccess).filter_by(cloud_id=added.default_cloud_id).all()
    assert [(row.partner_id, row.user_id, row.role) for row in rows] == [
        (world.north, None, "resource-manager.clouds.owner")
    ]
    assert rows[0].effective_at == rows[0].granted_at, "creating takes effect at once"


def test_adding_queues_one_mail_that_is_sent_once(app: object, world: World) -> None:
    added = add(world.north, draft("New@Client.Example"))
    mail = invitations.delivery_of(added.subaccount_id)
    assert mail is not None
    assert (mail.state, mail.is_once) == (DeliveryState.PENDING, True)
    assert mail.recipient == "New@client.example"
    assert mail.facts["partner"] == "North"
    assert mail.facts["subaccount"] == added.subaccount_id


def test_the_mail_speaks_the_invited_persons_language(app: object, world: World) -> None:
    def speak_german() -> None:
        user(DORA).language = "de"

    db.write(speak_german)
    mails = [
        invitations.delivery_of(add(world.north, draft(email)).subaccount_id)
        for email in (DORA, "unknown@client.example")
    ]
    assert [mail.language for mail in mails if mail] == ["de", "en"]


def test_the_new_one_tops_the_list(app: object, world: World) -> None:
    partner = db.session.get_one(BillingAccount, world.north)
    before = customers.counts_for(actor(VERA), partner).total
    added = add(world.north, draft())
    assert customers.page_for(actor(VERA), partner, Filter())[0].id == added.id
    assert customers.counts_for(actor(VERA), partner).total == before + 1


STEPS = (
    "billing_accounts",
    "clouds",
    "folders",
    "links",
    "cloud_access",
    "customers",
    "invitations",
    "jobs",
    "mail_deliveries",
    "audit_lines",
)


@pytest.mark.both_databases
@pytest.mark.parametrize("table", STEPS)
def test_a_failure_at_any_step_leaves_nothing(
    app: object, world: World, kind: str, table: str
) -> None:
    effect = (
        "BEGIN SELECT RAISE(ABORT, 'no room'); END"
        if kind == "sqlite"
        else "EXECUTE FUNCTION refuse('no room')"
    )
    fault = f"CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH ROW {effect}"
    db.write(lambda: db.session.execute(text(fault)))
    before = all_rows()
    with pytest.raises(Exception, match="no room"):
        add(world.north, draft())
    assert all_rows() == before


@pytest.mark.parametrize("by", [TINA, COMMAND, WORKER], ids=["owner", "command", "worker"])
def test_a_partner_in_trial_adds_nobody_whoever_asks(
    app: object, world: World, by: Actor | str
) -> None:
    assert refusal(world.trial, draft(), by=by).code == "trial-mode"


def test_a_partner_that_switched_to_paid_adds_customers(app: object, world: World) -> None:
    def switch() -> None:
        accounts.switch_to_paid(db.lock(BillingAccount, world.trial), by=signed_in(TINA))

    db.write(switch)
    assert add(world.trial, draft(), by=TINA).partner_id == world.trial


def test_an_account_without_partner_status_adds_nobody(app: object, world: World) -> None:
    assert refusal(world.direct, draft(), by=DORA).code == "not-partner"
    assert refusal(world.ninas_subaccount, draft(), by=OLGA).code == "not-partner"


def test_a_closed_partner_account_adds_nobody(app: object, world: World) -> None:
    def close() -> None:
        db.lock(BillingAccount, world.north).closed_at = db.now()

    db.write(close)
    assert refusal(world.north, draft()).code == "account-closed"


@pytest.mark.parametrize("email", [OLGA, AMIR, EDDIE])
def test_owner_admin_and_editor_add(app: object, world: World, email: str) -> None:
    assert add(world.north, draft(), by=email).name == "New Client"


@pytest.mark.parametrize("email", [ACE, VERA, CARL, NINA, SAM, DORA])
def test_nobody_else_adds(app: object, world: World, email: str) -> None:
    assert isinstance(refusal(world.north, draft(), by=email), Forbidden)


@pytest.mark.both_databases
def test_without_the_tick_there_is_no_cloud_and_the_rest_is_the_same(
    app: object, world: World
) -> None:
    clouds = db.session.query(Cloud).count()
    added = add(world.north, draft(with_cloud=False))
    assert added.default_cloud_id is None
    assert db.session.query(Cloud).count() == clouds
    assert db.session.query(Link).filter_by(account_id=added.subaccount_id).count() == 0
    mail = invitations.delivery_of(added.subaccount_id)
    assert mail is not None
    assert mail.facts["cloud"] is None
    assert db.session.get_one(Invitation, added.subaccount_id).is_open
