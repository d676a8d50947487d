"""Federated members of a real Keystone, who sign in by an identity provider."""

from __future__ import annotations

import itertools
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from keystoneauth1.exceptions import Forbidden, NotFound, Unauthorized

from portal.providers.contract import Access, Cloud, How, Later, Member, NeedsPerson, Role
from portal.providers.openstack import OpenStack, Problem
from tests.clouds.domains import Admin, Domain, use_token, wait_for_next_second
from tests.clouds.identities import (
    PROTOCOL,
    IdentityProvider,
    make_application_credential,
    sign_in_by,
)
from tests.providers.faulty_servers import losing_answers

REFUSED = (Forbidden, NotFound, Unauthorized)
CONSOLE = "https://console.example/{id}"
SUBJECT = "8f0c-nina"


@pytest.fixture
def sso(admin: Admin, domain: Domain) -> IdentityProvider:
    return IdentityProvider(admin, domain.id)


@pytest.fixture
def connection(domain: Domain) -> OpenStack:
    return domain.connection(federation_protocol=PROTOCOL, console_url=CONSOLE)


@pytest.fixture
def shop(connection: OpenStack) -> str:
    return create(connection)


def create(connection: OpenStack) -> str:
    cloud = Cloud(secrets.token_hex(8), "Web shop")
    return connection.ensure_cloud("job1", cloud).external_id


def nina(sso: IdentityProvider, subject: str = SUBJECT, member_id: str = "") -> Member:
    member_id = member_id or secrets.token_hex(8)
    return Member(member_id, "Nina", "nina@customer.example", (sso.id, subject))


def code_of(connection: OpenStack, shop: str, member: Member) -> str:
    with pytest.raises(NeedsPerson) as refusal:
        connection.grant("job2", shop, member, Role.EDITOR)
    return refusal.value.code


def test_a_person_signs_in_by_the_provider_and_not_after_a_revoke(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    member = nina(sso)
    connection.grant("job2", shop, member, Role.VIEWER)
    connection.grant("job3", shop, member, Role.EDITOR)
    session = sso.enter(SUBJECT, shop)
    token = str(session.get_token())
    assert "member" in session.auth.get_access(session).role_names
    found = connection.find(shop)
    assert found is not None
    assert found.members == {member.id: Role.EDITOR}

    connection.revoke("job4", shop, member)
    connection.revoke("job5", shop, member)

    assert domain.users() == []
    assert use_token(session, token) in (401, 404)
    with pytest.raises(REFUSED):
        sso.enter(SUBJECT, shop)


def test_access_is_a_link_to_the_console(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    def get_access(connection: OpenStack) -> Access:
        until = datetime.now(UTC) + timedelta(days=9)
        return connection.access("j", shop, nina(sso), access_id="a", secret="s", until=until)

    assert get_access(connection) == Access(How.LINK, f"https://console.example/{shop}")
    with pytest.raises(NeedsPerson) as refusal:
        get_access(domain.connection())
    assert refusal.value.code == Problem.NO_CONSOLE
    connection.withdraw("job3", shop, nina(sso), access_id="a")


def test_revoked_on_one_cloud_a_person_stays_on_the_other(
    sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    other, member, there = create(connection), nina(sso), nina(sso)
    connection.grant("job2", shop, member, Role.EDITOR)
    connection.grant("job3", other, there, Role.VIEWER)
    wait_for_next_second()
    session = sso.enter(SUBJECT, shop)
    token, credential = str(session.get_token()), make_application_credential(session)

    connection.revoke("job4", shop, member)

    assert use_token(session, token) in (401, 404)
    wait_for_next_second()
    assert sso.enter(SUBJECT, other).get_project_id() == other
    for refused in (
        lambda: sso.enter(SUBJECT, shop),
        lambda: sign_in_by(credential, sso.admin.server.url),
    ):
        with pytest.raises(REFUSED):
            refused()


def test_a_revoke_that_was_cut_off_is_ended_by_the_next_one(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    other, member = create(connection), nina(sso)
    connection.grant("job2", shop, member, Role.EDITOR)
    connection.grant("job3", other, nina(sso), Role.VIEWER)
    with losing_answers(domain.admin.server.port) as relay:
        url = f"http://127.0.0.1:{relay.port}/v3"
        relayed = domain.connection(auth_url=url, federation_protocol=PROTOCOL)
        for number in itertools.count(1):
            relay.lose(number)
            with suppress(Later):
                relayed.revoke("job4", shop, member)
            if domain.users()[0]["enabled"] is False:
                break
        assert code_of(connection, shop, member) == Problem.IDENTITY_REVOKED

    connection.revoke("job4", shop, member)

    wait_for_next_second()
    assert sso.enter(SUBJECT, other).get_project_id() == other
    with pytest.raises(REFUSED):
        sso.enter(SUBJECT, shop)


def test_what_a_person_made_before_a_revoke_does_not_come_back(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    other, member = create(connection), nina(sso)
    connection.grant("job2", shop, member, Role.EDITOR)
    connection.grant("job3", other, nina(sso), Role.VIEWER)
    credential = make_application_credential(sso.enter(SUBJECT, shop))
    connection.revoke("job4", shop, member)

    assert code_of(connection, shop, member) == Problem.IDENTITY_REVOKED

    with pytest.raises(REFUSED):
        sign_in_by(credential, sso.admin.server.url)
    (user,) = domain.users()
    domain.admin.call("DELETE", f"/users/{user['id']}")  # as the guide says
    connection.grant("job5", shop, member, Role.EDITOR)
    with pytest.raises(REFUSED):
        sign_in_by(credential, sso.admin.server.url)
    assert sso.enter(SUBJECT, shop).get_project_id() == shop


def test_a_person_who_is_mapped_later_loses_the_user_and_the_identity_before(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    others = [domain.create_user(name=f"a{number}") for number in range(11)]  # more than a page
    member_id = secrets.token_hex(8)
    connection.grant("job2", shop, Member(member_id, "Nina"), Role.EDITOR)
    (user,) = [user for user in domain.users() if user["id"] not in others]

    connection.grant("job3", shop, nina(sso, "old", member_id), Role.EDITOR)
    connection.grant("job4", shop, nina(sso, "new", member_id), Role.EDITOR)

    (left,) = [user for user in domain.users() if user["id"] not in others]
    assert left["id"] != user["id"]
    assert sso.enter("new", shop).get_project_id() == shop
    connection.revoke("job5", shop, Member(member_id, "Nina"))
    assert len(domain.users()) == len(others)
    for subject in ("old", "new"):
        with pytest.raises(REFUSED):
            sso.enter(subject, shop)


def test_a_mapping_that_leads_to_nobody_needs_a_person(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    nobody = Member(secrets.token_hex(8), federated=("no-such-provider", SUBJECT))

    assert code_of(connection, shop, nobody) == Problem.IDENTITY_UNKNOWN
    assert code_of(domain.connection(), shop, nina(sso)) == Problem.IDENTITY_UNKNOWN
    assert domain.users() == []


def test_a_user_that_the_connection_did_not_make_is_never_touched(
    domain: Domain, sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    sso.sign_in(SUBJECT)  # Keystone makes a user
    member = nina(sso)

    assert code_of(connection, shop, member) == Problem.IDENTITY_NOT_OURS
    connection.revoke("job3", shop, member)

    assert [user["enabled"] for user in domain.users()] == [True]
    assert sso.sign_in(SUBJECT)


def test_an_identity_with_a_user_in_another_domain_needs_a_person(
    admin: Admin, domain: Domain, connection: OpenStack, shop: str
) -> None:
    elsewhere = IdentityProvider(admin, admin.create_domain().id)
    elsewhere.sign_in(SUBJECT)

    assert code_of(connection, shop, nina(elsewhere)) == Problem.IDENTITY_TAKEN
    assert domain.users() == []


def test_two_people_can_not_be_mapped_to_one_identity(
    sso: IdentityProvider, connection: OpenStack, shop: str
) -> None:
    connection.grant("job2", shop, nina(sso), Role.VIEWER)

    assert code_of(connection, shop, nina(sso)) == Problem.IDENTITY_TAKEN


def test_who_manages_a_project_there_owns_it(
    admin: Admin, domain: Domain, sso: IdentityProvider, connection: OpenStack
) -> None:
    project_id, identity = domain.create_project("Old racks"), (sso.id, SUBJECT)
    assert connection.role_of(project_id, identity) is None
    sso.sign_in(SUBJECT)  # which makes the user
    (user,) = domain.users()
    path = f"/projects/{project_id}/users/{user['id']}/roles"
    admin.call("PUT", f"{path}/{admin.role('member')}")
    assert connection.role_of(project_id, identity) is Role.EDITOR
    admin.call("PUT", f"{path}/{admin.role('manager')}")
    assert connection.role_of(project_id, identity) is Role.OWNER
    assert connection.role_of("no-such-project", identity) is None
    assert connection.role_of(project_id, (sso.id, "somebody")) is None
