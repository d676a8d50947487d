"""docs/connect-openstack.md is true: its commands are typed with the real client."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from portal.providers.contract import Ability
from tests.clouds import connect_guide, environments
from tests.clouds.domains import Admin, Domain
from tests.clouds.keystone import PASSWORD
from tests.clouds.rating import Rating


@pytest.fixture(scope="module")
def client() -> Path:
    """The folder of the command `openstack`."""
    try:
        with environments.locked():
            return environments.install("openstackclient")
    except environments.Unavailable as reason:
        pytest.skip(f"no openstack client: {reason}")


def run(commands: str, client: Path, admin: Admin) -> str:
    """The last line that the commands say, typed by the administrator."""
    env = {
        "PATH": f"{client}:{os.environ['PATH']}",
        "HOME": str(client),  # a user without an entry in /etc/passwd has none
        "OS_AUTH_URL": admin.server.url,
        "OS_USERNAME": "admin",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_IDENTITY_API_VERSION": "3",
    }
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_connection_as_the_guide_says_passes_its_test(
    admin: Admin, rating: Rating, client: Path
) -> None:
    prepare, measure = connect_guide.blocks("sh")
    password = run(prepare, client, admin)
    rating.forget_role()
    usage_project = run(measure, client, admin)
    domain_id = admin.call("GET", "/domains?name=partner")["domains"][0]["id"]
    settings = {"password": password, "usage_project": usage_project}

    connection = Domain(admin, domain_id, "partner", "").connection(**settings)
    preflight = connection.preflight()

    assert preflight.missing == ()
    assert preflight.abilities == {Ability.ACCESS, Ability.SUSPEND, Ability.USAGE_HISTORY}
    assert list(connection.everything()) == []


def test_the_guide_names_every_right_and_setting() -> None:
    preflight = Path("portal/providers/openstack/preflight.py").read_text()
    rights = re.findall(r'attempt\("([a-z ]+)"', preflight)

    assert len(rights) > 8
    for name in rights:
        assert name in connect_guide.TEXT
