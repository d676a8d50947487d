"""OpenStack by a real Keystone, with the rights of a manager of one domain."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from portal.providers.contract import Ability, Access, Cloud, Member, NeedsPerson, Role
from portal.providers.openstack import OpenStack
from tests.clouds.domains import REFUSED, Admin, Domain, sign_in, use_token, wait_for_next_second
from tests.clouds.relay import ignoring_filters

CARL = Member("mbr00000000000000001", "Carl", "carl@customer.example")
NINA = Member("mbr00000000000000002", "Nina", "nina@customer.example")
SHOP = Cloud("b1g00000000000000001", "Web shop")


@pytest.fixture
def connection(domain: Domain) -> OpenStack:
    return domain.connection()


@pytest.fixture
def shop(connection: OpenStack) -> str:
    """The project of a cloud on which Carl is editor."""
    external_id = connection.ensure_cloud("job1", SHOP).external_id
    connection.grant("job2", external_id, CARL, Role.EDITOR)
    return external_id


def get_access(
    connection: OpenStack, shop: str, *, access_id: str = "key1", secret: str = "", days: int = 9
) -> Access:
    return connection.access(
        "job3",
        shop,
        CARL,
        access_id=access_id,
        secret=secret or secrets.token_urlsafe(32),
        until=datetime.now(UTC) + timedelta(days=days),
    )


def test_a_real_client_signs_in_to_the_project_and_is_refused_while_it_is_suspended(
    connection: OpenStack, shop: str
) -> None:
    access = get_access(connection, shop)
    assert sign_in(access).get_project_id() == shop

    done = connection.suspend("job4", shop)

    assert done.left == ("servers", "volumes")
    with pytest.raises(REFUSED):
        sign_in(access)
    connection.resume("job5", shop)
    assert sign_in(access).get_project_id() == shop


def test_after_a_revoke_and_a_new_grant_the_old_secret_and_the_old_token_stay_refused(
    connection: OpenStack, shop: str
) -> None:
    access = get_access(connection, shop)
    wait_for_next_second()
    session = sign_in(access)
    token = session.get_token()
    assert use_token(session, token) == 200

    done = connection.revoke("job4", shop, CARL)

    assert done.ends_by is not None
    assert use_token(session, token) in (401, 404)
    connection.grant("job5", shop, CARL, Role.OWNER)
    new = get_access(connection, shop)
    assert use_token(session, token) in (401, 404)
    with pytest.raises(REFUSED):
        sign_in(access)
    assert sign_in(new).get_project_id() == shop


def test_a_revoke_that_was_cut_off_leaves_nothing_to_the_next_grant(
    domain: Domain, connection: OpenStack, shop: str
) -> None:
    access = get_access(connection, shop)
    (user,) = domain.users()
    domain.admin.call("PATCH", f"/users/{user['id']}", {"user": {"enabled": False}})

    connection.grant("job4", shop, CARL, Role.EDITOR)

    assert [other["id"] for other in domain.users()] != [user["id"]]
    with pytest.raises(REFUSED):
        sign_in(access)


def test_an_access_is_restricted_ends_within_90_days_and_is_made_once(
    connection: OpenStack, shop: str
) -> None:
    access = get_access(connection, shop, secret="a-secret-of-ours", days=300)
    again = get_access(connection, shop, secret="a-secret-of-ours", days=300)

    assert again.text == access.text
    assert access.expires is not None
    assert access.expires - datetime.now(UTC) < timedelta(days=90)
    entry = yaml.safe_load(access.text)["clouds"].popitem()[1]["auth"]
    assert entry["application_credential_secret"] == "a-secret-of-ours"
    wait_for_next_second()
    session = sign_in(access)
    url = f"{entry['auth_url']}/users/{session.get_user_id()}/application_credentials"
    body = {"application_credential": {"name": "another"}}
    assert session.post(url, json=body, raise_exc=False).status_code == 403


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.VIEWER, ["reader"]),
        (Role.ADMIN, ["member"]),
        (Role.OWNER, ["member"]),
        (Role.MEMBER, []),
    ],
)
def test_a_member_has_one_role_and_never_manager(
    domain: Domain, connection: OpenStack, shop: str, role: Role, expected: list[str]
) -> None:
    connection.grant("job4", shop, CARL, role)

    assert domain.roles(shop, CARL) == expected


def test_roles_given_by_hand_are_seen(domain: Domain, connection: OpenStack, shop: str) -> None:
    theirs, admin = domain.create_user(name="theirs"), domain.admin.role("admin")
    for user_id in (theirs, domain.manager_id):
        domain.admin.call("PUT", f"/projects/{shop}/users/{user_id}/roles/{admin}")

    found = connection.find(shop)

    assert found is not None
    assert found.members == {CARL.id: Role.EDITOR, theirs: Role.OWNER}
    assert [each.members for each in connection.everything()] == [found.members]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER])
def test_a_role_is_listed_as_granted_until_it_is_changed_by_hand(
    domain: Domain, connection: OpenStack, shop: str, role: Role
) -> None:
    def listed() -> Role:
        (found,) = connection.everything()
        return (found.members or {})[CARL.id]

    connection.grant("job4", shop, CARL, role)
    assert listed() is connection.role_there(role)

    (user,) = domain.users()
    manager = domain.admin.role("manager")
    domain.admin.call("PUT", f"/projects/{shop}/users/{user['id']}/roles/{manager}")
    assert listed() is not connection.role_there(role)

    connection.grant("job5", shop, CARL, role)
    assert listed() is connection.role_there(role)


def test_a_user_that_the_connection_did_not_make_is_never_touched(
    domain: Domain, connection: OpenStack, shop: str
) -> None:
    theirs = domain.create_user(name=NINA.id, email=NINA.email)

    for call in (
        lambda: connection.grant("job4", shop, NINA, Role.EDITOR),
        lambda: connection.revoke("job5", shop, NINA),
        lambda: connection.withdraw("job6", shop, NINA, access_id="key1"),
    ):
        with pytest.raises(NeedsPerson) as refusal:
            call()
        assert refusal.value.code == "openstack-user-not-ours"

    assert domain.admin.call("GET", f"/users/{theirs}")["user"]["enabled"]
    assert domain.roles(shop, NINA) == []


def test_a_project_of_another_domain_is_as_if_there_were_none(
    admin: Admin, connection: OpenStack
) -> None:
    other = admin.create_domain()
    theirs = other.create_project("Theirs")

    assert connection.find(theirs) is None
    connection.suspend("job1", theirs)
    with pytest.raises(NeedsPerson) as refusal:
        connection.grant("job2", theirs, CARL, Role.EDITOR)

    assert refusal.value.code == "openstack-cloud-gone"
    assert [project["enabled"] for project in other.projects()] == [True]
    assert other.users() == []


def test_a_renamed_cloud_is_found_among_more_than_a_page(
    domain: Domain, connection: OpenStack
) -> None:
    first = connection.ensure_cloud("job1", SHOP).external_id
    for number in range(12):
        domain.create_project(f"Foreign {number}")

    renamed = connection.ensure_cloud("job1", Cloud(SHOP.id, "Renamed meanwhile"))

    assert renamed.external_id == first
    assert len(list(connection.everything())) == 13
    assert connection.find(first) is not None
    assert connection.find(secrets.token_hex(16)) is None


def test_a_project_renamed_by_hand_is_found_by_its_tag(
    domain: Domain, connection: OpenStack, shop: str
) -> None:
    domain.admin.call("PATCH", f"/projects/{shop}", {"project": {"name": "By hand"}})

    assert connection.ensure_cloud("job1", SHOP).external_id == shop
    assert [project["name"] for project in domain.projects()] == ["By hand"]
    connection.change_cloud("job2", shop, SHOP)
    assert [project["name"] for project in domain.projects()] == [f"Web shop-{SHOP.id}"]


def test_a_project_with_the_tag_of_another_cloud_is_not_renamed(
    connection: OpenStack, shop: str
) -> None:
    with pytest.raises(NeedsPerson) as refusal:
        connection.change_cloud("job2", shop, Cloud("b1g00000000000000009", "Mine"))

    assert refusal.value.code == "openstack-cloud-of-another"


def test_two_projects_of_one_cloud_need_a_person(
    domain: Domain, connection: OpenStack, shop: str
) -> None:
    domain.create_project("Copy", tags=[f"portal:{SHOP.id}"])

    with pytest.raises(NeedsPerson) as refusal:
        connection.ensure_cloud("job1", SHOP)

    assert refusal.value.code == "openstack-cloud-doubled"


def test_filters_that_are_ignored_mislead_nobody(
    domain: Domain, connection: OpenStack, shop: str
) -> None:
    theirs = domain.create_user(name="theirs")
    for number in range(12):
        domain.create_project(f"Foreign {number}", tags=["portal:another"])
    with ignoring_filters(domain.admin.server.port) as port:
        relayed = domain.connection(auth_url=f"http://127.0.0.1:{port}/v3")

        assert relayed.ensure_cloud("job4", SHOP).external_id == shop
        new = relayed.ensure_cloud("job5", Cloud("b1g00000000000000002", "New")).external_id
        relayed.grant("job6", new, NINA, Role.VIEWER)
        relayed.grant("job7", shop, CARL, Role.VIEWER)
        kept = get_access(relayed, shop, access_id="kept")
        get_access(relayed, shop, access_id="withdrawn")
        relayed.withdraw("job8", shop, CARL, access_id="withdrawn")
        relayed.revoke("job9", new, NINA)
        found = relayed.find(shop)

    assert found is not None
    assert found.members == {CARL.id: Role.VIEWER}
    assert len(domain.projects()) == 14
    assert {user["name"] for user in domain.users()} == {"theirs", CARL.id}
    assert domain.admin.call("GET", f"/users/{theirs}")["user"]["enabled"]
    assert sign_in(kept, domain.admin.server.url).get_project_id() == shop


def test_the_preflight_tries_every_right_and_leaves_nothing(domain: Domain) -> None:
    connection = domain.connection(federation_protocol="openid", console_url="https://c.example/")
    left = "portal-preflight-of-a-test-that-was-killed"
    domain.create_project(left, tags=["portal:1"])

    preflight = connection.preflight()

    assert preflight.missing == ()
    assert preflight.abilities == {Ability.ACCESS, Ability.SUSPEND, Ability.FEDERATION}
    assert domain.projects() == []
    assert domain.users() == []


@pytest.mark.parametrize("role", ["reader", "member"])
def test_the_preflight_names_each_missing_right(admin: Admin, role: str) -> None:
    preflight = admin.create_domain(role).connection().preflight()

    assert [right.partition(" (")[0] for right in preflight.missing] == [
        "create projects",
        "create users",
    ]
    assert "not authorized" in preflight.missing[0]
    assert preflight.abilities == frozenset()


def test_credentials_that_do_not_do_are_named(admin: Admin, domain: Domain) -> None:
    def refused(connection: OpenStack) -> str:
        with pytest.raises(NeedsPerson) as refusal:
            connection.preflight()
        return refusal.value.code

    assert refused(domain.connection(password="wrong")) == "openstack-credentials-wrong"
    assert refused(domain.connection(domain="No such")) == "openstack-credentials-wrong"
    assert refused(admin.create_domain("").connection()) == "openstack-no-role"
    root = admin.server.url.removesuffix("/v3")
    assert refused(domain.connection(auth_url=root)) == "openstack-not-keystone"
    admin.server.set_expiry(domain.manager_id, datetime(2020, 1, 1, tzinfo=UTC))
    assert refused(domain.connection()) == "openstack-password-expired"
