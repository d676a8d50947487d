"""Disabling a user: at once, but never the last owner; `--heir` names who follows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask

from portal import db
from portal.domain import (
    access,
    accounts,
    audit,
    cloud_access,
    clouds,
    customers,
    doctor,
    idempotency,
    identity,
    values,
    workflows,
)
from portal.domain.access import AccountRole, CloudRole
from portal.domain.accounts import BillingAccount
from portal.domain.actors import COMMAND
from portal.domain.audit import AuditLine
from portal.domain.clouds import Cloud
from portal.domain.errors import Forbidden, Refused
from portal.domain.invitations import Invitation
from tests.support.clouds import create_cloud, grant, run_customer_verb
from tests.support.world import (
    CARL,
    DORA,
    EDDIE,
    NAMES,
    NINA,
    OLGA,
    PASSWORD,
    SAM,
    VERA,
    Clock,
    World,
    actor,
    all_rows,
    signed_in,
    user,
)


def disable(email: str, heir: str | None = None) -> None:
    db.write(
        lambda: workflows.disable_user(user(email), by=COMMAND, heir=user(heir) if heir else None)
    )


def refusal(email: str, heir: str | None = None) -> Refused:
    before = all_rows()
    with pytest.raises(Refused) as caught:
        disable(email, heir)
    assert all_rows() == before
    return caught.value


def own(email: str, account_id: str) -> None:
    def unit() -> None:
        account = db.lock(BillingAccount, account_id)
        access.assign_account_role(
            AccountRole.OWNER, to=user(email).id, account=account, by=COMMAND
        )

    db.write(unit)


def owners(account_id: str) -> set[str]:
    account = db.session.get_one(BillingAccount, account_id)
    return {
        email
        for email in NAMES
        if AccountRole.OWNER in access.roles_on_account(actor(email), account)
    }


def test_the_last_owner_of_an_account_is_not_disabled(app: object, world: World) -> None:
    error = refusal(OLGA)
    assert (error.code, error.facts["things"]) == ("owns-alone", [world.north])
    assert identity.check_password(OLGA, PASSWORD) is not None


def test_an_owner_beside_another_is_disabled(app: object, world: World) -> None:
    own(EDDIE, world.north)
    disable(OLGA)
    assert user(OLGA).disabled_at is not None
    assert world.north in refusal(EDDIE).facts["things"], "and now the other one is the last"


def test_an_owner_who_is_disabled_does_not_count(app: object, world: World) -> None:
    own(DORA, world.north)
    disable(DORA, SAM)
    assert world.north in refusal(OLGA).facts["things"]


def test_the_last_owner_of_a_cloud_is_not_disabled(app: object, world: World) -> None:
    own(SAM, world.direct)
    assert refusal(DORA).facts["things"] == [world.doras_cloud]


def test_a_cloud_that_a_partners_account_owns_too_needs_nobody_else(
    app: object, world: World
) -> None:
    things = refusal(NINA).facts["things"]
    assert world.ninas_cloud not in things
    assert len(things) == 1, "only the direct account"


def test_an_heir_becomes_owner_of_what_was_theirs_alone(app: object, world: World) -> None:
    disable(DORA, SAM)
    assert SAM in owners(world.direct)
    assert access.roles_on_cloud(actor(SAM), world.doras_cloud) == {CloudRole.OWNER}
    line = (
        db.session.query(AuditLine).order_by(AuditLine.seq.desc()).filter_by(action="user.disable")
    )
    assert line.first().facts == {  # type: ignore[union-attr]
        "heir": user(SAM).id,
        "passed_on": [world.direct, world.doras_cloud],
    }
    assert audit.find_broken_links() == []


def test_an_heir_whose_role_was_to_take_effect_later_has_it_now(app: object, world: World) -> None:
    def promise() -> None:
        access.assign_cloud_role(
            CloudRole.OWNER, cloud_id=world.doras_cloud, user_id=user(SAM).id, by=COMMAND
        )
        row = db.session.query(access.CloudAccess).filter_by(user_id=user(SAM).id).one()
        row.effective_at = db.now() + timedelta(minutes=3)

    db.write(promise)
    assert world.doras_cloud in refusal(DORA).facts["things"]
    disable(DORA, SAM)
    assert access.roles_on_cloud(actor(SAM), world.doras_cloud) == {CloudRole.OWNER}


def test_an_heir_on_the_staff_is_raised_and_the_accounts_own_log_says_so(
    app: object, world: World
) -> None:
    disable(OLGA, EDDIE)
    assert EDDIE in owners(world.north)
    lines = db.session.query(AuditLine).filter_by(chain=world.north, thing=world.eddie)
    assert [line.action for line in lines.order_by(AuditLine.seq)] == [
        "access.revoke",
        "access.grant",
    ]
    assert audit.find_broken_links() == []


def test_an_owner_to_come_does_not_count_but_may_be_the_heir(app: object, world: World) -> None:
    def promise() -> None:
        north = db.lock(BillingAccount, world.north)
        access.grant(AccountRole.OWNER, to=user(DORA), account=north, by=signed_in(OLGA))

    db.write(promise)
    assert refusal(OLGA).facts["things"] == [world.north]
    disable(OLGA, DORA)
    assert DORA in owners(world.north)


def test_a_partners_own_customer_is_not_its_heir(app: object, world: World) -> None:
    assert refusal(OLGA, NINA).code == "email-is-customer"


def test_who_is_disabled_while_a_form_is_on_its_way_makes_nothing(
    app: object, world: World
) -> None:
    dora = actor(DORA)
    disable(DORA, SAM)
    before = all_rows()

    def create() -> str:
        payer = db.lock(BillingAccount, world.direct)
        return clouds.create(payer, by=dora, name="nobodys").id

    with pytest.raises(Refused, match="user-disabled"):
        db.write(lambda: idempotency.run_once(dora, "k" * 20, {}, create))
    assert all_rows() == before


def test_who_is_disabled_while_the_invitation_page_is_open_confirms_nothing(
    app: object, world: World
) -> None:
    carl = actor(CARL)
    disable(CARL, SAM)
    before = all_rows()
    with pytest.raises(Forbidden):
        db.write(lambda: customers.accept(db.lock(Invitation, world.carls_subaccount), by=carl))
    assert all_rows() == before


def test_an_heir_must_be_somebody_else_who_is_not_disabled(app: object, world: World) -> None:
    assert refusal(DORA, DORA).code == "heir-unfit"
    disable(SAM, OLGA)
    assert refusal(DORA, SAM).code == "heir-unfit"


def test_disabling_signs_out_everywhere_at_once_and_is_recorded(app: object, world: World) -> None:
    token = db.write(lambda: identity.open_session(user(VERA).id, user_agent="B"))
    disable(VERA, OLGA)
    assert db.read(lambda: identity.actor_of_session(token)) is None
    assert identity.check_password(VERA, PASSWORD) is None
    before = all_rows()
    disable(VERA, OLGA)
    assert all_rows() == before, "again is harmless"


def test_enabling_gives_back_roles_and_no_session(app: object, world: World) -> None:
    token = db.write(lambda: identity.open_session(user(DORA).id, user_agent="B"))
    disable(DORA, SAM)
    db.write(lambda: identity.enable(user(DORA), by=COMMAND))
    assert identity.check_password(DORA, PASSWORD) is not None
    assert DORA in owners(world.direct)
    assert db.read(lambda: identity.actor_of_session(token)) is None
    before = all_rows()
    db.write(lambda: identity.enable(user(DORA), by=COMMAND))
    assert all_rows() == before


def test_the_command_says_what_needs_an_heir(app: Flask, world: World) -> None:
    runner = app.test_cli_runner()
    failed = runner.invoke(args=["user", "disable", DORA])
    assert failed.exit_code == 1
    assert f"They alone own: {world.direct}, {world.doras_cloud}." in failed.output
    assert "Name who becomes their owner." in failed.output
    done = runner.invoke(args=["user", "disable", DORA, "--heir", SAM])
    assert (done.exit_code, done.output) == (
        0,
        f"{DORA} is disabled and signed out everywhere.\n",
    )
    assert runner.invoke(args=["user", "enable", DORA]).output == f"{DORA} may sign in again.\n"
    unknown = runner.invoke(args=["user", "disable", "nobody@direct.example"])
    assert "has no account here" in unknown.output


def two_leave(app: Flask, barrier: Barrier | None, account_id: str) -> list[str]:
    """Both owners are disabled at once; what became of each."""
    start = Barrier(2)

    def one(email: str) -> str:
        with app.app_context():
            start.wait(timeout=20)
            try:
                db.write(lambda: _leave(email, barrier, account_id))
            except Refused as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(one, [OLGA, EDDIE]))


def _leave(email: str, barrier: Barrier | None, account_id: str) -> None:
    if barrier is None:
        workflows.disable_user(user(email), by=COMMAND)
        return
    others = owners(account_id) - {email} - {e for e in NAMES if user(e).disabled_at}
    barrier.wait(timeout=20)
    if not others:
        raise Refused("owns-alone", things=[])
    user(email).disabled_at = db.now()


@pytest.fixture
def two_owners(app: Flask, world: World) -> str:
    direct = accounts.first_own_account(user(EDDIE))
    assert direct is not None
    own(EDDIE, world.north)
    own(SAM, direct.id)  # which is nobody's concern here
    db.session.rollback()
    return world.north


@pytest.mark.parametrize("kind", ["postgresql"])
def test_of_two_owners_disabled_at_once_one_stays(app: Flask, two_owners: str) -> None:
    assert two_leave(app, None, two_owners) == ["done", "owns-alone"]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_control_without_holding_the_account_both_are_disabled(app: Flask, two_owners: str) -> None:
    assert two_leave(app, Barrier(2), two_owners) == ["done", "done"]


def cloud_of_south_alone(world: World) -> str:
    """A cloud whose only owner is the partner South, which has no customer any more."""
    run_customer_verb(customers.remove, world.souths_customer, by=SAM)
    shop = create_cloud(DORA)
    grant(shop, by=DORA, to=world.south)
    clock = db.time.clock
    assert isinstance(clock, Clock)
    clock.forward(minutes=4)
    dora = signed_in(DORA)
    db.write(lambda: cloud_access.revoke(db.lock(Cloud, shop), by=dora, of=dora.id))
    return shop


def revoke_souths_status(world: World) -> None:
    db.write(
        lambda: workflows.revoke_partner_status(
            db.session.get_one(BillingAccount, world.south), by=COMMAND
        )
    )


def test_partner_status_stays_while_a_cloud_has_no_other_owner(app: object, world: World) -> None:
    shop = cloud_of_south_alone(world)
    with pytest.raises(Refused) as caught:
        revoke_souths_status(world)
    assert (caught.value.code, caught.value.facts) == ("partner-owns-clouds", {"clouds": shop})
    grant(shop, by=SAM, to=values.email(NINA))
    with pytest.raises(Refused):
        revoke_souths_status(world)  # Nina's role is not in effect yet
    clock = db.time.clock
    assert isinstance(clock, Clock)
    clock.forward(minutes=4)
    revoke_souths_status(world)
    assert not [result for result in doctor.run() if result.total]


def test_an_account_that_was_a_partners_once_is_no_other_owner(app: object, world: World) -> None:
    shop = cloud_of_south_alone(world)
    grant(shop, by=SAM, to=values.email(NINA))
    clock = db.time.clock
    assert isinstance(clock, Clock)
    clock.forward(minutes=4)
    revoke_souths_status(world)
    assert shop in refusal(NINA).facts["things"]
