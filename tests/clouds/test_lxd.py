"""LXD by a real server: projects, memberships and their certificates."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from portal.providers.contract import Ability, Cloud, Member, NeedsPerson, Role
from portal.providers.lxd import Lxd, accesses, projects
from tests.clouds.lxd import Refused, Server, as_body
from tests.clouds.lxd_people import Person
from tests.support.processes import wait_until

UNTIL = datetime.now(UTC) + timedelta(days=9)
CARL = Member("mbr00000000000000001", "Carl", "carl@customer.example")
NINA = Member("mbr00000000000000002", "Nina", "nina@customer.example")


@pytest.fixture
def connection(lxd_server: Server) -> Lxd:
    return lxd_server.connection()


@pytest.fixture
def shop(lxd_server: Server, connection: Lxd) -> Iterator[str]:
    """The project of a cloud on which Carl is editor."""
    yield from project(lxd_server, connection, CARL)


@pytest.fixture
def other(lxd_server: Server, connection: Lxd) -> Iterator[str]:
    """The project of a cloud on which Nina is editor."""
    yield from project(lxd_server, connection, NINA)


def project(server: Server, connection: Lxd, member: Member) -> Iterator[str]:
    cloud = Cloud(f"b1g{secrets.token_hex(8)}", "Web shop")
    external_id = connection.ensure_cloud("job1", cloud).external_id
    connection.grant("job2", external_id, member, Role.EDITOR)
    yield external_id
    connection.revoke("job3", external_id, member)
    server.delete_project(external_id)


@pytest.fixture
def enter(lxd_server: Server, connection: Lxd) -> partial[Person]:
    return partial(get_access, lxd_server, connection)


def get_access(
    server: Server, connection: Lxd, project: str, member: Member, access_id: str = ""
) -> Person:
    access = connection.access(
        "job3", project, member, access_id=access_id or secrets.token_hex(8), secret="", until=UNTIL
    )
    return Person(server, access)


def names(server: Server) -> list[str]:
    """The names of all certificates."""
    return sorted(row["name"] for row in server.call("GET", "/certificates?recursion=1"))


def trust(server: Server, name: str, **fields: object) -> tuple[str, str]:
    """Add a certificate by hand; return it and its key."""
    certificate, key = accesses.make_certificate(name, UNTIL)
    body = {"name": name, "type": "client", "certificate": as_body(certificate), **fields}
    server.call("POST", "/certificates", body)
    return certificate, key


def refused(call: partial[object]) -> str:
    """The code with which a call needs a person."""
    with pytest.raises(NeedsPerson) as refusal:
        call()
    return refusal.value.code


def test_a_certificate_sees_its_own_projects_and_no_name_of_another_person(
    enter: partial[Person], shop: str, other: str
) -> None:
    carl = enter(shop, CARL)
    enter(other, NINA)

    assert [row["name"] for row in carl.call("GET", "/projects?recursion=1")[1]] == [shop]
    assert carl.call("GET", f"/projects/{other}")[0] == 403
    assert carl.call("GET", f"/instances?project={other}")[0] == 403
    for path in ("/certificates?recursion=1", "/operations?recursion=1", "/networks?recursion=1"):
        text = str(carl.call("GET", path)[1]).lower()
        assert "nina" not in text
        assert "customer.example" not in text


def test_a_certificate_can_not_widen_its_rights_or_touch_what_is_shared(
    lxd_server: Server, enter: partial[Person], shop: str, other: str
) -> None:
    carl = enter(shop, CARL, "carls-access")
    row = next(row for row in carl.call("GET", "/certificates?recursion=1")[1] if row["restricted"])
    network = {"name": "evil0", "type": "macvlan", "config": {"parent": "lo"}}
    attempts = [
        ("PUT", f"/projects/{shop}", {"config": {}}),
        ("PATCH", f"/certificates/{row['fingerprint']}", {"projects": [shop, other]}),
        ("PATCH", f"/certificates/{row['fingerprint']}", {"name": "hidden"}),
        ("POST", "/certificates", {"type": "client", "name": "evil", "token": True}),
        ("POST", f"/networks?project={shop}", network),
        ("DELETE", f"/networks/shared0?project={shop}", None),
        ("PATCH", "/storage-pools/default", {"description": "evil"}),
    ]

    assert {carl.call(*attempt)[0] for attempt in attempts} <= {403, 404}
    assert "shared0" in [row["name"] for row in lxd_server.call("GET", "/networks?recursion=1")]


def test_join_tokens_that_wait_are_read_by_every_certificate(
    lxd_server: Server, enter: partial[Person], shop: str, other: str
) -> None:
    """Why accesses are no join tokens. Once it fails, LXD hides them."""
    carl = enter(shop, CARL)
    body = {"type": "client", "name": "ninas", "restricted": True, "projects": [other]}
    token = lxd_server.call("POST", "/certificates", body | {"token": True})

    assert token["metadata"]["secret"] in str(carl.call("GET", "/operations?recursion=1")[1])

    lxd_server.call("DELETE", f"/operations/{token['id']}")


def test_lxds_own_client_works_with_the_file_and_is_refused_after_the_revoke(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str, tmp_path: Path
) -> None:
    text = enter(shop, CARL).access.text
    for name in ("client.crt", "client.key"):
        (tmp_path / name).write_text(text)

    def lxc(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [lxd_server.programs / "lxc", *arguments]
        settings = {"LXD_CONF": str(tmp_path), "HOME": str(tmp_path)}
        return subprocess.run(
            command, env=settings, input="", capture_output=True, text=True, check=False
        )

    added = lxc("remote", "add", "cloud", lxd_server.url, "--accept-certificate", "--project", shop)
    assert added.returncode == 0, added.stderr
    listed = lxc("list", "cloud:", "--format", "csv")
    assert listed.returncode == 0, listed.stderr

    connection.revoke("job4", shop, CARL)

    assert "not authorized" in lxc("list", "cloud:").stderr


def test_a_certificate_that_its_holder_replaced_is_refused_after_the_revoke(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str
) -> None:
    carl = enter(shop, CARL, "carls-access")
    (row,) = [
        row
        for row in carl.call("GET", "/certificates?recursion=1")[1]
        if row["name"] == "carls-access"
    ]
    certificate, key = accesses.make_certificate("renewed", UNTIL)
    renewed = carl.call(
        "PATCH", f"/certificates/{row['fingerprint']}", {"certificate": certificate}
    )
    assert renewed[0] == 200
    access = carl.access._replace(text=f"Project: {shop}\n\n{certificate}{key}")
    carl = Person(lxd_server, access)
    assert carl.is_let_in()

    connection.revoke("job4", shop, CARL)

    assert not carl.is_let_in()


def test_a_certificate_ends_when_its_access_does(
    lxd_server: Server, connection: Lxd, shop: str
) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    access = connection.access("job3", shop, CARL, access_id="key1", secret="", until=until)
    carl = Person(lxd_server, access)
    assert access.expires == until
    assert carl.is_let_in()

    wait_until(lambda: datetime.now(UTC) > until + timedelta(seconds=1))

    assert not carl.is_let_in()


def test_a_second_cloud_on_the_server_extends_the_certificate(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str, other: str
) -> None:
    carl = enter(shop, CARL, "carls-access")
    second = enter(other, NINA, "carls-access")

    assert "PRIVATE KEY" not in second.access.text
    in_second = Person(lxd_server, carl.access._replace(text=carl.access.text.replace(shop, other)))
    assert (carl.is_let_in(), in_second.is_let_in()) == (True, True)
    connection.suspend("job4", shop)
    assert (carl.is_let_in(), in_second.is_let_in()) == (False, True)
    connection.suspend("job5", other)
    connection.revoke("job6", other, NINA)
    connection.resume("job7", shop)
    assert (carl.is_let_in(), in_second.is_let_in()) == (True, False)
    connection.revoke("job8", shop, CARL)
    assert "carls-access" not in names(lxd_server)


def test_a_viewer_has_no_access_and_reads_why(
    connection: Lxd, enter: partial[Person], shop: str
) -> None:
    carl = enter(shop, CARL)

    connection.grant("job4", shop, CARL, Role.VIEWER)

    assert not carl.is_let_in()
    assert refused(partial(enter, shop, CARL)) == "lxd-no-viewers"
    assert (found := connection.find(shop)) is not None
    assert found.members == {CARL.id: Role.VIEWER}
    connection.grant("job5", shop, CARL, Role.OWNER)
    assert enter(shop, CARL).is_let_in()
    assert not carl.is_let_in()


def test_who_has_no_role_gets_no_access(connection: Lxd, enter: partial[Person], shop: str) -> None:
    carl = enter(shop, CARL)

    connection.grant("job4", shop, CARL, Role.MEMBER)

    assert not carl.is_let_in()
    assert refused(partial(enter, shop, CARL)) == "lxd-no-membership"


def test_certificates_that_the_portal_did_not_make_are_listed_and_never_touched(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str
) -> None:
    trust(lxd_server, "key1")  # an administrator's, with the name of an access
    trust(lxd_server, "by-hand", restricted=True, projects=[shop])
    before = lxd_server.call("GET", "/certificates?recursion=1")
    enter(shop, CARL, "key1")

    done = connection.suspend("job4", shop)
    found = connection.find(shop)
    connection.resume("job5", shop)
    connection.revoke("job6", shop, CARL)

    assert done.left[-1] == "sign-ins by certificates that the portal did not make"
    assert lxd_server.call("GET", "/certificates?recursion=1") == before
    (by_hand,) = [row["fingerprint"] for row in before if row["name"] == "by-hand"]
    assert found is not None
    assert found.members == {CARL.id: Role.EDITOR, by_hand: Role.EDITOR}


def test_a_project_that_was_adopted_is_marked_and_one_of_another_cloud_is_not(
    lxd_server: Server, connection: Lxd, shop: str
) -> None:
    config = {"user.theirs": "1", "features.profiles": "false"}
    lxd_server.call("POST", "/projects", {"name": "by-hand", "config": config})
    shared = lxd_server.call("GET", "/profiles/default")
    adopted, cloud = lambda: connection.find("by-hand"), Cloud("b1gadopted", " Cafe\u0301 ")
    assert adopted().our_id == ""  # type: ignore[union-attr]

    connection.change_cloud("job4", "by-hand", cloud)

    assert (adopted().our_id, adopted().name) == ("b1gadopted", "Café")  # type: ignore[union-attr]
    assert lxd_server.call("GET", "/projects/by-hand")["config"]["user.theirs"] == "1"
    assert lxd_server.call("GET", "/profiles/default")["devices"] == shared["devices"]
    change = partial(connection.change_cloud, "job5", shop, cloud)
    assert refused(change) == "lxd-cloud-of-another"
    lxd_server.delete_project("by-hand")


def test_a_closed_cloud_is_marked_and_nothing_of_it_is_deleted(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str
) -> None:
    carl = enter(shop, CARL)
    carl.start_instance("kept")

    done = connection.close("job4", shop)

    assert done.left == ("stopped instances", "volumes", "images")
    assert not carl.is_let_in()
    assert carl.states() == {"kept": "Stopped"}
    assert lxd_server.call("GET", f"/projects/{shop}")["config"][projects.CLOSED] == "true"


def test_limits_bound_what_people_create_and_their_profile_stays(
    lxd_server: Server, connection: Lxd, enter: partial[Person], shop: str
) -> None:
    carl, limits = enter(shop, CARL), {"cpu": 2, "memory": 1, "disk": 30, "instances": 5}
    connection.change_cloud("job4", shop, Cloud(shop, "Web shop", limits))
    carl.start_instance("first")
    profile = f"/profiles/default?project={shop}"
    edited = carl.call("PATCH", profile, {"description": "Carl's", "config": {"user.carl": "1"}})
    assert edited[0] == 200

    with pytest.raises(AssertionError, match="maximum aggregate value"):
        carl.start_instance("second", config={"limits.cpu": "2"})
    connection.change_cloud("job5", shop, Cloud(shop, "Web shop", {"cpu": 8, "memory": 4}))
    carl.start_instance("third", config={"limits.cpu": "4"})

    lower = partial(connection.change_cloud, "job6", shop, Cloud(shop, "Web shop", {"cpu": 1}))
    assert refused(lower) == "lxd-change-refused"
    unknown = partial(connection.change_cloud, "job7", shop, Cloud(shop, "Web shop", {"gpu": 1}))
    assert refused(unknown) == "lxd-limit-unknown"
    assert lxd_server.call("GET", profile)["description"] == "Carl's"
    fewer = {"memory": None, "instances": None}
    connection.change_cloud("job8", shop, Cloud(shop, "Web shop", fewer))
    config = lxd_server.call("GET", f"/projects/{shop}")["config"]
    limited = {key: value for key, value in config.items() if key.startswith("limits.")}
    assert limited == {"limits.cpu": "8", "limits.disk": "30GiB"}


def test_a_project_with_an_instance_is_not_empty(
    connection: Lxd, enter: partial[Person], shop: str
) -> None:
    assert connection.is_empty(shop) is True
    enter(shop, CARL).start_instance("first")
    assert connection.is_empty(shop) is False


def test_instances_have_the_network_of_the_settings(lxd_server: Server, connection: Lxd) -> None:
    cloud = Cloud(f"b1g{secrets.token_hex(8)}", "Web shop")

    lxd_server.connection(network="shared0").ensure_cloud("job1", cloud)

    devices = lxd_server.call("GET", f"/profiles/default?project={cloud.id}")["devices"]
    assert devices["eth0"] == {"name": "eth0", "network": "shared0", "type": "nic"}
    config = lxd_server.call("GET", f"/projects/{cloud.id}")["config"]
    assert config["restricted.networks.access"] == "shared0"
    lxd_server.delete_project(cloud.id)


def test_usage_is_what_instances_are_given_now(
    connection: Lxd, enter: partial[Person], shop: str, other: str
) -> None:
    enter(shop, CARL).start_instance(
        "first", config={"limits.cpu": "2", "limits.memory": "1536MiB"}
    )
    today = datetime.now(UTC).date()

    lines = list(connection.usage([shop, other, "gone"], today))

    assert {(line.external_id, line.kind): (line.quantity, line.unit) for line in lines} == {
        (shop, "cpu"): (Decimal(2), "vCPU"),
        (shop, "memory"): (Decimal("1.5"), "GiB"),
        (shop, "instances"): (Decimal(1), "instance"),
    }
    assert list(connection.usage([shop], today - timedelta(days=1))) == []


def test_the_preflight_tries_every_right_and_leaves_nothing(
    lxd_server: Server, connection: Lxd
) -> None:
    killed = Cloud("portal-preflight-killed", "portal-preflight")
    connection.ensure_cloud("job1", killed)
    connection.grant("job2", killed.id, CARL, Role.EDITOR)
    get_access(lxd_server, connection, killed.id, CARL, "portal-preflight-killed")

    preflight = connection.preflight()

    assert preflight.missing == ()
    assert preflight.abilities == {
        Ability.ACCESS,
        Ability.LIMITS,
        Ability.SUSPEND,
        Ability.USAGE_SAMPLE,
    }
    assert not [url for url in lxd_server.call("GET", "/projects") if "preflight" in url]
    assert not [name for name in names(lxd_server) if "preflight" in name]


def test_the_preflight_names_what_is_missing(lxd_server: Server) -> None:
    def missing(**settings: str) -> tuple[str, ...]:
        return lxd_server.connection(**settings).preflight().missing

    assert missing(pool="none") == ("storage pool (none)",)
    assert missing(network="lo") == ("managed network (lo)",)
    certificate, key = trust(lxd_server, "weak", restricted=True, projects=[])
    weak = lxd_server.http(client_certificate=certificate, client_key=key)
    assert lxd_server.connection(http=weak).preflight().missing == (
        "create projects (not authorized)",
    )
    certificate, key = accesses.make_certificate("stranger", UNTIL)
    stranger = lxd_server.http(client_certificate=certificate, client_key=key)
    assert refused(lxd_server.connection(http=stranger).preflight) == "lxd-not-trusted"  # type: ignore[arg-type]
    other = lxd_server.http(fingerprint="0" * 64)
    assert refused(lxd_server.connection(http=other).preflight) == "http-certificate-changed"  # type: ignore[arg-type]
    with pytest.raises(Refused):
        lxd_server.call("GET", "/projects/evil")
