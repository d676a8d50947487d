"""The customer's answer: only the invited person gives it, once, and it works at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal import db
from portal.domain import access, clouds, customers, invitations, mail_deliveries
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND, WORKER, Actor
from portal.domain.clouds import Cloud
from portal.domain.customers import Customer
from portal.domain.errors import Forbidden, Refused
from portal.domain.invitations import Invitation
from portal.domain.mail_deliveries import DeliveryState, MailDelivery
from tests.support.world import (
    AMIR,
    CARL,
    DORA,
    NINA,
    OLGA,
    SAM,
    VERA,
    World,
    actor,
    all_rows,
    draft,
    register,
    user,
)

VERBS = [customers.accept, customers.decline]
Answering = Callable[..., Customer]


def answer(verb: Answering, subaccount_id: str, by: Actor | str) -> Customer:
    def unit() -> Customer:
        who = actor(by) if isinstance(by, str) else by
        return verb(db.lock(Invitation, subaccount_id), by=who)

    return db.write(unit)


def refusal(verb: Answering, subaccount_id: str, by: Actor | str) -> Refused:
    """How answering is refused; nothing may have been written."""
    before = all_rows()
    with pytest.raises(Refused) as caught:
        answer(verb, subaccount_id, by)
    assert all_rows() == before
    return caught.value


def invite(partner_id: str, by: str, email: str, *, with_cloud: bool = True) -> Customer:
    def unit() -> Customer:
        partner = db.lock(BillingAccount, partner_id)
        return customers.add(partner, by=actor(by), draft=draft(email, with_cloud=with_cloud))

    return db.write(unit)


def open_invitations(email: str) -> list[str]:
    return db.read(lambda: [asked.subaccount_id for asked in invitations.open_for(actor(email))])


def behind(email: str, ident: str) -> tuple[str, bool] | None:
    """What this person's link leads to, and whether it is open."""

    def found() -> tuple[str, bool] | None:
        asked = invitations.find_by_link(actor(email), ident)
        return asked and (asked.subaccount_id, asked.is_open)

    return db.read(found)


def mail_of(subaccount_id: str) -> MailDelivery:
    mail = invitations.delivery_of(subaccount_id)
    assert mail is not None
    return mail


def claimed(subaccount_id: str) -> MailDelivery:
    """The invitation's mail after a worker took it."""

    def unit() -> None:
        while (entry := mail_deliveries.claim_next()) is not None and entry.about != subaccount_id:
            continue

    db.write(unit)
    entry = mail_of(subaccount_id)
    assert entry.state is DeliveryState.CLAIMED
    return entry


def test_accepting_makes_the_customer_active(app: object, world: World, clock: object) -> None:
    accepted = answer(customers.accept, world.carls_subaccount, CARL)
    assert (accepted.id, accepted.status) == (world.carls_customer, "Active")
    subaccount = db.session.get_one(BillingAccount, world.carls_subaccount)
    assert subaccount.status == "ACTIVE"
    assert subaccount.confirmed_at is not None
    assert invitations.answer_of(world.carls_subaccount) == ("confirmed", subaccount.confirmed_at)


def test_accepting_gives_roles_that_work_at_once(app: object, world: World) -> None:
    assert db.find(BillingAccount, world.carls_subaccount, actor(CARL)) is None
    assert db.find(Cloud, world.carls_cloud, actor(CARL)) is None
    answer(customers.accept, world.carls_subaccount, CARL)
    carl = actor(CARL)
    subaccount = db.find(BillingAccount, world.carls_subaccount, carl)
    default = db.find(Cloud, world.carls_cloud, carl)
    assert subaccount is not None
    assert default is not None
    assert access.roles_on_account(carl, subaccount) == {AccountRole.ADMIN}
    assert access.roles_on_cloud(carl, default.id) == {CloudRole.OWNER}

    def work() -> None:
        clouds.create_folder(db.lock(Cloud, world.carls_cloud), by=carl, name="shop")
        clouds.create(db.lock(BillingAccount, world.carls_subaccount), by=carl, name="second")

    db.write(work)
    linked = clouds.clouds_linked_to([world.carls_subaccount])[world.carls_subaccount]
    assert [row.name for row in linked] == ["default", "second"]


def test_the_partner_keeps_its_role_on_the_cloud(app: object, world: World) -> None:
    answer(customers.accept, world.carls_subaccount, CARL)
    assert access.roles_on_cloud(actor(AMIR), world.carls_cloud) == {CloudRole.OWNER}


def test_a_customer_without_a_cloud_accepts(app: object, world: World) -> None:
    added = invite(world.south, SAM, CARL, with_cloud=False)
    assert answer(customers.accept, added.subaccount_id, CARL).status == "Active"
    carl, subaccount = actor(CARL), db.session.get_one(BillingAccount, added.subaccount_id)
    assert access.roles_on_account(carl, subaccount) == {AccountRole.ADMIN}


def test_accepting_one_partner_leaves_the_others_invitation_open(app: object, world: World) -> None:
    other = invite(world.south, SAM, CARL).subaccount_id
    answer(customers.accept, world.carls_subaccount, CARL)
    assert open_invitations(CARL) == [other]


def test_the_invited_address_counts_in_any_case(app: object, world: World) -> None:
    added = invite(world.north, OLGA, DORA.title())
    assert answer(customers.accept, added.subaccount_id, DORA).status == "Active"


def test_who_signs_up_with_the_invited_address_answers(app: object, world: World) -> None:
    added = invite(world.north, OLGA, "late@client.example")
    db.write(lambda: register("Late@client.example", "Late"))
    assert open_invitations("late@client.example") == [added.subaccount_id]
    accepted = answer(customers.accept, added.subaccount_id, "late@client.example")
    assert accepted.status == "Active"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "by", [OLGA, NINA, SAM, COMMAND, WORKER], ids=lambda by: getattr(by, "id", by)
)
def test_only_the_invited_identity_answers(
    app: object, world: World, verb: Answering, by: Actor | str
) -> None:
    assert isinstance(refusal(verb, world.carls_subaccount, by), Forbidden)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", [AccountRole.OWNER, AccountRole.VIEWER])
def test_the_partners_staff_never_answers_its_own_invitation(
    app: object, world: World, verb: Answering, role: AccountRole
) -> None:
    def hire() -> None:
        partner = db.lock(BillingAccount, world.north)
        access.assign_account_role(role, to=user(CARL).id, account=partner, by=actor(OLGA))

    db.write(hire)
    assert refusal(verb, world.carls_subaccount, CARL).code == "own-customer"


def test_declining_makes_the_customer_inactive_and_closes_what_was_made(
    app: object, world: World
) -> None:
    declined = answer(customers.decline, world.carls_subaccount, CARL)
    assert (declined.id, declined.status) == (world.carls_customer, "Inactive")
    assert db.session.get_one(BillingAccount, world.carls_subaccount).status == "CLOSED"
    assert db.session.get_one(Cloud, world.carls_cloud).closed_at is not None
    assert invitations.answer_of(world.carls_subaccount)[0] == "declined"
    assert open_invitations(CARL) == []
    assert db.find(BillingAccount, world.carls_subaccount, actor(CARL)) is None


def test_nothing_is_created_in_a_declined_subaccount(app: object, world: World) -> None:
    answer(customers.decline, world.carls_subaccount, CARL)
    with pytest.raises(Refused, match="account-not-active"):
        db.write(
            lambda: clouds.create(
                db.lock(BillingAccount, world.carls_subaccount), by=actor(OLGA), name="x"
            )
        )
    with pytest.raises(Refused, match="cloud-closed"):
        db.write(
            lambda: clouds.create_folder(
                db.lock(Cloud, world.carls_cloud), by=actor(OLGA), name="x"
            )
        )


def test_a_customer_without_a_cloud_declines(app: object, world: World) -> None:
    added = invite(world.south, SAM, CARL, with_cloud=False)
    assert answer(customers.decline, added.subaccount_id, CARL).status == "Inactive"


def test_a_mail_that_has_not_left_does_not_leave_after_declining(app: object, world: World) -> None:
    answer(customers.decline, world.carls_subaccount, CARL)
    assert mail_of(world.carls_subaccount).state is DeliveryState.CANCELLED


def test_a_mail_in_a_workers_hands_does_not_leave_after_declining(
    app: object, world: World
) -> None:
    mail = claimed(world.carls_subaccount)
    ident, token = mail.id, mail.token or ""
    answer(customers.decline, world.carls_subaccount, CARL)
    assert not db.write(lambda: mail_deliveries.mark_transmitting(ident, token))
    assert mail_of(world.carls_subaccount).state is DeliveryState.CANCELLED


def test_a_mail_that_left_stays_what_it_was(app: object, world: World) -> None:
    mail = claimed(world.carls_subaccount)
    ident, token = mail.id, mail.token or ""
    assert db.write(lambda: mail_deliveries.mark_transmitting(ident, token))
    assert db.write(lambda: mail_deliveries.record_sent(ident, token, "250 queued"))
    answer(customers.decline, world.carls_subaccount, CARL)
    assert mail_of(world.carls_subaccount).state is DeliveryState.SENT


def test_declining_one_partner_cancels_only_its_mail(app: object, world: World) -> None:
    other = invite(world.south, SAM, CARL).subaccount_id
    answer(customers.decline, world.carls_subaccount, CARL)
    assert mail_of(other).state is DeliveryState.PENDING


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        (customers.accept, customers.accept, "already-confirmed"),
        (customers.accept, customers.decline, "already-confirmed"),
        (customers.decline, customers.accept, "invitation-closed"),
        (customers.decline, customers.decline, "invitation-closed"),
    ],
)
def test_an_invitation_is_answered_once(
    app: object, world: World, first: Answering, then: Answering, code: str
) -> None:
    answer(first, world.carls_subaccount, CARL)
    assert refusal(then, world.carls_subaccount, CARL).code == code


def test_an_open_invitation_is_shown_to_whom_it_names_and_to_nobody_else(
    app: object, world: World
) -> None:
    other = invite(world.south, SAM, CARL).subaccount_id
    assert open_invitations(CARL) == [other, world.carls_subaccount]
    for email in (OLGA, VERA, NINA, SAM, DORA):
        assert open_invitations(email) == []


def test_an_answered_invitation_is_open_no_more(app: object, world: World) -> None:
    answer(customers.accept, world.carls_subaccount, CARL)
    assert open_invitations(CARL) == []
    assert not db.read(lambda: invitations.is_invited(actor(CARL).email_key))


def test_an_open_invitation_waits_for_its_address(app: object, world: World) -> None:
    assert invitations.is_invited(actor(CARL).email_key)
    assert not invitations.is_invited(actor(NINA).email_key)
    assert not invitations.is_invited("")


def test_the_link_leads_the_invited_person_to_the_invitation(app: object, world: World) -> None:
    assert behind(CARL, world.carls_subaccount) == (world.carls_subaccount, True)


def test_a_partners_id_leads_to_ones_own_open_invitation(app: object, world: World) -> None:
    assert behind(CARL, world.north) == (world.carls_subaccount, True)
    assert behind(NINA, world.north) == (world.ninas_subaccount, False)
    assert behind(CARL, world.south) is None


def test_of_several_the_newest_open_one_comes_first(app: object, world: World) -> None:
    answer(customers.decline, world.carls_subaccount, CARL)
    second = invite(world.north, OLGA, CARL).subaccount_id
    assert behind(CARL, world.north) == (second, True)
    answer(customers.accept, second, CARL)
    assert behind(CARL, world.north) == (second, False)


def test_a_declined_invitation_is_no_more(app: object, world: World) -> None:
    answer(customers.decline, world.carls_subaccount, CARL)
    assert behind(CARL, world.carls_subaccount) is None
    assert behind(CARL, world.north) is None


def test_for_anybody_else_there_is_no_invitation_behind_the_link(app: object, world: World) -> None:
    for email in (OLGA, VERA, NINA, SAM, DORA):
        for ident in (world.carls_subaccount, "dn2" + "0" * 17, "", "x' OR '1'='1"):
            assert behind(email, ident) is None


def test_staff_reads_that_it_is_their_customers_invitation(app: object, world: World) -> None:
    for ident in (world.carls_subaccount, world.north):
        assert customers.is_own_customers_invitation(actor(VERA), ident)
        for email in (CARL, SAM, DORA):
            assert not customers.is_own_customers_invitation(actor(email), ident)
    assert not customers.is_own_customers_invitation(actor(OLGA), world.souths_customer)


def test_who_has_declined_may_be_invited_again_and_confirm(app: object, world: World) -> None:
    answer(customers.decline, world.carls_subaccount, CARL)
    again = invite(world.north, OLGA, CARL)
    assert answer(customers.accept, again.subaccount_id, CARL).status == "Active"
